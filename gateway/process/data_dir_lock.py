"""A data folder belongs to one process: two in one would overwrite each other's files."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath

from gateway.errors import GatewayError, file_problem


class UnusableError(GatewayError):
    """The data folder cannot be made or written."""


class TakenError(GatewayError):
    """Another process works in the data folder."""


@contextmanager
def claimed(data_dir: FilePath) -> Iterator[None]:
    """Hold `data_dir` for this process, made where missing. Raises UnusableError or TakenError.

    The claim ends with the process, also where it becomes another program.
    """
    with explained(data_dir):
        data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise TakenError(
            f"another gateway is running in {data_dir}; give this one its own"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def explained(path: FilePath) -> Iterator[None]:
    """Turns what the system says about `path`, or a file in it, into what to do about it."""
    try:
        yield
    except OSError as error:
        raise UnusableError(f"{error.filename or path}: {file_problem(error)}") from error


def check_folders(folders: Iterable[FilePath]) -> None:
    """Raises UnusableError where something else stands in the place of a folder."""
    for folder in folders:
        with explained(folder):
            if folder.exists() and not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def is_claimed(data_dir: FilePath) -> bool:
    """Whether a process works in `data_dir`. Leaves no trace."""
    try:
        lock = os.open(data_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False
