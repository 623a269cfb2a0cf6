"""What Segment gets of an event: each message as its client meant it, and nothing of ours on it.

Segment fills `context.ip` of client-side messages with the address that sends them, which would be
ours. Such messages carry `0.0.0.0` instead, Segment's own word for "do not". A `sentAt` or
`receivedAt` of the client's way to us is left out.
"""

from __future__ import annotations

from typing import assert_never

from gateway.event import Message, Reason, StoredEvent
from gateway.protocols import PROTOCOLS
from gateway.translation import fields, to_segment
from gateway.translation.complete import is_complete

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


def message_of(event: StoredEvent, group_key: str) -> Message | Reason:
    message = _in_segments_form(event, group_key)
    if isinstance(message, Reason):
        return message
    if not is_complete(message):
        return Reason.INCOMPLETE
    _hide_our_address(message)
    return message


def _in_segments_form(event: StoredEvent, group_key: str) -> Message | Reason:
    match PROTOCOLS[event.header.protocol].form:
        case "segment":
            message: Message = event.message
            for key in _OF_ANOTHER_HOP:
                message.pop(key, None)
            if not message.get("timestamp"):
                message["timestamp"] = fields.timestamp(event.header.received_at)
            return message
        case "mixpanel":
            return to_segment.translate(event.message, event.header, group_key)
        case "own":
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
