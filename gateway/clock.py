"""What time it is, as far as the machine's clock has proved steady: a jump counts once it lasted.

A clock that is set wrong for a moment must neither date files by another year nor delete what has
just come. So the wall clock is held against the time that passes: what differs by more than an hour
is believed after it has differed so for a while. Nothing here changes the time of an event.
"""

from __future__ import annotations

import time
from collections.abc import Callable

DATES_AFTER = 15 * 60.0
"""Seconds a jump must last before files are dated by it."""
DELETES_AFTER = 24 * 3600.0
"""Seconds a jump must last before anything is deleted by it."""
_SAME_SECONDS = 3600.0

Seconds = Callable[[], float]


def steady() -> float:
    """Seconds that pass whatever the clock is set to, also while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Held:
    """The wall clock, whose jumps count once they have lasted `patience` seconds."""

    def __init__(self, start: float, patience: float, wall: Seconds, steady: Seconds) -> None:
        self._wall, self._steady, self._patience = wall, steady, patience
        self._offset = start - steady()
        self._other = self._offset
        self._since = 0.0

    def now(self) -> float:
        passed = self._steady()
        offset = self._wall() - passed
        if abs(offset - self._offset) <= _SAME_SECONDS:
            self._offset = self._other = offset
        elif abs(offset - self._other) > _SAME_SECONDS:
            self._other, self._since = offset, passed
        elif passed - self._since >= self._patience:
            self._offset = offset
        return passed + self._offset


class Clock:
    """The time for dates of files, and the time for what may be deleted. Both in epoch seconds."""

    def __init__(
        self, known: float | None = None, wall: Seconds = time.time, steady: Seconds = steady
    ) -> None:
        """`known`: the last `certain` time that an earlier run left behind; None where none did.

        A start cannot tell a long stop from a clock set wrong: files get the date that the clock
        shows, unless it went back, and nothing is deleted by it before it has lasted.
        """
        now = wall()
        known = now if known is None else known
        self._dates = _Held(max(now, known), DATES_AFTER, wall, steady)
        self._certain = _Held(
            now if 0 <= now - known <= DELETES_AFTER else known, DELETES_AFTER, wall, steady
        )

    def now(self) -> float:
        """The time to date a file by."""
        return self._dates.now()

    def certain(self) -> float:
        """The time that has surely come: what it calls old may be deleted."""
        return self._certain.now()
