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
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from segment.analytics import request as sdk
from segment.analytics.version import VERSION

from gateway.config.routing import SegmentDestination as Settings
from gateway.destinations import Delivered, Rejected, Rendered, Request, RetryLater, Verdict
from gateway.destinations.oauth import Tokens
from gateway.destinations.transport import CONNECT_SECONDS, Adapter, Reply, attempt, threads
from gateway.destinations.verdict import spoken, wait
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
_ADAPTER = Adapter()
sdk._session.mount("http://", _ADAPTER)  # noqa: SLF001 (the package offers no other way in)
sdk._session.mount("https://", _ADAPTER)  # noqa: SLF001 (as above)
# The package writes whole messages to its log.
logging.getLogger("segment").setLevel(logging.CRITICAL)


class SegmentDestination:
    """Sends batches through `segment.analytics.request.post`."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._settings = settings
        self._tokens = Tokens(settings.oauth, settings.timeout) if settings.oauth else None
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

        reply = await attempt(self._pool, post, settings.timeout)
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
        self.newest = max(self.newest, event.header.received_at)
        self._bytes += len(text) + 2


def _message(event: StoredEvent, group_key: str) -> Message | Reason:
    message: Message | Reason
    match event.header.protocol:
        case "segment":
            message = event.message
            for key in _OF_ANOTHER_HOP:
                message.pop(key, None)
            if not message.get("timestamp"):
                message["timestamp"] = fields.timestamp(event.header.received_at)
        case "mixpanel":
            message = to_segment.translate(event.message, event.header, group_key)
            if isinstance(message, Reason):
                return message
        case _:
            return Reason.NO_EQUIVALENT
    _hide_our_address(message)
    return message


def _hide_our_address(message: Message) -> None:
    context = message.get("context")
    context = context if isinstance(context, dict) else {}
    library = context.get("library")
    name = library.get("name") if isinstance(library, dict) else None
    is_server = isinstance(name, str) and name in SERVER_LIBRARIES
    if not context.get("ip") and (not is_server or context.get("direct")):
        message["context"] = {**context, "ip": "0.0.0.0"}  # noqa: S104 (see the module's docstring)


def _verdict(reply: Reply) -> Verdict:
    if waiting := wait(reply):
        return waiting
    said = _object(reply.body)
    if reply.status < 300:
        plain = reply.body.decode("utf-8", "replace").strip()  # RudderStack, for one, says OK
        is_empty = reply.status == 200 and not plain
        is_strange = not said and (plain.startswith("<") or not plain.isprintable())
        if is_empty or is_strange or said.get("success") is False:
            return RetryLater("not an answer of Segment's")
        return Delivered()
    words = f"{said.get('code', '')} {said.get('message', '')}".strip()
    if "write key" in words.lower():
        return RetryLater(f"http {reply.status}: the write key is refused")
    return Rejected(Reason.REFUSED, reply.status, spoken(words or "bad request"))


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        loaded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return loaded if isinstance(loaded, dict) else {}
