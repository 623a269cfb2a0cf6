"""Before the journal is full, somebody has been told: when that will be, as things are going.

The rate is that of the last minutes. Two limits are watched: the journal's own size, and the space
that it leaves free on a disk which other files fill as well.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from gateway.config.model import Journal as Settings

WINDOW_SECONDS = 600.0
EVERY_SECONDS = 10.0
"""How often somebody should weigh."""
SOON_SECONDS = 86400.0
"""What comes later is no reason to warn."""
_SURE_SECONDS = 120.0
"""A rise over a shorter time may be a burst."""
_NEARLY_FULL = 0.9


@dataclass(frozen=True, slots=True)
class Forecast:
    """When nothing more can be accepted, at the rate of the last minutes."""

    seconds: float | None
    """From now; None while nothing grows."""
    warning: str | None
    """A sentence where that is soon."""


@dataclass(frozen=True, slots=True)
class _Weight:
    at: float
    used: int
    free: int


class Trend:
    """Bytes over time; times are monotonic seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._weights: deque[_Weight] = deque()

    def weigh(self, at: float, used: int, free: int) -> None:
        """The journal held `used` bytes, and its disk had `free` bytes left."""
        self._weights.append(_Weight(at, used, free))
        while at - self._weights[0].at > WINDOW_SECONDS:
            self._weights.popleft()

    def forecast(self) -> Forecast:
        if not self._weights:
            return Forecast(None, None)
        first, last = self._weights[0], self._weights[-1]
        room = self._settings.max_bytes - last.used
        space = last.free - self._settings.min_free_bytes
        ends = [
            (room * (last.at - first.at) / grown, "the journal is full")
            for grown in (last.used - first.used,)
            if grown > 0
        ]
        ends += [
            (space * (last.at - first.at) / shrunk, "the disk of the journal is full")
            for shrunk in (first.free - last.free,)
            if shrunk > 0
        ]
        seconds, what = min(ends, default=(None, ""))
        if seconds is None or last.at == first.at:
            return Forecast(None, self._nearly_full(last.used))
        seconds = max(0.0, seconds)
        if last.at - first.at < _SURE_SECONDS or seconds > SOON_SECONDS:
            return Forecast(seconds, self._nearly_full(last.used))
        return Forecast(
            seconds, f"{what} in {in_words(seconds)} at this rate; clients then hear 503"
        )

    def _nearly_full(self, used: int) -> str | None:
        share = used / self._settings.max_bytes
        if share < _NEARLY_FULL:
            return None
        return f"the journal is {share:.0%} full; clients hear 503 when it is full"


def in_words(seconds: float) -> str:
    """`40 s`, `5 min`, `3 h`, `2 days`."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit != "days" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
