"""The journal says no before the disk does, so that cursors can still move when nothing fits.

How much room there is is asked by a thread of its own: a file system that is slow to answer, as a
network's may be, holds up neither a commit nor the event loop.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from gateway.config.model import Journal as Settings

LOOK_SECONDS = 0.25
"""How often the free space is looked at."""


def refusal(settings: Settings, used: int, free: int) -> str | None:
    """Why nothing more may be taken, or None. `used` and `free` are bytes."""
    if used >= settings.max_bytes:
        return f"the journal holds {_size(used)}, its journal.max_bytes"
    if free < settings.min_free_bytes:
        return (
            f"the disk has {_size(free)} left; "
            f"journal.min_free_bytes keeps {_size(settings.min_free_bytes)}"
        )
    return None


def free_bytes(folder: Path) -> int:
    """What this process may still write to the disk of `folder`. May block. Raises OSError."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


class Disk:
    """The free space of a folder as of the last look, of which there are some every second."""

    def __init__(self, folder: Path) -> None:
        """Looks once; blocks. Use `watch` for more."""
        self._folder = folder
        self._stopping = threading.Event()
        self.free_bytes: int | None = None
        """None: the folder cannot be reached."""
        self._look()

    def watch(self) -> None:
        threading.Thread(target=self._watch, name="journal-disk", daemon=True).start()

    def stop(self) -> None:
        """Look no more. Does not wait for a look that has begun."""
        self._stopping.set()

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            self.free_bytes = free_bytes(self._folder)
        except OSError:
            self.free_bytes = None


def _size(count: int) -> str:
    return f"{count / 1024**2:,.1f} MiB"
