"""What rules let out to single destinations stands beside the common message, sealed.

Each overlay is a whole message as its destinations may have it. It is opened for a destination that
it names, while the rules that made it still name that destination, and for nobody else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from gateway.event import (
    NO_OVERLAYS,
    CleanMessage,
    CleanText,
    Header,
    OverlayBytes,
    StoredEvent,
    serialised,
)
from gateway.protocols import PROTOCOLS


@dataclass(frozen=True, slots=True)
class View:
    """What some destinations get in place of the common message."""

    to: tuple[str, ...]
    rules: tuple[str, ...]
    """The ids of the rules that name them; none: they get what the rules for all leave."""
    message: CleanMessage
    pseudonyms: tuple[CleanText, ...]


def sealed(views: Sequence[View]) -> OverlayBytes:
    """The views as one overlay; nothing for none."""
    return OverlayBytes(orjson.dumps(views)) if views else NO_OVERLAYS


def narrowed(event: StoredEvent, destination: str) -> StoredEvent:
    """The event with what is for this destination alone, and nothing that is for others."""
    if not event.overlays:
        return event
    own = [{**view, "to": [destination]} for view in _views(event) if destination in view["to"]]
    return replace(event, overlays=OverlayBytes(orjson.dumps(own)) if own else NO_OVERLAYS)


def opened(event: StoredEvent, destination: str, rules: Collection[str]) -> StoredEvent:
    """The event as the destination gets it. `rules` are the ids of those that name it today."""
    for view in _views(event):
        if destination in view["to"] and set(view["rules"]) <= set(rules):
            message: CleanMessage = view["message"]
            header = described(event.header, message, tuple(view["pseudonyms"]))
            return StoredEvent(event.sequence, header, serialised(message))
    return replace(event, overlays=NO_OVERLAYS)


def described(header: Header, message: CleanMessage, pseudonyms: tuple[CleanText, ...]) -> Header:
    """The header with what it says of its message."""
    spec = PROTOCOLS[header.protocol]
    return replace(
        header,
        message_id=spec.id_of(message),
        name=None if header.name is None else spec.name_of(message, header.type),
        user=spec.user_of(message),
        pseudonyms=pseudonyms,
    )


def messages_in(overlays: OverlayBytes) -> list[CleanMessage]:
    """The messages that single destinations get."""
    return [view["message"] for view in orjson.loads(overlays)] if overlays else []


def _views(event: StoredEvent) -> list[dict[str, Any]]:
    views: list[dict[str, Any]] = orjson.loads(event.overlays) if event.overlays else []
    return views
