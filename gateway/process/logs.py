"""Logs are JSON lines on standard error, and hold clean text only.

What other libraries log takes the same way; of their words only the template is kept, and a
traceback is reduced to its type and place, because its message could quote an event. Whoever logs
never waits: see `log_writer`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from contextlib import suppress
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from gateway.errors import fault
from gateway.process.log_writer import LogWriter

FLUSH_SECONDS = 1.0
"""How long the end of the process waits for whoever reads its log."""

_writer: LogWriter | None = None


def configure(level: str) -> None:
    """Set up logging for the process."""
    global _writer  # noqa: PLW0603 (a process has one log)
    _writer = LogWriter(2)
    _writer.start()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _place_of_exception,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Logger,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Handler()], level=logging.WARNING, force=True)
    # What Python itself would print holds values, and would wait for whoever reads it.
    warnings.showwarning = lambda _, category, file, line, *__: _warned(category, file, line)
    sys.unraisablehook = lambda what: _broke(
        "an unexpected error in the background", what.exc_value
    )
    threading.excepthook = lambda what: _broke("an unexpected error in a thread", what.exc_value)
    sys.excepthook = lambda _, error, __: _broke(
        "the gateway stopped on an unexpected error", error, is_end=True
    )


def flush() -> None:
    """Before the process ends: give the last lines a moment to be written."""
    if _writer:
        _writer.flush(FLUSH_SECONDS)


def dropped() -> int:
    """Lines that were dropped since the start, because nobody read them."""
    return _writer.dropped if _writer else 0


def greet(text: str) -> None:
    """Say something on standard output, which nobody may be reading."""

    def write() -> None:
        with suppress(OSError):
            os.write(1, text.encode())

    threading.Thread(target=write, name="greeting", daemon=True).start()


def _warned(category: type[Warning], file: str, line: int) -> None:
    if _writer:
        place = f"{category.__name__} at {file.rpartition('/')[2]}:{line}"
        _writer.put({"error": place, "event": "a library warns", "level": "warning"})


def _broke(event: str, error: BaseException | None, *, is_end: bool = False) -> None:
    if _writer:
        place = fault(error) if error else "unknown"
        _writer.put({"error": place, "event": event, "level": "critical"})
    if is_end:
        flush()


class _Logger:
    """What structlog hands finished lines to."""

    def __init__(self, *_: object) -> None:
        pass

    def _put(self, **line: Any) -> None:
        if _writer:
            _writer.put(line)

    debug = info = warning = error = critical = _put


class _Handler(logging.Handler):
    """A library's words are a template; its arguments may be an address or a line of a request.

    What asyncio puts on further lines shows objects, and with them what they hold.
    """

    def emit(self, record: logging.LogRecord) -> None:
        line: dict[str, Any] = {
            "event": str(record.msg).partition("\n")[0],
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["error"] = fault(error)
        if _writer:
            _writer.put(line)


def _place_of_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = fault(error)
    event.pop("stack_info", None)
    return event
