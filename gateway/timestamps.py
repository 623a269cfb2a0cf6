"""A time in any form a client writes is read as UTC milliseconds, or not at all; none raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (only to write UTC without its offset)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_DAY = 86_400_000
_SECONDS_BELOW = 100_000_000_000
"""A smaller number counts seconds, until the year 5138; a larger one milliseconds, from 1973."""


def read_time(value: Any) -> int | None:
    """Epoch milliseconds of an ISO 8601 text (without an offset: UTC) or of an epoch number."""
    if type(value) is str:
        return _read_text(value)
    if type(value) is int or type(value) is float:
        return _read_number(value)
    return None


def write_time(milliseconds: int) -> str | None:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`, or None outside the years 1 to 9999."""
    if not _FIRST <= milliseconds <= _LAST:
        return None
    seconds, fraction = divmod(milliseconds, 1000)
    return f"{_write_second(seconds)}.{fraction:03}Z"


@lru_cache(maxsize=4096)
def _write_second(seconds: int) -> str:
    """Most events of a moment fall into few seconds."""
    return (_NAIVE_EPOCH + timedelta(seconds=seconds)).isoformat()


def _read_text(text: str) -> int | None:
    if len(text) > 8 and text.isdecimal() and text.isascii():
        return _read_number(int(text)) if len(text) < 20 else None
    try:
        moment = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    milliseconds = since.days * _DAY + since.seconds * 1000 + since.microseconds // 1000
    return milliseconds if _FIRST <= milliseconds <= _LAST else None


def _read_number(number: float) -> int | None:
    if not abs(number) <= _LAST:  # nor is NaN
        return None
    milliseconds = round(number * 1000 if abs(number) < _SECONDS_BELOW else number)
    return milliseconds if _FIRST <= milliseconds <= _LAST else None
