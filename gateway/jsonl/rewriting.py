"""Lines are taken out of files that are closed: each file is whole before and after, never between.

A file is written again beside itself, made durable, and put in its own place. A destination that
goes on behind a file which is shorter than it left it begins another one, so nothing is cut. Files
that log rotation compressed are rewritten as well; names, modes and times stay.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from gateway.jsonl.names import Name
from gateway.jsonl.state import State
from gateway.jsonl.surplus import Surplus, fsync

Without = Callable[[bytes], bytes | None]
"""What may stay of a line, without its newline; None where nothing of it may."""
Record = Callable[[str, int], None]
"""Keeps the name of a file and the number of its lines that go, durably, before they do."""

UNFINISHED = ".rewriting"


def _as_it_is(line: bytes) -> bytes | None:
    return line


def _in_plain(_file: Path, _number: int, _line: bytes, left: bytes) -> bytes:
    return left


@dataclass(frozen=True, slots=True)
class Form:
    """How events stand in lines: in plain, or encrypted."""

    opened: Callable[[bytes], bytes | None] = _as_it_is
    """The event of a line; None where it cannot be read."""
    put_back: Callable[[Path, int, bytes, bytes], bytes] = _in_plain
    """The line of a file and a number that holds what is left of a line."""


PLAIN = Form()


class UnreadFilesError(OSError):
    """Files that could not be read, by name; all others were rewritten."""


def without_lines(folder: Path, without: Without, record: Record, form: Form = PLAIN) -> None:
    """Rewrite each file of the folder, below it too, that holds what must not stay.

    Blocks. Raises OSError; it may be called again, and then goes on.
    """
    unread: list[str] = []
    for path in folder.rglob(f"*{UNFINISHED}"):
        path.unlink(missing_ok=True)
    for path in files(folder):
        try:
            gone, differs, is_read = _counted(path, without, form)
            record(path.name, gone)
            if differs:
                _rewrite(path, without, form)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            unread.append(path.name)
            continue
        except FileNotFoundError:  # its time was over
            continue
        if not is_read:
            unread.append(path.name)
    if unread:
        raise UnreadFilesError(f"cannot be read, so look at them yourself: {', '.join(unread)}")


def drop(path: Path, is_to_go: Callable[[bytes], bool], form: Form = PLAIN) -> None:
    """Take the lines out of one file that somebody is certain about. Raises OSError."""
    _rewrite(path, lambda line: None if is_to_go(line) else line, form)


def lines(folder: Path, form: Form = PLAIN) -> Iterator[bytes]:
    """The events of all lines of all files, as far as they can be read. Raises OSError."""
    for path in files(folder):
        with (
            suppress(gzip.BadGzipFile, EOFError, zlib.error, FileNotFoundError),
            _open(path) as one,
        ):
            for line in one:
                if (event := form.opened(line.rstrip(b"\n"))) is not None:
                    yield event


def files(folder: Path) -> list[Path]:
    """The files of lines in a folder and below."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if ".jsonl" in path.name
        and not path.name.endswith(UNFINISHED)
        and path.is_file()
        and not path.is_symlink()
    ]


def unfinished(path: Path) -> Path:
    """Where a file is written that is to stand in the place of this one."""
    return path.with_name(f".{path.name}{UNFINISHED}")


def settle(folder: Path, state: str | None) -> list[str]:
    """Set aside what stands behind the last state that was kept, as the journal gives it again.

    Returns the names of the files it is in now. Raises OSError.
    """
    at = State.parse(state)
    path = folder / str(at.name) if at else folder
    if at is None or not path.exists() or path.stat().st_size < at.length:
        return []
    names = sorted(one for file in folder.glob("*.jsonl") if (one := Name.parse(file.name)))
    later = [one for one in names if one > at.name]
    if not later and path.stat().st_size == at.length:
        return []
    return Surplus(folder, [at.name, *later], at.length).set_aside()


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.GzipFile(path, "rb"))
    return path.open("rb")


def _counted(path: Path, without: Without, form: Form) -> tuple[int, bool, bool]:
    """How many lines go, whether any differs, and whether all could be read."""
    gone = 0
    differs, is_read = False, True
    with _open(path) as file:
        for line in file:
            event = form.opened(line.rstrip(b"\n"))
            if event is None:
                is_read = False
                continue
            left = without(event)
            gone += left is None
            differs = differs or left is not event
    return gone, differs, is_read


def _rewrite(path: Path, without: Without, form: Form) -> None:
    found = path.stat()
    new = unfinished(path)
    try:
        with new.open("wb") as raw:
            os.fchmod(raw.fileno(), found.st_mode & 0o777)
            with suppress(PermissionError):
                os.fchown(raw.fileno(), found.st_uid, found.st_gid)
            kept = _write(path, raw, without, form)
            raw.flush()
            os.fsync(raw.fileno())
        if kept:
            os.utime(new, ns=(found.st_atime_ns, found.st_mtime_ns))
            new.replace(path)
        else:
            path.unlink()
            new.unlink()
    except OSError:
        new.unlink(missing_ok=True)
        raise
    fsync(path.parent)


def _write(path: Path, raw: IO[bytes], without: Without, form: Form) -> int:
    """Write what may stay; returns how many lines that is."""
    kept = 0
    packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else None
    target = cast("IO[bytes]", packed or raw)
    with _open(path) as file:
        for line in file:
            own = line.rstrip(b"\n")
            event = form.opened(own)
            left = own if event is None else without(event)
            if left is not None:
                kept += 1
                new = own if event is None else form.put_back(path, kept, own, left)
                target.write(new + line[len(own) :])
    if packed:
        packed.close()
    return kept
