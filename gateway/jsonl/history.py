"""A small file of JSON lines that only grows: what was appended is durable, whole, or not there.

Behind the last newline is what a crash left of a line that nobody was promised.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gateway.jsonl.surplus import fsync


def read(file: Path) -> list[bytes]:
    """Its whole lines, without their newlines; none where there is no file. Raises OSError."""
    try:
        return file.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def append(file: Path, lines: Sequence[bytes]) -> None:
    """Write lines durably, all or none. Raises OSError, and then they do not count."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        whole = _whole_lines(handle)
        try:
            os.ftruncate(handle, whole)
            _write(handle, b"".join(line + b"\n" for line in lines), whole)
            os.fsync(handle)
            if whole == 0:
                fsync(file.parent)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(handle, whole)
            raise
    finally:
        os.close(handle)


def _write(handle: int, lines: bytes, at: int) -> None:
    if os.pwrite(handle, lines, at) != len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _whole_lines(handle: int) -> int:
    """Bytes up to the last newline."""
    size = os.fstat(handle).st_size
    return os.pread(handle, size, 0).rfind(b"\n") + 1
