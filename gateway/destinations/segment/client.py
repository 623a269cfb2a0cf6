"""Segment gets its batches as its own package builds them, with the moment of sending in each.

Segment corrects clocks: `timestamp = receivedAt - (sentAt - originalTimestamp)`, where
`originalTimestamp` is the `timestamp` it is sent (Segment Spec, Common fields). Ours is corrected
already, so `sentAt` must be the moment of sending, whenever that is: every attempt is built again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import orjson
from segment.analytics import request as sdk

from gateway.config.outgoing import DIRECT, Outgoing
from gateway.destinations.contract import (
    Delivered,
    Draft,
    Rejected,
    Rendered,
    Request,
    RetryLater,
    Verdict,
)
from gateway.destinations.http import Http, Reply, held
from gateway.destinations.http_outcomes import is_data, locked_out, said, stranger, wait
from gateway.destinations.segment.mapping import message_of
from gateway.destinations.segment.oauth import Tokens
from gateway.destinations.segment.settings import SegmentSettings as Settings
from gateway.destinations.vendor_words import SHORT_BYTES, Sent, vendor_words
from gateway.event import Message, Reason, StoredEvent
from gateway.translation import fields

MAX_MESSAGE_BYTES = 32 * 1024
"""One message as compact JSON; Segment answers 400 for the whole batch if one is larger."""
MAX_BATCH_BYTES = 475_000
"""A batch as it is sent; Segment takes 500 KB."""
MAX_BATCH_MESSAGES = 2000
"""Segment takes 2500 and drops the rest in silence."""

_ADDED = 128
"""More than `message_of` adds to a message: a time, and an address that is none."""
_TOKEN_REFUSED = frozenset({400, 401, 403, 511})
"""Answers after which the package asks for another token."""
_ASCII = bytes(range(128))

held(sdk._session)  # noqa: SLF001 (the package offers no other way in)
# The package writes whole messages to its log.
logging.getLogger("segment").setLevel(logging.CRITICAL)


class SegmentDestination:
    """Lets `segment.analytics.request.post` build each batch, and sends what it built."""

    def __init__(self, name: str, settings: Settings, outgoing: Outgoing = DIRECT) -> None:
        self.name = name
        self._settings = settings
        self._url = f"{settings.host}/v1/batch"
        self._http = Http(name, settings.timeout, outgoing)
        self._tokens = (
            Tokens(settings.oauth, settings.timeout, outgoing) if settings.oauth else None
        )

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """Batches within Segment's limits, in the order given."""
        filtered: dict[int, Reason] = {}
        batches: list[_Batch] = []
        for event in events:
            message = message_of(event, self._settings.group_key)
            if isinstance(message, Reason):
                filtered[event.sequence] = message
                continue
            compact: bytes = event.body
            if event.header.protocol != "segment" or len(compact) > MAX_MESSAGE_BYTES - _ADDED:
                compact = orjson.dumps(message)
                if len(compact) > MAX_MESSAGE_BYTES:
                    filtered[event.sequence] = Reason.OVER_VENDOR_LIMIT
                    continue
            size = _most_bytes(compact)
            if not batches or not batches[-1].takes(size):
                batches.append(_Batch())
            batches[-1].add(event, message, size)
        return Rendered(tuple([self._draft(batch) for batch in batches]), filtered)

    async def send(self, request: Request) -> Verdict:
        token = await self._tokens.current() if self._tokens else None
        if isinstance(token, RetryLater):
            return token
        if token is not None:
            headers = {**request.headers, "Authorization": f"Bearer {token.text}"}
            request = replace(request, headers=headers)
        reply = await self._http.send(request)
        if isinstance(reply, RetryLater):
            return reply
        if token is not None and reply.status in _TOKEN_REFUSED:
            token.clear()
        if reply.status >= 400 and len(request.body) > SHORT_BYTES:
            return await asyncio.to_thread(_verdict, reply, request)
        return _verdict(reply, request)

    async def open(self, state: str | None) -> None:
        """There is nothing to take up: Segment knows a message it has seen by its `messageId`."""

    async def close(self) -> None:
        self._http.close()
        if self._tokens:
            self._tokens.close()

    def _draft(self, batch: _Batch) -> Draft:
        return Draft(self._url, tuple(batch.sequences), partial(self._finished, batch))

    def _finished(self, batch: _Batch) -> Request:
        """With the moment as `sentAt`, and where OAuth signs, without the token."""
        settings = self._settings

        def post() -> None:
            sdk.post(
                settings.write_key,
                settings.host,
                oauth_manager=_Unsigned() if self._tokens else None,
                batch=batch.messages,
                sentAt=fields.timestamp(time.time()),
            )

        return replace(self._http.built(post, batch.hops), events=tuple(batch.sequences))


class _Unsigned:
    """Takes the place of the package's OauthManager while a request is built."""

    def get_token(self) -> str:
        return "token"


class _Batch:
    """Messages that go together, and how long they are at most."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.sequences: list[int] = []
        self.hops: dict[str, None] = {}
        self._bytes = 0

    def takes(self, size: int) -> bool:
        return len(self.messages) < MAX_BATCH_MESSAGES and self._bytes + size <= MAX_BATCH_BYTES

    def add(self, event: StoredEvent, message: Message, size: int) -> None:
        self.messages.append(message)
        self.sequences.append(event.sequence)
        self.hops.update(dict.fromkeys(event.header.hops))
        self._bytes += size


def _most_bytes(compact: bytes) -> int:
    """How long the package writes a message at most: in ASCII, with a space behind each sign.

    To write it for its length alone would cost as much as to send it.
    """
    size = len(compact) + compact.count(b",") + compact.count(b":") + _ADDED
    if not compact.isascii():
        size += 2 * len(compact.translate(None, _ASCII))
    return size


def _verdict(reply: Reply, request: Request) -> Verdict:
    """Segment says `{"success": true}`, RudderStack `OK`; both refuse in JSON or not at all."""
    if waiting := wait(reply):
        return waiting
    answer = said(reply)
    answer = answer if isinstance(answer, dict) else {}
    if reply.status < 300:
        is_taken = answer.get("success") is True or _is_ok(reply)
        return Delivered() if is_taken else stranger("Segment's", reply)
    code, message = answer.get("code"), answer.get("message")
    is_error = answer.get("success") is False or (isinstance(code, str) and code != "")
    if not is_error or not isinstance(message, str):
        return stranger("Segment's", reply)
    if waiting := locked_out(reply):
        return waiting
    words = f"{code or ''} {message}".strip()
    if "write key" in words.lower():
        return RetryLater(f"http {reply.status}: the write key is refused")
    sent = Sent.of(request.body, request.headers)
    return Rejected(Reason.REFUSED, reply.status, vendor_words(words or "bad request", sent))


def _is_ok(reply: Reply) -> bool:
    return is_data(reply) and reply.body.strip() == b"OK"
