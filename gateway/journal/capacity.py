"""What there is room for: the disk that a folder is on, and what is on it already.

Whoever asks does so in a thread: a file system may be slow to answer, as a network's may be.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.health import Disk


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
