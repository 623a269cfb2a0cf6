"""Wrong tokens are slowed, by address and in total; the right one never waits for them.

The token is compared first, so nothing that others try locks anybody out. After some wrong tries an
address, or all together, are answered late, then 429, and each such answer ends its connection.
Few answers wait at once: the others are given without a delay.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from gateway.addresses import neighbourhood

WRONG_TRIES = 10
"""From one address in a minute before its wrong tokens are slowed."""
WRONG_TRIES_IN_ALL = 100
WAIT_SECONDS = 60
LONGEST_DELAY = 4.0
MOST_DELAYED = 16
_MOST_ADDRESSES = 1024


class WrongTokens:
    """Counts them, in memory only."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        first_delay: float = 0.25,
    ) -> None:
        """`clock` gives seconds that never step back; each further try doubles the delay."""
        self.delayed = 0
        self._clock = clock
        self._first_delay = first_delay
        self._of: OrderedDict[str, tuple[int, float]] = OrderedDict()  # tries, since
        self._in_all = (0, 0.0)

    def count(self, address: str | None) -> float | None:
        """One more: seconds by which its answer is late, or None where it need not be."""
        now = self._clock()
        key = neighbourhood(address or "")
        self._of[key] = tries = _one_more(self._of.pop(key, (0, 0.0)), now)
        if len(self._of) > _MOST_ADDRESSES:
            self._of.popitem(last=False)
        self._in_all = _one_more(self._in_all, now)
        over = max(tries[0] - WRONG_TRIES, self._in_all[0] - WRONG_TRIES_IN_ALL)
        if over <= 0:
            return None
        return min(LONGEST_DELAY, self._first_delay * 2.0 ** min(over - 1, 16))

    async def slow(self, address: str | None) -> bool:
        """Count one more and wait as long as it must; whether it is one too many."""
        delay = self.count(address)
        if delay is None:
            return False
        if self.delayed < MOST_DELAYED:
            self.delayed += 1
            try:
                await asyncio.sleep(delay)
            finally:
                self.delayed -= 1
        return True


def _one_more(before: tuple[int, float], now: float) -> tuple[int, float]:
    count, since = before
    return (count + 1, since) if count and now - since < WAIT_SECONDS else (1, now)
