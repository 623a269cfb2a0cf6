"""Every error a person can meet is a GatewayError, and its message says what to do.

GatewayError
├── ConfigurationError    the gateway refuses to start, or keeps the old configuration; exit 78
├── RequestError          a client's request cannot be read; the protocol picks the HTTP answer
├── Overloaded            more than the limits allow just now; clients get 429 or 503
├── JournalError          nothing can be accepted durably just now; clients get 503
├── DestinationError      a destination cannot be written just now; its events wait
└── UsageError            a command was called wrongly; exit 2
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass


class GatewayError(Exception):
    """The root of what this project raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing wrong in a file, where it is and how to fix it; or in a variable, on line 0."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}"


class ConfigurationError(GatewayError):
    """All the mistakes found in the configuration, not only the first."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(map(str, self.mistakes)))


class RequestError(GatewayError):
    """A request that cannot be taken. `code` is stable, `message` is for a person.

    Neither may quote the request: both go back over the wire and into logs.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Overloaded(GatewayError):  # noqa: N818 (a state of the gateway, no fault)
    """A limit is reached. `retry_after`: whole seconds until the same request may be taken.

    `is_own`: the source's own requests are the cause, so that others are taken; else it is what
    all of them send together.
    """

    def __init__(self, retry_after: int, *, is_own: bool = True) -> None:
        super().__init__(f"over a limit; try again in {retry_after} s")
        self.retry_after = retry_after
        self.is_own = is_own


class JournalError(GatewayError):
    """The journal cannot make events durable: the disk is full or failing, or the limit reached."""


class DestinationError(GatewayError):
    """A destination cannot be written to; what waits for it stays in the journal."""


class UsageError(GatewayError):
    """A command was called with what it does not take."""


_REMEDIES = {
    "a file stands where a folder must be; move it away": {errno.EEXIST, errno.ENOTDIR},
    "a folder stands where a file must be; move it away": {errno.EISDIR},
    "this user may not use it; give it to this user, or choose another data_dir": {
        errno.EACCES,
        errno.EPERM,
    },
    "its disk is read-only; mount it writable, or choose another data_dir": {errno.EROFS},
    "its disk is full; make room, or choose another data_dir": {errno.ENOSPC, errno.EDQUOT},
}


def file_problem(error: OSError) -> str:
    """What is wrong with a file or folder of the gateway's, and what to do."""
    for remedy, numbers in _REMEDIES.items():
        if error.errno in numbers:
            return remedy
    return f"{error.strerror or type(error).__name__}; check its disk"


def fault(error: BaseException) -> str:
    """What failed and where: `KeyError at segment.py:120`.

    Not the message and not the traceback, because either could quote an event.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename.rpartition("/")[2] if trace else "unknown"
    return f"{type(error).__name__} at {file}:{trace.tb_lineno if trace else 0}"
