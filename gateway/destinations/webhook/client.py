"""A webhook gets signed JSON, and its status alone is its answer.

Each request is signed at the moment it leaves (https://www.standardwebhooks.com). `webhook-id` is
made of the events in it, so a request that comes twice can be known by it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from gateway import __version__
from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import (
    Delivered,
    Draft,
    Rejected,
    Rendered,
    Request,
    RetryLater,
    Verdict,
)
from gateway.destinations.http import Http, Reply
from gateway.destinations.http_outcomes import locked_out, wait
from gateway.destinations.webhook.mapping import body_of
from gateway.destinations.webhook.settings import ENCODED, WebhookSettings
from gateway.event import Reason, StoredEvent

MAX_BODY_BYTES = 1_000_000
"""Of one request, except where a single event is larger."""

_OF_THE_EVENTS = frozenset({409, 410})
"""What a vendor says of an account, a webhook may well say of the events."""


class WebhookDestination:
    """Posts batches to one address."""

    def __init__(self, name: str, settings: WebhookSettings, outgoing: Outgoing) -> None:
        self.name = name
        self._settings = settings
        self._key = None if settings.secret is None else _key(settings.secret)
        self._secrets = frozenset({"webhook-signature", *settings.headers})
        self._http = Http(name, settings.timeout, outgoing)

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """Batches of at most `batch` events, in the order given."""
        batches: list[list[StoredEvent]] = []
        held = 0
        for event in events:
            held += len(event.body)
            if not batches or len(batches[-1]) == self._settings.batch or held > MAX_BODY_BYTES:
                batches.append([])
                held = len(event.body)
            batches[-1].append(event)
        return Rendered(tuple([self._draft(batch) for batch in batches]))

    async def send(self, request: Request) -> Verdict:
        reply = await self._http.send(request)
        return reply if isinstance(reply, RetryLater) else _verdict(reply)

    async def open(self, state: str | None) -> None:
        """There is nothing to take up: the other side knows a request by its `webhook-id`."""

    async def close(self) -> None:
        self._http.close()

    def _draft(self, batch: Sequence[StoredEvent]) -> Draft:
        sequences = tuple([event.sequence for event in batch])
        return Draft(self._settings.url, sequences, partial(self._finished, batch, sequences))

    def _finished(self, batch: Sequence[StoredEvent], sequences: tuple[int, ...]) -> Request:
        """Signed at this moment."""
        body = body_of(batch)
        hops = [hop for event in batch for hop in event.header.hops]
        headers = {
            "User-Agent": f"telemetry-gateway/{__version__}",
            **self._settings.headers,
            "Content-Type": "application/json",
            "webhook-id": _id(batch),
            "webhook-timestamp": str(int(time.time())),
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(
                self._key, headers["webhook-id"], headers["webhook-timestamp"], body
            )
        request = self._http.prepared("POST", self._settings.url, body, headers, hops)
        return replace(request, secrets=self._secrets, events=sequences)


def signature(key: bytes, name: str, timestamp: str, body: bytes) -> str:
    """As Standard Webhooks has it, version 1."""
    digest = hmac.digest(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    if secret.startswith(ENCODED):
        return base64.b64decode(secret.removeprefix(ENCODED))
    return secret.encode()


def _id(batch: Sequence[StoredEvent]) -> str:
    names = "\n".join(event.header.message_id for event in batch)
    return f"msg_{hashlib.sha256(names.encode()).hexdigest()[:32]}"


def _verdict(reply: Reply) -> Verdict:
    """The answer has no form that could tell a stranger's from its own."""
    if waiting := wait(reply):
        return waiting
    if reply.status < 300:
        return Delivered()
    if reply.status not in _OF_THE_EVENTS and (waiting := locked_out(reply)):
        return waiting
    return Rejected(Reason.REFUSED, reply.status, f"http {reply.status}")
