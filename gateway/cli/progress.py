"""How far a long look is, on one line of a terminal; nothing where nobody watches."""

from __future__ import annotations

import time
from typing import TextIO

_PATIENCE_SECONDS = 1.0
_EVERY_SECONDS = 0.2
_WIPE = "\r\x1b[K"


class Progress:
    """Shows itself after `patience` seconds, and leaves no trace when `done`."""

    def __init__(self, out: TextIO, patience: float = _PATIENCE_SECONDS) -> None:
        self._out = out
        self._is_watched = out.isatty()
        self._next = time.monotonic() + patience
        self._is_shown = False

    def show(self, what: str, done: int = 0, of: int = 0) -> None:
        """`done` of `of` bytes; without them a share is not known."""
        if not self._is_watched or time.monotonic() < self._next:
            return
        share = f" {min(1, done / of):.0%}" if of else ""
        self._out.write(f"{_WIPE}{what}{share} …")
        self._out.flush()
        self._next = time.monotonic() + _EVERY_SECONDS
        self._is_shown = True

    def done(self) -> None:
        if self._is_shown:
            self._out.write(_WIPE)
            self._out.flush()
            self._is_shown = False
