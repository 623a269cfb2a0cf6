"""The journal says no before the disk does, so that cursors can still move when nothing fits."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.config.model import Journal as Settings


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
    """What this process may still write to the file system of `folder`."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _size(count: int) -> str:
    return f"{count / 1024**2:,.1f} MiB"
