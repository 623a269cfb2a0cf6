"""Messages as a test looks into them, and clean ones that it makes up."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.event import (
    CleanBytes,
    CleanEvent,
    CleanMessage,
    Header,
    Message,
    RawMessage,
    StoredEvent,
)


def inside(message: RawMessage | CleanMessage) -> Message:
    """The message, for a test that knows what is in it."""
    return message


def clean_event(header: Header, message: Message) -> CleanEvent:
    return CleanEvent(header, CleanMessage(message))


def stored_event(sequence: int, header: Header, message: Any) -> StoredEvent:
    return StoredEvent(sequence, header, CleanBytes(orjson.dumps(message)))
