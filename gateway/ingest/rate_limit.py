"""A source gets a bounded number of events a second.

It may spend more than it has once, so that a batch larger than a second's worth passes; it then
waits until the debt is paid.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from gateway.config.model import Limits
from gateway.errors import Overloaded
from gateway.event import RawEvent

LONGEST_WAIT = 300
"""Seconds. SDKs cap `Retry-After` there."""


class RateLimit:
    """Counts what each source has spent."""

    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, float]] = {}  # source → events owed, at this time

    def charge(self, events: Iterable[RawEvent], limits: Limits, now: float) -> None:
        """Spend the events' share of their sources' rates, or nothing and raise Overloaded.

        `now`: seconds of a clock that never steps back.
        """
        rate = limits.events_per_second
        if not rate:
            return
        counts = Counter(event.source for event in events)
        owed = {source: self._owed(source, rate, now) for source in counts}
        worst = max(owed.values(), default=0.0)
        if worst >= rate:
            wait = math.ceil((worst - rate) / rate) or 1
            raise Overloaded(min(wait, LONGEST_WAIT))
        for source, count in counts.items():
            self._spent[source] = (owed[source] + count, now)

    def _owed(self, source: str, rate: int, now: float) -> float:
        owed, since = self._spent.get(source, (0.0, now))
        return max(0.0, owed - (now - since) * rate)
