"""Segment gets each message as its client meant it, and stamps nothing of ours on it.

Segment corrects clocks: `timestamp = receivedAt - (sentAt - originalTimestamp)`, where
`originalTimestamp` is the `timestamp` it is sent (Segment Spec, Common fields). Ours is corrected
already, so `sentAt` must be the moment of sending, whenever that is: it is the one thing in a
request that `send` sets anew. A `sentAt` or `receivedAt` of the client's way to us is left out.

Segment fills `context.ip` of client-side messages with the address that sends them, which would be
ours. Such messages carry `0.0.0.0` instead, Segment's own word for "do not".
"""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Sequence
from typing import assert_never

import orjson
from segment.analytics import request as sdk
from segment.analytics.version import VERSION

from gateway.config.outgoing import DIRECT, Outgoing, hops_in
from gateway.config.routing import SegmentSettings as Settings
from gateway.destinations import Delivered, Rejected, Rendered, Request, RetryLater, Verdict
from gateway.destinations.http_outcomes import is_data, locked_out, said, spoken, stranger, wait
from gateway.destinations.oauth import Tokens
from gateway.destinations.transport import CONNECT_SECONDS, Reply, attempt, harnessed, threads
from gateway.event import Message, Reason, StoredEvent
from gateway.translation import fields, to_segment

MAX_MESSAGE_BYTES = 32 * 1024
"""One message as compact JSON; Segment answers 400 for the whole batch if one is larger."""
MAX_BATCH_BYTES = 475_000
"""A batch as it is sent; Segment takes 500 KB."""
MAX_BATCH_MESSAGES = 2000
"""Segment takes 2500 and drops the rest in silence."""

SERVER_LIBRARIES = frozenset(
    {
        "@segment/analytics-node",
        "@rudderstack/rudder-sdk-node",
        "Analytics.NET",
        "analytics-csharp",
        "analytics-go",
        "analytics-java",
        "analytics-node",
        "analytics-php",
        "analytics-python",
        "analytics-ruby",
        "analytics-rust",
        "mixpanel-go",
        "mixpanel-jdk",
        "mixpanel-node",
        "mixpanel-php",
        "mixpanel-python",
        "mixpanel-ruby",
        "rudder-analytics-python",
    }
)
"""Segment never fills in the address for messages of these."""

_OF_ANOTHER_HOP = ("sentAt", "receivedAt", "writeKey", "projectId")

# One session for the process, the package's own; with this adapter it holds no state but pools.
_ADAPTER = harnessed(sdk._session)  # noqa: SLF001 (the package offers no other way in)
# The package writes whole messages to its log.
logging.getLogger("segment").setLevel(logging.CRITICAL)


