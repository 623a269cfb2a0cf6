"""How late the event loop is, always measured; and where it stood, when it stood still.

The loop beats twenty times a second and notes how late each beat is. A thread looks at the beats
and, when one is overdue, at the stack of the loop's thread: modules, functions and lines of this
gateway, never a value. Both together take 0.3 % of a core while nothing else goes on.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path as FilePath
from types import FrameType

import structlog

import gateway
from gateway.samples import Distribution

BEAT_SECONDS = 0.05
STALL_SECONDS = 0.25
"""From here on a stall is logged."""
BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; the upper ends of the histogram's buckets."""

_LOOK_SECONDS = STALL_SECONDS / 4
_OVERDUE_SECONDS = STALL_SECONDS / 4
"""How late a beat is when the stack is looked at, which is before the stall is one to log."""
_STANDS_SECONDS = 5.0
"""A stall this long is logged while it lasts."""
_FRAMES = 5
_PACKAGE = str(FilePath(gateway.__file__).parent) + "/"
_OURS = str(FilePath(gateway.__file__).parent.parent) + "/"

log = structlog.get_logger(__name__)


class Watchdog:
    """Watches the loop from which it is started."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0
        self._due = 0.0
        self._where: Sequence[str] = ()
        self._stopping = threading.Event()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch the running loop; its thread is the one that calls."""
        self._expect()
        thread = threading.get_ident()
        threading.Thread(target=self._watch, args=(thread,), name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        if self._timer:
            self._timer.cancel()

    @property
    def stalls(self) -> Distribution:
        """How late the beats were since the start."""
        return Distribution(BOUNDS, tuple(accumulate(self._counts)), self._sum)

    def _expect(self) -> None:
        self._due = time.monotonic() + BEAT_SECONDS
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        late = max(0.0, time.monotonic() - self._due)
        self._counts[bisect_left(BOUNDS, late)] += 1
        self._sum += late
        stood = late + BEAT_SECONDS  # it may have begun right behind the last beat
        if stood > STALL_SECONDS:
            log.warning("the event loop was blocked", seconds=round(stood, 3), where=self._where)
        self._where = ()
        self._expect()

    def _watch(self, thread: int) -> None:
        seen = said = 0.0
        while not self._stopping.wait(_LOOK_SECONDS):
            due = self._due
            late = time.monotonic() - due
            if late > _OVERDUE_SECONDS and due != seen:
                seen = due
                self._where = _frames(sys._current_frames().get(thread))  # noqa: SLF001 (no other way)
            if late > _STANDS_SECONDS and due != said:
                said = due
                log.error("the event loop is blocked", seconds=round(late, 1), where=self._where)


def _frames(frame: FrameType | None) -> list[str]:
    """The innermost frames of this gateway, innermost first: `gateway.intake.dedup:take:45`."""
    found: list[str] = []
    while frame is not None and len(found) < _FRAMES:
        code = frame.f_code
        if code.co_filename.startswith(_PACKAGE):
            module = code.co_filename.removeprefix(_OURS).removesuffix(".py").replace("/", ".")
            found.append(f"{module}:{code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    return found
