"""What the gateway's own files take on their disks, by part; what is not counted is others'.

Measured in a thread, never for a request: a folder may hold many files, and its disk may be slow.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath

from gateway.config import Configuration
from gateway.health import Disk
from gateway.journal import capacity
from gateway.journal.capacity import Usage

MOST_FILES = 20_000
"""Files of one part that are looked at; more take too long."""
_BLOCK_BYTES = 512
_OTHER = "other"

Folders = Mapping[FilePath, str]
"""Folder → part."""


def folders(configuration: Configuration) -> Folders:
    """Where the gateway writes. Parts are few, whatever the configuration."""
    data_dir = configuration.gateway.data_dir
    parts = {
        data_dir: _OTHER,
        data_dir / "journal": "journal",
        data_dir / "audit": "audit",
        data_dir / "quarantine": "quarantine",
        data_dir / "journal" / "seen": "dedup",
    }
    for settings in configuration.routing.destinations.values():
        if settings.folder is not None:
            parts[data_dir / settings.folder] = "events"
    return parts


def measured(folders: Folders) -> Usage:
    """What is there now. Blocks. What cannot be reached is left out."""
    disks: dict[int, Disk] = {}
    parts: Counter[tuple[str, int]] = Counter()
    home = None
    for folder, part in folders.items():
        disk = _disk(folder)
        if disk is None:
            continue
        disks[disk.device] = disk
        if part == "journal":
            home = disk.device
        parts[part, disk.device] += _size(folder, folders)
    return Usage(disks, dict(parts), home)


def _disk(folder: FilePath) -> Disk | None:
    """The one it is on, or will be on when it is made."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    return capacity.reached(there)


def _size(folder: FilePath, folders: Folders) -> int:
    total = 0
    for number, size in enumerate(_sizes(os.fspath(folder), set(map(os.fspath, folders)))):
        if number == MOST_FILES:
            break
        total += size
    return total


def _sizes(folder: str, others: set[str]) -> Iterator[int]:
    """The size of each file below, down to where another part begins."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.path not in others:
                            yield from _sizes(entry.path, others)
                    else:
                        yield entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                except OSError:
                    continue  # deleted meanwhile
    except OSError:
        return
