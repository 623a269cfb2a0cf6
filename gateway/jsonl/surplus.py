"""Lines that stand in the files behind the last settled one: written, perhaps not accounted for.

After a crash the journal gives them again, in the same order, and they are taken for written. What
it does not give again must not be deleted: it is moved into a file of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from gateway.jsonl.names import Name, set_aside_name

Same = Callable[[bytes, bytes], bool]


class Surplus:
    """Goes through the lines once. Everything here blocks and may raise OSError."""

    def __init__(self, folder: Path, names: Sequence[Name], offset: int) -> None:
        """The lines behind `offset` of the first of the files, and all of the others."""
        self.name = names[0]
        self.offset = offset
        """Bytes of `name` that are known to be lines of the journal."""
        self._folder = folder
        self._later = list(names[1:])
        self._file: BinaryIO | None = None
        for name in names:
            fsync(folder / str(name))

    def takes(self, line: bytes, same: Same) -> bool:
        """Whether the next line that stands there is this one; then it is passed."""
        while not (there := self._next()) and self._later:
            self.close()
            self.name, self.offset = self._later.pop(0), 0
        if not there.endswith(b"\n") or not same(there, line):
            return False
        self.offset += len(there)
        return True

    def set_aside(self) -> list[str]:
        """Move what was not passed into files of its own; returns their names.

        Half a line at the end is of a write that was cut short and never acknowledged.
        """
        self.close()
        kept = []
        path = self._folder / str(self.name)
        with path.open("rb") as file:
            file.seek(self.offset)
            if b"\n" in file.readline():
                kept.append(self._copied(path))
        os.truncate(path, self.offset)
        fsync(path)
        for name in self._later:
            other = set_aside_name(self._folder, name)
            (self._folder / str(name)).rename(other)
            kept.append(other.name)
        self._later = []
        if kept:
            fsync(self._folder)
        return kept

    def _next(self) -> bytes:
        """The line at the offset; nothing where the file ends."""
        if self._file is None:
            self._file = (self._folder / str(self.name)).open("rb")
        if self._file.tell() != self.offset:
            self._file.seek(self.offset)
        return self._file.readline()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _copied(self, path: Path) -> str:
        copy = set_aside_name(self._folder, self.name)
        try:
            with path.open("rb") as source, copy.open("xb") as target:
                os.fchmod(target.fileno(), 0o640)
                source.seek(self.offset)
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
            fsync(self._folder)
        except OSError:
            with suppress(OSError):
                copy.unlink()
            raise
        return copy.name


def fsync(path: Path) -> None:
    """Make a file durable, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
