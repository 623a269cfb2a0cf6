"""Whether the files of a chain are as they were written, and where they first are not.

`verify` only reads. What retention deleted is known from its list; how far the files go, from the
state that the journal keeps of them, so that lines cut off at the end are missed, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gateway.jsonl import retention
from gateway.jsonl.chain import hash_of, taken_apart
from gateway.jsonl.names import Name
from gateway.jsonl.state import State


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold."""

    file: str
    line: int
    problem: str


@dataclass(slots=True)
class Verified:
    """What was found."""

    files: int = 0
    lines: int = 0  # chained ones, up to the break
    unchained: int = 0  # of version 0.1.0, before the chain begins
    head: str = ""  # the last hash
    removed: list[str] = field(default_factory=list)  # by retention
    set_aside: list[str] = field(default_factory=list)  # by recovery
    unfinished: bool = False  # the last line is being written, or was cut by a crash
    first_break: Break | None = None


class _BrokenError(Exception):
    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(problem)
        self.found = Break(file, line, problem)


def verify(folder: Path, kept: str | None) -> Verified:
    """`kept`: the state in the journal, read before this. Raises OSError."""
    names = sorted(name for file in folder.glob("*.jsonl") if (name := Name.parse(file.name)))
    found = Verified(
        removed=sorted(retention.removed(folder)),
        set_aside=sorted(file.name for file in folder.glob("*.set-aside-*.jsonl")),
    )
    try:
        _Reading(folder, names, State.parse(kept), found).read()
    except _BrokenError as broken:
        found.first_break = broken.found
    return found


class _Reading:
    def __init__(
        self, folder: Path, names: list[Name], kept: State | None, found: Verified
    ) -> None:
        self._folder = folder
        self._names = names
        self._kept = kept
        self._found = found
        self._removed = retention.removed(folder)
        self._last: tuple[str, int] = ("", 0)  # the line before: file and number

    def read(self) -> None:
        for name in self._names:
            self._found.files += 1
            self._file(name)
        kept = self._kept
        is_missing = kept and kept.length and kept.name not in self._names
        if kept and is_missing and str(kept.name) not in self._removed:
            raise _BrokenError(str(kept.name), 1, "the file is missing; the journal knows it")

    def _file(self, name: Name) -> None:
        kept = self._kept if self._kept and self._kept.name == name else None
        offset = number = 0
        with (self._folder / str(name)).open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    if name != self._names[-1] or (kept and offset < kept.length):
                        raise _BrokenError(str(name), number, "the line is not whole")
                    self._found.unfinished = True
                    break
                self._line(str(name), number, line)
                offset += len(line)
                if kept and offset == kept.length and kept.head not in (None, self._found.head):
                    what = "the line is another than the one that the journal knows"
                    raise _BrokenError(str(name), number, what)
        if kept and offset < kept.length:
            what = f"lines behind this one are missing: {kept.length - offset} bytes"
            raise _BrokenError(str(name), number, what)

    def _line(self, file: str, number: int, line: bytes) -> None:
        body, previous, own = taken_apart(line)
        found = self._found
        is_begun = bool(found.head)
        if own is None:
            if is_begun:
                raise _BrokenError(file, number, "the line has no hash")
            found.unchained += 1
            return
        if not is_begun:
            before = self._before_all(file, number, previous)
        elif number == 1:
            if previous != found.head:
                what = "the file does not follow {}:{}: lines or files between them are missing"
                raise _BrokenError(file, number, what.format(*self._last))
            before = found.head
        elif previous is not None:
            raise _BrokenError(file, number, "the line begins a file, and is in the middle of one")
        else:
            before = found.head
        if hash_of(before, body) != own:
            what = "the line was changed, or lines before it were changed or removed"
            raise _BrokenError(file, number, what)
        found.head = own
        found.lines += 1
        self._last = (file, number)

    def _before_all(self, file: str, number: int, previous: str | None) -> str:
        """What the first line of all follows."""
        if previous is None:
            raise _BrokenError(file, number, "the lines before this one are missing")
        if previous and previous not in self._removed.values():
            what = "the files before this one are missing, and retention did not delete them"
            raise _BrokenError(file, number, what)
        return previous
