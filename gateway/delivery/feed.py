"""A feed says which items of the journal one consumer takes, and in what form.

Destinations take the events routed to them. Two consumers are the gateway's own; no destination can
be called as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from gateway.delivery.ack_window import Outcome
from gateway.event import Header, Reason, StoredEvent
from gateway.journal import AuditLine, DeadLetter, Journal, Stream
from gateway.privacy.overlays import narrowed

AUDIT = "audit/"
"""The consumer that writes the audit to `data_dir/audit/`."""
QUARANTINE = "quarantine/"
"""The consumer that keeps quarantined events in `data_dir/quarantine/`."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Read(Protocol[T_co]):
    """Items behind a sequence, as `Journal.events` gives them."""

    async def __call__(self, after: int, *, most: int, size: int) -> Sequence[T_co]: ...


@dataclass(frozen=True, slots=True)
class Feed(Generic[T]):
    """What a consumer gets of the journal."""

    name: str
    stream: Stream
    read: Read[T]
    filtered: Callable[[T], Reason | None]
    """Why the consumer does not get an item, or None when it does."""
    localise: Callable[[T], T]
    """Makes the pseudonyms in an item the consumer's own."""
    user: Callable[[T], str]
    """Whose order is kept."""
    unreadable: Callable[[T], Outcome]
    """What becomes of an item that is not what was written."""


def destination_feed(
    journal: Journal, name: str, localise: Callable[[StoredEvent], StoredEvent]
) -> Feed[StoredEvent]:
    """The events routed to the destination `name`."""

    def filtered(event: StoredEvent) -> Reason | None:
        if name in event.header.to:
            return None
        return event.header.filtered.get(name, Reason.DESTINATION_AWAY)

    return Feed(name, "events", journal.events, filtered, localise, _user, _buried)


def quarantine_feed(
    journal: Journal, localise: Callable[[StoredEvent], StoredEvent]
) -> Feed[StoredEvent]:
    """The events that go to no destination because they are quarantined."""

    def filtered(event: StoredEvent) -> Reason | None:
        return None if is_quarantined(event.header) else Reason.NO_ROUTE

    return Feed(QUARANTINE, "events", journal.events, filtered, localise, _user, passed_over)


def audit_feed(journal: Journal) -> Feed[AuditLine]:
    """Every line of the audit."""
    return Feed(
        AUDIT, "audit", journal.audit, lambda _: None, lambda line: line, lambda _: "", passed_over
    )


def own_overlays(feed: Feed[StoredEvent]) -> Feed[StoredEvent]:
    """The feed without what the events hold for other destinations alone."""

    async def read(after: int, *, most: int, size: int) -> Sequence[StoredEvent]:
        events = await feed.read(after, most=most, size=size)
        if not any(event.overlays for event in events):
            return events
        return [narrowed(event, feed.name) for event in events]

    return replace(feed, read=read)


def passed_over(_: object) -> Reason:
    """The gateway's own consumers keep no dead letters."""
    return Reason.UNREADABLE


def _buried(event: StoredEvent) -> DeadLetter:
    return DeadLetter(event, Reason.UNREADABLE, None, "its checksum is wrong")


def is_quarantined(header: Header) -> bool:
    return not header.to and set(header.filtered.values()) == {Reason.QUARANTINED}


def _user(event: StoredEvent) -> str:
    return event.header.user
