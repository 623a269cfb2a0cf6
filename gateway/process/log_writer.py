"""Whoever logs never waits: lines go into a bounded queue, and one thread writes them.

A line that finds the queue full is dropped and counted, and the count is logged once lines flow
again. Of lines of one kind the first few are written at once; what follows within some seconds is
one more line, which says how many it stands for.
"""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

QUEUED_LINES = 1000
FOLD_SECONDS = 10.0
"""How long lines of one kind are gathered into one."""
WRITTEN_AT_ONCE = 3
"""Lines of one kind that are written before the rest is gathered."""

_KINDS = 500
"""Kinds that are folded separately; any further ones are folded by their event alone."""
_IDENTIFYING = (
    "event",
    "level",
    "logger",
    "destination",
    "source",
    "code",
    "reason",
    "host",
    "error",
    "fault",
)
"""What makes two lines one kind. Values that a client can choose freely have no place here, unless
whoever logs them bounds their number."""

Line = Mapping[str, Any]
_Kind = tuple[object, ...]


@dataclass(slots=True)
class _Recent:
    """Lines of one kind within FOLD_SECONDS."""

    until: float
    last: Line
    written: int = 0
    gathered: int = 0


class LogWriter:
    """Writes to one file descriptor, from `start` on."""

    def __init__(
        self, descriptor: int, clock: Callable[[], float] = time.monotonic, *, room: int = 0
    ) -> None:
        """`clock` gives seconds that never step back; `room` is the length of the queue."""
        self.dropped = 0
        """Lines that were dropped since the start."""
        self._descriptor = descriptor
        self._clock = clock
        self._room = room or QUEUED_LINES
        self._queue: deque[Line] = deque()
        self._recent: dict[_Kind, _Recent] = {}
        self._untold = 0
        self._is_idle = True
        self._closing = False
        self._changed = threading.Condition()

    def start(self) -> None:
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def put(self, line: Line) -> None:
        """Have a line written. Never waits, never raises. From any thread."""
        stamped = {**line, "timestamp": _now()}
        with self._changed:
            recent = self._recent_of(stamped)
            recent.last = stamped
            if recent.written < WRITTEN_AT_ONCE:
                recent.written += 1
                self._enqueue(stamped)
            else:
                recent.gathered += 1

    def flush(self, seconds: float) -> bool:
        """Write what waits, gathered lines too; whether that was done in so many seconds."""
        with self._changed:
            self._unfold(everything=True)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._is_idle and not self._queue, seconds)

    def _enqueue(self, line: Line) -> None:
        if len(self._queue) >= self._room:
            self.dropped += 1
            self._untold += 1
            return
        self._queue.append(line)
        self._changed.notify_all()

    def _recent_of(self, line: Line) -> _Recent:
        kind: _Kind = tuple([str(line.get(name)) for name in _IDENTIFYING])
        if kind not in self._recent and len(self._recent) >= _KINDS:
            kind = kind[:1]
        if kind not in self._recent:
            self._recent[kind] = _Recent(self._clock() + FOLD_SECONDS, line)
            self._changed.notify_all()  # the time until the next end may be shorter now
        return self._recent[kind]

    def _unfold(self, *, everything: bool = False) -> None:
        """Of each kind whose time is over one line for all that was gathered, and a new time."""
        now = self._clock()
        for kind, recent in list(self._recent.items()):
            if recent.until > now and not everything:
                continue
            if recent.gathered:
                self._enqueue({**recent.last, "repeated": recent.gathered})
                self._recent[kind] = _Recent(now + FOLD_SECONDS, recent.last, WRITTEN_AT_ONCE)
            else:
                del self._recent[kind]

    def _run(self) -> None:
        while True:
            self._write(self._next())

    def _next(self) -> bytes:
        """The next lines. Waits for them."""
        with self._changed:
            self._is_idle = True
            self._changed.notify_all()
            while not self._queue:
                self._changed.wait(self._seconds_left())
                self._unfold()
            self._is_idle = False
            lines = list(self._queue)
            self._queue.clear()
        return b"".join(map(_rendered, lines))

    def _seconds_left(self) -> float | None:
        ends = [recent.until for recent in self._recent.values()]
        return max(0.0, min(ends) - self._clock()) if ends else None

    def _write(self, lines: bytes) -> None:
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[self._written(rest) :]
        except OSError:  # nobody will ever read it
            with self._changed:
                self.dropped += bytes(rest).count(b"\n")
            return
        with self._changed:
            if self._untold:
                summary = {
                    "lines": self._untold,
                    "event": "log lines were dropped",
                    "level": "warning",
                }
                self._untold = 0
                self._queue.append({**summary, "timestamp": _now()})

    def _written(self, some: memoryview) -> int:
        try:
            return os.write(self._descriptor, some)
        except BlockingIOError:  # somebody made the descriptor non-blocking
            select.select([], [self._descriptor], [])
            return 0


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _rendered(line: Line) -> bytes:
    return json.dumps(line, default=lambda value: type(value).__name__).encode() + b"\n"