class SegmentDestination:
    """Sends batches through `segment.analytics.request.post`."""

    def __init__(self, name: str, settings: Settings, outgoing: Outgoing = DIRECT) -> None:
        self.name = name
        self._settings = settings
        self._outgoing = outgoing
        self._tokens = (
            Tokens(settings.oauth, settings.timeout, outgoing) if settings.oauth else None
        )
        self._pool = threads(name)

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """Batches within Segment's limits, in the order given.

        Shown with the newest event's arrival as `sentAt`, in whose place `send` puts the moment.
        """
        filtered: dict[int, Reason] = {}
        batches: list[_Batch] = []
        for event in events:
            message = _message(event, self._settings.group_key)
            if isinstance(message, Reason):
                filtered[event.sequence] = message
                continue
            if len(orjson.dumps(message)) > MAX_MESSAGE_BYTES:
                filtered[event.sequence] = Reason.OVER_VENDOR_LIMIT
                continue
            text = json.dumps(message)
            if not batches or not batches[-1].takes(text):
                batches.append(_Batch())
            batches[-1].add(event, message, text)
        return Rendered(tuple([self._request(batch) for batch in batches]), filtered)

    async def send(self, request: Request) -> Verdict:
        settings = self._settings
        token = await self._tokens.current() if self._tokens else None
        if isinstance(token, RetryLater):
            return token

        def post() -> None:
            sdk.post(
                settings.write_key,
                settings.host,
                timeout=(CONNECT_SECONDS, settings.timeout),
                oauth_manager=token,
                batch=request.context,
                sentAt=fields.timestamp(time.time()),
            )

        reply = await attempt(
            self._pool, post, settings.timeout, self._outgoing, hops_in(request.headers)
        )
        if isinstance(reply, RetryLater):
            return reply
        return _verdict(reply)

    async def open(self, state: str | None) -> None:
        """There is nothing to take up: Segment knows a message it has seen by its `messageId`."""

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = threads(self.name)
        _ADAPTER.close()
        if self._tokens:
            self._tokens.close()

    def _request(self, batch: _Batch) -> Request:
        settings = self._settings
        sent_at = fields.timestamp(batch.newest)
        tail = f'"sentAt": {json.dumps(sent_at)}, "writeKey": {json.dumps(settings.write_key)}'
        credentials = base64.b64encode(f"{settings.write_key}:".encode()).decode()
        return Request(
            "POST",
            f"{settings.host}/v1/batch",
            f'{{"batch": [{", ".join(batch.texts)}], {tail}}}'.encode(),
            headers={
                "Content-Type": "application/json",
                "User-Agent": f"analytics-python/{VERSION}",
                "Authorization": "Bearer" if settings.oauth else f"Basic {credentials}",
                **self._outgoing.hops(batch.hops),
            },
            events=tuple(batch.sequences),
            context=batch.messages,
        )


class _Batch:
    """Messages that go together, and how long they are."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.texts: list[str] = []  # as the package writes them, which are ASCII
        self.sequences: list[int] = []
        self.hops: dict[str, None] = {}
        self.newest = 0.0
        self._bytes = 0

    def takes(self, text: str) -> bool:
        return (
            len(self.messages) < MAX_BATCH_MESSAGES and self._bytes + len(text) <= MAX_BATCH_BYTES
        )

    def add(self, event: StoredEvent, message: Message, text: str) -> None:
        self.messages.append(message)
        self.texts.append(text)
        self.sequences.append(event.sequence)
        self.hops.update(dict.fromkeys(event.header.hops))
        self.newest = max(self.newest, event.header.received_at)
        self._bytes += len(text) + 2


def _message(event: StoredEvent, group_key: str) -> Message | Reason:
    message = _in_segments_form(event, group_key)
    if not isinstance(message, Reason):
        _hide_our_address(message)
    return message


def _in_segments_form(event: StoredEvent, group_key: str) -> Message | Reason:
    match event.header.protocol:
        case "segment":
            message: Message = event.message
            for key in _OF_ANOTHER_HOP:
                message.pop(key, None)
            if not message.get("timestamp"):
                message["timestamp"] = fields.timestamp(event.header.received_at)
            return message
        case "mixpanel":
            return to_segment.translate(event.message, event.header, group_key)
        case "appsmith":
            return Reason.NO_EQUIVALENT
        case unknown:
            assert_never(unknown)


def _hide_our_address(message: Message) -> None:
    context = message.get("context")
    context = context if isinstance(context, dict) else {}
    library = context.get("library")
    name = library.get("name") if isinstance(library, dict) else None
    is_server = isinstance(name, str) and name in SERVER_LIBRARIES
    if not context.get("ip") and (not is_server or context.get("direct")):
        message["context"] = {**context, "ip": "0.0.0.0"}  # noqa: S104 (see the module's docstring)


def _verdict(reply: Reply) -> Verdict:
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
    return Rejected(Reason.REFUSED, reply.status, spoken(words or "bad request"))


def _is_ok(reply: Reply) -> bool:
    return is_data(reply) and reply.body.strip() == b"OK"
