"""Disks that are full until something makes room: a file size limit and, for root, a tmpfs."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

Room = Callable[[], None]
Disk = Callable[[Path, int], AbstractContextManager[Room]]


@contextmanager
def small_tmpfs(folder: Path, size: int) -> Iterator[Room]:
    """Mount `size` bytes on `folder`; the function given makes it eight times as large."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)

    def make_room() -> None:
        larger = f"remount,size={size * 8}"
        subprocess.run(["mount", "-o", larger, folder], check=True)

    try:
        yield make_room
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def file_size_limit(folder: Path, size: int) -> Iterator[Room]:
    """No file of this process grows over `size`, until the function given lifts the limit."""
    folder.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def make_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield make_room
    finally:
        make_room()


DISKS: list[Disk] = [file_size_limit, *([small_tmpfs] if os.geteuid() == 0 else [])]
