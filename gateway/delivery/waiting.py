"""Whoever waits for a destination is woken as soon as it is known to be back.

A success that came after failures wakes everybody. One that had none before it may only mean that
others are healthy and this request is not, so each wake in vain takes twice as many of them as the
one before: a request that alone keeps failing cannot be driven by the traffic around it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wait:
    """Why nothing can be delivered just now. Times are epoch seconds."""

    cause: str
    since: float  # the first failure
    next_try: float


@dataclass(eq=False, slots=True)
class Sleeper:
    """One request or other piece of work that failed, from its first failure to its success."""

    failures: int = 0
    since: float = 0.0  # epoch seconds
    wait: Wait | None = None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _needed: int = 1  # successes of others that wake it next time
    _left: int = 1

    async def sleep(self, seconds: float) -> None:
        """Until somebody wakes it, or has done so since it last slept; `seconds` at most."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()
        self._left = self._needed

    def wake(self) -> None:
        self._woken.set()

    def end_backoff(self) -> None:
        """Of a success that had no failure before it."""
        self._left -= 1
        if self._left == 0:
            self._needed *= 2
            self.wake()


class Waiting:
    """All that wait for one destination."""

    def __init__(self) -> None:
        self._sleepers: set[Sleeper] = set()

    @property
    def wait(self) -> Wait | None:
        """For people: the newest cause, the oldest failure, the nearest try."""
        waits = [sleeper.wait for sleeper in self._sleepers if sleeper.wait]
        if not waits:
            return None
        nearest = min(waits, key=lambda wait: wait.next_try)
        return Wait(nearest.cause, min(wait.since for wait in waits), nearest.next_try)

    def add(self, sleeper: Sleeper) -> None:
        self._sleepers.add(sleeper)

    def discard(self, sleeper: Sleeper) -> None:
        self._sleepers.discard(sleeper)

    def succeeded(self, sleeper: Sleeper) -> None:
        """A request was taken or judged; `sleeper` is its own."""
        for other in self._sleepers:
            if other is sleeper:
                continue
            if sleeper.failures:
                other.wake()
            else:
                other.end_backoff()

    def wake(self) -> None:
        for sleeper in self._sleepers:
            sleeper.wake()

    def __bool__(self) -> bool:
        return bool(self._sleepers)
