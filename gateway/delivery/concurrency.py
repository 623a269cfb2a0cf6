"""As many requests at once as the destination bears: one more while it keeps up, half when not.

Additive increase and multiplicative decrease, as TCP does it and Vector's adaptive concurrency: a
limit that starts at one, grows by one for each round of answers, is halved by a failure, and gives
way a little when answers take clearly longer than they used to.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

_SLOW_SHARE = 0.9
_FAILED_SHARE = 0.5
_RECENT, _USUAL = 0.3, 0.03
"""Weights of a new answer in the two moving averages that are compared."""
_DEVIATIONS = 3.0
_LEAST_SECONDS = 0.05
"""A rise by less than this is noise."""


class Limit:
    """How many may be on their way, as far as the answers tell. Times are monotonic seconds."""

    def __init__(self, most: int) -> None:
        self.value = 1.0
        self._most = most
        self._recent = self._usual = self._deviation = 0.0
        self._cut_at = 0.0

    def answered(self, began: float, now: float) -> None:
        """A request that `began` then was answered, whatever the answer says of its events."""
        seconds = now - began
        if not self._usual:
            self._recent = self._usual = seconds
        self._recent += _RECENT * (seconds - self._recent)
        rise = self._recent - self._usual
        is_slow = rise > max(_DEVIATIONS * self._deviation, _LEAST_SECONDS)
        self._deviation += _USUAL * (abs(seconds - self._usual) - self._deviation)
        self._usual += _USUAL * (seconds - self._usual)
        if is_slow:
            self._cut(_SLOW_SHARE, began, now)
        else:
            self.value = min(float(self._most), self.value + 1 / self.value)

    def failed(self, began: float, now: float) -> None:
        """A request that `began` then came to nothing: no answer, 429, 5xx."""
        self._cut(_FAILED_SHARE, began, now)

    def _cut(self, share: float, began: float, now: float) -> None:
        if began >= self._cut_at:  # what began before the last cut says nothing of the new limit
            self.value = max(1.0, self.value * share)
            self._cut_at = now


class Slots:
    """Lets requests begin, in the order they ask, while there are fewer than the limit."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self._taken -= 1
            elif turn in self._waiting:
                self._waiting.remove(turn)
            self._admit()

    def _admit(self) -> None:
        """A slot is taken for whoever is next before anybody else can see it free."""
        while self._waiting and self._taken < int(self._limit.value):
            turn = self._waiting.popleft()
            if not turn.cancelled():
                self._taken += 1
                turn.set_result(None)
