"""Events as the journal gives them to a destination."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, TypeVar
from typing import Protocol as TypingProtocol

from gateway.destinations import Rendered, Request, finished
from gateway.event import CleanText, Header, Protocol, StoredEvent
from tests.clean import stored_event

Message = dict[str, Any]
RECEIVED_AT = 1_795_420_264.5


Item_contra = TypeVar("Item_contra", contravariant=True)


class Renders(TypingProtocol[Item_contra]):
    def render(self, events: Sequence[Item_contra], /) -> Rendered: ...


class Journal:
    """Numbers events in the order they are made."""

    def __init__(self, received_at: float = RECEIVED_AT) -> None:
        self.received_at = received_at
        self._sequences = itertools.count(1)

    def segment(self, kind: str = "track", user: str = "u1", **fields: Any) -> StoredEvent:
        sequence = next(self._sequences)
        message = {
            "type": kind,
            "messageId": f"m-{sequence}",
            "timestamp": "2026-11-23T07:51:04.317Z",
            "userId": user,
            **({"event": "Bought"} if kind == "track" else {}),
            **fields,
        }
        header = self._header("segment", kind, user, message["messageId"])
        return stored_event(sequence, header, message)

    def mixpanel(self, kind: str, record: Message, user: str = "u1") -> StoredEvent:
        sequence = next(self._sequences)
        header = self._header("mixpanel", kind, user, f"m-{sequence}")
        return stored_event(sequence, header, record)

    def appsmith(self) -> StoredEvent:
        header = self._header("appsmith", "pulse", "u1", "m")
        return stored_event(next(self._sequences), header, {})

    def _header(self, protocol: Protocol, kind: str, user: str, message_id: str) -> Header:
        return Header(
            message_id=CleanText(message_id),
            source="web",
            protocol=protocol,
            type=kind,
            name=None,
            schema="test",
            telemetry_class="optional",
            received_at=self.received_at,
            user=CleanText(user),
            pseudonyms=(),
            to=("vendor",),
            filtered={},
        )


def made(destination: Renders[Item_contra], events: Sequence[Item_contra]) -> list[Request]:
    """The requests of these events, as they would leave at this moment."""
    return [finished(each) for each in destination.render(events).requests]
