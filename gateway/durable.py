"""A small file is replaced whole and durably, or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def put(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Durable on return. Raises OSError, and then the old file is as it was."""
    beside = file.with_name(f".{file.name}.new")
    flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC
    with os.fdopen(os.open(beside, flags, mode), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)
    sync(file.parent)


def sync(folder: Path) -> None:
    """What was renamed or deleted in the folder stays so. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
