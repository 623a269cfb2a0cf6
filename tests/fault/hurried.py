"""An event loop that waits for nothing but work: where it would sleep, its clock jumps ahead."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

GRACE = 0.0005
"""Seconds that threads get to come back before the clock jumps."""


class _Selector(selectors.DefaultSelector):
    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= GRACE:
            return super().select(timeout)
        ready = super().select(GRACE)
        if not ready:
            self.skipped += timeout
        return ready


class HurriedLoop(asyncio.SelectorEventLoop):
    def __init__(self, *args: Any) -> None:
        self._hurried = _Selector()
        super().__init__(self._hurried)

    def time(self) -> float:
        return super().time() + self._hurried.skipped
