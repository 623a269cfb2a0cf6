"""Where the files of the journal are: on which disk, and whether they are still in their folder.

A thread of its own looks: a file system that is slow to answer holds up neither a commit nor the
event loop.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from gateway.journal import capacity

LOOK_SECONDS = 0.25
"""How often the disk is looked at."""

_FILES = ("journal.db", "journal.db-wal")

Identity = tuple[tuple[int, int], ...]
"""Which files the journal consists of."""


def identity(folder: Path) -> Identity:
    """Empty where one is missing."""
    try:
        found = [os.stat(f"{folder}/{name}") for name in _FILES]  # noqa: PTH116 (a third of the time)
    except OSError:
        return ()
    return tuple((file.st_dev, file.st_ino) for file in found)


class Whereabouts:
    """The disk of the journal, and whether its files are in place, as of the last look.

    There are some looks every second.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stopping = threading.Event()

    def start(self) -> None:
        """Look once, when the files are open, which blocks; from then on in a thread."""
        self._opened = identity(self._folder)
        self._look()
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
        self.disk = capacity.reached(self._folder)
        self.is_replaced = self.are_files_gone()
