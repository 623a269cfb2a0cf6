"""A file of JSON lines holds whole lines only, each of them once, and no line is ever cut off.

`append` writes a batch with one call, fsyncs it and returns a state: the file's name and length.
`open` with the last state that was kept goes on there. Lines behind it are of a batch that was
written and not yet settled: the journal gives it again, and what stands there already is not
written twice. Lines that the journal does not give again (it is an older copy, or another one) are
kept, in a file whose name says `set-aside`.

Files are called `2026-11-23-000001.jsonl`: the day, and a number that only grows, so a clock that
goes back mixes nothing up. The owner's group may read them, as log shippers do; nobody else may.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.clock import Clock
from gateway.jsonl.chain import Chain, same_body
from gateway.jsonl.expiry import expire
from gateway.jsonl.names import Name
from gateway.jsonl.retention import last_hash
from gateway.jsonl.state import State
from gateway.jsonl.surplus import Same, Surplus, fsync

_WHOLE = 1 << 62
"""More bytes than a file has."""
_DAY_SECONDS = 86_400.0

log = structlog.get_logger(__name__)


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
        clock: Clock | None = None,
        same: Same = bytes.__eq__,
        may_grow: Callable[[Path], bool] = lambda _file: True,
        chain: Chain | None = None,
    ) -> None:
        """`keep_days` 0 keeps every file. `same`: whether two lines are of the same item.

        `may_grow`: whether lines may be added to a file that is there when it is opened. With a
        `chain`, each line gets its hash when it is written.
        """
        self.folder = folder
        self._rotate_bytes = rotate_bytes
        self._keep_days = keep_days
        self._clock = clock or Clock()
        self._same = same_body if chain else same
        self._chain = chain
        self._may_grow = may_grow
        self._name = Name.of("", 0)
        self._length = 0
        self._handle: int | None = None
        self._surplus: Surplus | None = None

    def open(self, state: str | None) -> str:
        """Go on at `state`, or behind all files where that cannot be, and return the state.

        Raises OSError.
        """
        self.close()
        kept = State.parse(state)
        if self._chain:
            self._chain.head = self._head(kept)
        if kept is None or not self._resume(kept.name, kept.length) or self._is_finished():
            self._begin()
        return self._state

    def append(self, lines: bytes) -> str:
        """Write whole lines, all or none, durably; returns the state behind them.

        Raises OSError; what was written of them is cut off again.
        """
        if self._surplus is None:
            return self._written(lines)
        before = self._name, self._length
        head = self._chain.head if self._chain else ""
        try:
            lines = self._behind_what_is_there(self._surplus, lines)
            return self._written(lines) if lines else self._state
        except OSError:  # the whole batch comes again, so what was passed must be passed again
            self.close()
            self._resume(*before)
            if self._chain:
                self._chain.head = head
            raise

    def _written(self, lines: bytes) -> str:
        full = self._length > 0 and self._length + len(lines) > self._rotate_bytes
        if full or self._name.day != self._today() or self._is_lost():
            self._begin()
        handle = self._handle if self._handle is not None else self._create()
        head = self._chain.head if self._chain else ""
        try:
            if self._chain:
                lines = self._chain.sealed(lines, first=self._length == 0)
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fdatasync(handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, self._length)
            if self._chain:
                self._chain.head = head
            raise
        self._length += len(lines)
        return self._state

    def close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)
        if self._surplus:
            self._surplus.close()
            self._surplus = None

    @property
    def _state(self) -> str:
        return str(State(self._name, self._length, self._chain.head if self._chain else None))

    def _head(self, kept: State | None) -> str:
        """The last hash that there is, where the state does not say it."""
        if kept is None:
            names = self._names()
            return last_hash(self.folder / str(names[-1]), _WHOLE) if names else ""
        if kept.head is None:
            return last_hash(self.folder / str(kept.name), kept.length)
        return kept.head

    @property
    def _path(self) -> Path:
        return self.folder / str(self._name)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock.now(), UTC).date().isoformat()

    def _names(self) -> list[Name]:
        return sorted(
            name for file in self.folder.glob("*.jsonl") if (name := Name.parse(file.name))
        )

    def _resume(self, name: Name, length: int) -> bool:
        """Go on at `length` bytes of `name`; False where a new file must begin."""
        path = self.folder / str(name)
        size = path.stat().st_size if path.exists() else 0
        self._name, self._length = name, length
        later = [other for other in self._names() if other > name]
        if size < length:  # somebody moved or emptied it
            if not later:
                return False
            self._surplus = Surplus(self.folder, later, 0)
            self._name, self._length = later[0], 0
        elif later or size > length:
            self._surplus = Surplus(self.folder, [name, *later], length)
        elif path.exists():
            self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        return True

    def _behind_what_is_there(self, surplus: Surplus, lines: bytes) -> bytes:
        """The lines that are still to be written, with the files ready for them."""
        while lines:
            end = lines.index(b"\n") + 1
            if not surplus.takes(lines[:end], self._same):
                break
            self._name, self._length = surplus.name, surplus.offset
            if self._chain:
                self._chain.passed(lines[: end - 1])
            lines = lines[end:]
        if not lines:
            return lines
        if kept := surplus.set_aside():
            log.error("lines that the journal does not know were set aside", files=kept)
        self._surplus = None
        self._name, self._length = surplus.name, surplus.offset
        if self._path.exists():
            self._handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        return lines

    def _is_finished(self) -> bool:
        return self._handle is not None and not self._may_grow(self._path)

    def _begin(self) -> None:
        """Go on in a file that is not there yet; `append` makes it."""
        self.close()
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        number = max([self._name.number, *(name.number for name in self._names())]) + 1
        self._name = Name.of(self._today(), number)
        self._length = 0
        self._expire()

    def _create(self) -> int:
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self._handle = os.open(self._path, flags, 0o640)
        fsync(self.folder)
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
        """Delete what is old by its name, by its last change, and by a clock that is certain."""
        if not self._keep_days:
            return
        now = datetime.fromtimestamp(self._clock.now(), UTC).isoformat()
        before = self._clock.certain() - self._keep_days * _DAY_SECONDS
        expire(self.folder, before, chained_at=now if self._chain else None)
