"""A setup event of an instance is kept once, however often and however it arrives.

The mark that it was is written in the transaction that makes the event durable: after a crash
either both are there or neither. Whoever sends it again meanwhile waits for that transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.event import RawEvent, Reason
from gateway.extensions.appsmith.classes import SETUP_EVENTS
from gateway.ingest import Intake, Mark, Refusal
from gateway.intake import Take
from gateway.journal import MARK
from gateway.protocols import PROTOCOLS


class FirstTimes:
    """Knows which setup events there were, and which are on their way to the journal."""

    def __init__(
        self,
        pseudonym: Callable[[str], str],
        marked: Callable[[Sequence[str]], Awaitable[set[str]]],
    ) -> None:
        """`marked` gives those of the marks that the journal holds."""
        self._pseudonym = pseudonym
        self._marked = marked
        self._under_way: dict[str, asyncio.Future[None]] = {}

    async def take(self, intake: Intake, take: Take) -> None:
        """Take what comes for the first time, with its mark. Raises what `take` raises."""
        if not _is_setup(intake):
            await take(intake)
            return
        marks = [self._mark(raw) for raw in intake.events]
        own = {mark for mark in marks if mark}
        while before := [self._under_way[mark] for mark in own if mark in self._under_way]:
            await asyncio.wait(before)
        done = asyncio.get_running_loop().create_future()
        self._under_way |= dict.fromkeys(own, done)
        try:
            known = await self._marked(list(own)) if own else set[str]()
            await take(_first(intake, marks, known))
        finally:
            for mark in own:
                del self._under_way[mark]
            done.set_result(None)

    def _mark(self, raw: RawEvent) -> str | None:
        instance = _instance(raw)
        return None if instance is None else MARK + self._pseudonym(f"{raw.name} {instance}")


def _is_setup(intake: Intake) -> bool:
    """Whether any of the events is one that an instance sends once."""
    return not SETUP_EVENTS.isdisjoint([raw.name for raw in intake.events if raw.name])


def _first(intake: Intake, marks: Sequence[str | None], known: set[str]) -> Intake:
    """The intake without what is known, and with a mark for each setup event in it."""
    events: list[RawEvent] = []
    refusals = list(intake.refusals)
    digests: list[bytes | None] = []
    kept: list[Sequence[Mark]] = []
    seen = set(known)
    given = intake.digests or [None] * len(marks), intake.marks or [()] * len(marks)
    for raw, mark, digest, others in zip(intake.events, marks, *given, strict=True):
        if mark in seen:
            refusals.append(Refusal(raw.source, raw.type, Reason.REPEATED))
            continue
        if mark:
            seen.add(mark)
        events.append(raw)
        digests.append(digest)
        kept.append([*others, (mark, 1)] if mark else others)
    return Intake(intake.protocol, events, refusals, digests, kept)


def _instance(raw: RawEvent) -> str | None:
    """Whose setup event it is; None for any other event."""
    planned = PROTOCOLS[raw.protocol].types_planned_by_name
    if raw.type not in planned or raw.name not in SETUP_EVENTS:
        return None
    given: Any = raw.message.get("properties")
    properties = given if isinstance(given, dict) else {}
    names = (
        properties.get("instanceId"),
        properties.get("id"),
        raw.message.get("userId"),
        properties.get("distinct_id"),
    )
    return next((name for name in names if isinstance(name, str) and name), None)
