"""A setup event of an instance is kept once, however often it arrives.

The mark that it was is a counter of the journal, written in the transaction that makes the event
durable: after a crash either both are there or neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.appsmith.events import REGISTERED
from gateway.event import RawEvent, Reason
from gateway.ingest import Intake, Refusal

SETUP_EVENTS = frozenset({REGISTERED, "Installation Setup Complete", "server_setup_complete"})
MOST_MARKS = 1000
"""Marks kept at most, so that invented instances cannot fill memory; later ones repeat."""

_COUNTER = "once/"

Marks = Mapping[int, tuple[str, int]]
"""Place of an event → the counter that grows with it, and by how much."""


def is_setup(intake: Intake) -> bool:
    """Whether any of the events is one that an instance sends once."""
    return not SETUP_EVENTS.isdisjoint([raw.name for raw in intake.events if raw.name])


def first_times(
    intake: Intake, counters: Mapping[str, int], pseudonym: Callable[[str], str]
) -> tuple[Intake, Marks]:
    """The intake without what was kept before, and a mark for each setup event in it."""
    events: list[RawEvent] = []
    refusals = list(intake.refusals)
    marks: dict[int, tuple[str, int]] = {}
    seen: set[str] = set()
    room = MOST_MARKS - sum(name.startswith(_COUNTER) for name in counters)
    for raw in intake.events:
        instance = _instance(raw)
        if instance is not None:
            mark = _COUNTER + pseudonym(f"{raw.name} {instance}")
            if mark in counters or mark in seen:
                refusals.append(Refusal(raw.source, raw.type, Reason.REPEATED))
                continue
            if room > 0:
                room -= 1
                seen.add(mark)
                marks[len(events)] = (mark, 1)
        events.append(raw)
    return Intake(intake.protocol, events, refusals), marks


def _instance(raw: RawEvent) -> str | None:
    """Whose setup event it is; None for any other event."""
    if raw.protocol != "segment" or raw.type != "track" or raw.name not in SETUP_EVENTS:
        return None
    properties: Any = raw.message.get("properties")
    instance = properties.get("instanceId") if isinstance(properties, dict) else None
    return instance if isinstance(instance, str) and instance else None
