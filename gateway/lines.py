"""A file of JSON lines holds whole lines only, and each of them once.

`append` writes a batch with one call, fsyncs it and returns a state: the file's name and length.
`open` with the last state that was kept cuts off what a crash left behind it. Files are called
`2026-11-23-0001.jsonl`, so that sorted by name is sorted by time. The owner's group may read them,
as log shippers do; nobody else may.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Self

import structlog

UNSETTLED_BYTES = 64 * 1024**2
"""A crash leaves less than this behind the state; where there is more, the state is an old one."""

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)-(\d{4,})\.jsonl")

log = structlog.get_logger(__name__)


class Name(NamedTuple):
    """The name of a file; names compare as their files follow each other."""

    day: str
    number: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        match = _NAME.fullmatch(text)
        return cls(match[1], int(match[2])) if match else None

    def __str__(self) -> str:
        return f"{self.day}-{self.number:04}.jsonl"


def cause(error: OSError) -> str:
    """Why a file cannot be written, bounded and without a path."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "disk full"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return "permission denied"
    return f"disk error ({errno.errorcode.get(error.errno or 0, 'unknown')})"


class LineFiles:
    """The files of one folder, written by one thread at a time. Everything here blocks."""

    def __init__(
        self,
        folder: Path,
        *,
        rotate_bytes: int,
        keep_days: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`keep_days` 0 keeps every file; `clock` gives epoch seconds."""
        self.folder = folder
        self._rotate_bytes = rotate_bytes
        self._keep_days = keep_days
        self._clock = clock
        self._name = Name("", 0)
        self._length = 0
        self._handle: int | None = None

    def open(self, state: str | None) -> str:
        """Take up at `state`, or behind all files where that cannot be, and return the state.

        Raises OSError.
        """
        self.close()
        text, _, length = (state or "").rpartition(":")
        name = Name.parse(text)
        if name is None or not self._resume(name, int(length)):
            self._begin()
        return self._state

    def append(self, lines: bytes) -> str:
        """Write whole lines, all or none, durably; returns the state behind them.

        Raises OSError; what was written of them is cut off again.
        """
        full = self._length > 0 and self._length + len(lines) > self._rotate_bytes
        if full or self._name.day < self._today() or self._is_lost():
            self._begin()
        handle = self._handle if self._handle is not None else self._create()
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fdatasync(handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, self._length)
            raise
        self._length += len(lines)
        return self._state

    def close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    @property
    def _state(self) -> str:
        return f"{self._name}:{self._length}"

    @property
    def _path(self) -> Path:
        return self.folder / str(self._name)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def _names(self) -> list[Name]:
        return sorted(
            name for file in self.folder.glob("*.jsonl") if (name := Name.parse(file.name))
        )

    def _resume(self, name: Name, length: int) -> bool:
        """Cut the files back to `length` bytes of `name`; False where a new one must begin."""
        later = [self.folder / str(other) for other in self._names() if other > name]
        path = self.folder / str(name)
        size = path.stat().st_size if path.exists() else 0
        self._name, self._length = name, length
        behind = max(0, size - length) + sum(file.stat().st_size for file in later)
        if behind > UNSETTLED_BYTES:
            log.warning("these files are newer than the journal; a new one begins", bytes=behind)
            return False
        for file in later:
            file.unlink()
        if size < length:  # somebody moved or emptied it
            return False
        if path.exists():
            self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            os.ftruncate(self._handle, length)
            os.fsync(self._handle)
        return True

    def _begin(self) -> None:
        """Go on in a file that is not there yet; `append` makes it."""
        self.close()
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        last = max([self._name, *self._names()])
        day = max(self._today(), last.day)  # a clock that was set back does not reorder the files
        self._name = Name(day, last.number + 1 if day == last.day else 1)
        self._length = 0
        self._expire()

    def _create(self) -> int:
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self._handle = os.open(self._path, flags, 0o640)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return self._handle

    def _is_lost(self) -> bool:
        """Whether somebody moved, replaced or changed the file that is open."""
        if self._handle is None:
            return self._length > 0
        try:
            there, ours = self._path.stat(), os.fstat(self._handle)
        except FileNotFoundError:
            return True
        return not os.path.samestat(there, ours) or ours.st_size != self._length

    def _expire(self) -> None:
        if not self._keep_days:
            return
        now = datetime.fromtimestamp(self._clock(), UTC)
        oldest = (now - timedelta(days=self._keep_days)).date().isoformat()
        for name in self._names():
            if name.day < oldest:
                (self.folder / str(name)).unlink(missing_ok=True)
