"""Track events of a few users, numbered so that losses, copies and order can be told."""

from __future__ import annotations

from gateway.event import CleanEvent, CleanText, Header
from tests.clean import clean_event

USERS = 4


def name(generation: int, user: int, number: int) -> str:
    return f"{generation}-{user}-{number}"


def place(name: str) -> tuple[int, int]:
    """Where an event stands in its user's order: generation and number."""
    generation, _, number = name.split("-")
    return int(generation), int(number)


def event(name: str, *, to: tuple[str, ...]) -> CleanEvent:
    user = f"user-{name.split('-')[1]}"
    header = Header(
        message_id=CleanText(name),
        source="demo",
        protocol="segment",
        type="track",
        name=CleanText("Moved"),
        schema="segment/track",
        telemetry_class="optional",
        received_at=1_795_420_264.317,
        user=CleanText(user),
        pseudonyms=(),
        to=to,
        filtered={},
    )
    message = {
        "type": "track",
        "event": "Moved",
        "messageId": name,
        "timestamp": "2026-11-23T07:51:04.317Z",
        "userId": user,
        "properties": {"name": name},
    }
    return clean_event(header, message)
