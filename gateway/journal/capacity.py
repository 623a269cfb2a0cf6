"""What there is room for: the disk that a folder is on, and what is on it already.

It is asked for by a thread of its own: a file system that is slow to answer, as a network's may be,
holds up neither a commit nor the event loop.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.health import Disk

_FILES = ("journal.db", "journal.db-wal")

LOOK_SECONDS = 0.25
"""How often the disk is looked at."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The gateway's disks and files at one moment. Sizes are bytes."""

    disks: Mapping[int, Disk]
    """By device."""
    parts: Mapping[tuple[str, int], int]
    """What each part of the data takes, by part and device."""
    home: int | None
    """The device of the journal; None while it cannot be reached."""

    @property
    def by_part(self) -> dict[str, int]:
        total: Counter[str] = Counter()
        for (part, _), size in self.parts.items():
            total[part] += size
        return dict(total)


def disk(folder: Path) -> Disk:
    """May block. Raises OSError where `folder` cannot be reached."""
    found = os.statvfs(folder)
    return Disk(
        device=os.stat(folder).st_dev,  # noqa: PTH116 (a third of the time)
        total=found.f_blocks * found.f_frsize,
        free=found.f_bavail * found.f_frsize if found.f_blocks else None,
        is_read_only=bool(found.f_flag & os.ST_RDONLY),
    )


def reached(folder: Path) -> Disk | None:
    """None where `folder` cannot be reached."""
    try:
        return disk(folder)
    except OSError:
        return None


Identity = tuple[tuple[int, int], ...]
"""Which files the journal consists of."""


def identity(folder: Path) -> Identity:
    """Empty where one is missing."""
    try:
        found = [os.stat(f"{folder}/{name}") for name in _FILES]  # noqa: PTH116 (as above)
    except OSError:
        return ()
    return tuple((file.st_dev, file.st_ino) for file in found)


class Whereabouts:
    """The disk of the journal, and whether its files are in place, as of the last look.

    There are some looks every second.
    """

    def __init__(self, folder: Path) -> None:
        """Looks once, when the files are open; blocks. Use `watch` for more."""
        self._folder = folder
        self._opened = identity(folder)
        self._stopping = threading.Event()
        self._look()

    def watch(self) -> None:
        threading.Thread(target=self._watch, name="journal-disk", daemon=True).start()

    def stop(self) -> None:
        """Look no more. Does not wait for a look that has begun."""
        self._stopping.set()

    def are_files_gone(self) -> bool:
        """Look now, whether what is written would not be found in the folder again."""
        return bool(self._opened) and identity(self._folder) != self._opened

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        self.disk = reached(self._folder)
        self.is_replaced = self.are_files_gone()
