"""Times as clients write them, as people type them, and as this gateway writes them: in UTC.

Whatever a client wrote is read as milliseconds, or not at all; none raises.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import modf
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (only to write UTC without its offset)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_DAY = 86_400_000
_AGO = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SECONDS_BELOW = 100_000_000_000
"""A smaller number counts seconds, until the year 5138; a larger one milliseconds, from 1973."""


def read_time(value: Any) -> int | None:
    """Epoch milliseconds of an ISO 8601 text (without an offset: UTC) or of an epoch number."""
    if type(value) is str:
        return _read_text(value)
    if type(value) is int or type(value) is float:
        return _read_number(value)
    return None


def read_since(text: str, now: datetime) -> datetime:
    """`7d`, `12h`, `30m`, `2w` ago, a date or a time; in UTC. Raises ValueError for all else."""
    try:
        if match := _AGO.fullmatch(text.strip()):
            return (now - timedelta(**{_UNITS[match[2]]: int(match[1])})).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("the calendar does not go back so far") from None


def write_time(milliseconds: int) -> str | None:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`, or None outside the years 1 to 9999."""
    if not _FIRST <= milliseconds <= _LAST:
        return None
    seconds, fraction = divmod(milliseconds, 1000)
    return f"{_write_second(seconds)}.{fraction:03}Z"


def timestamp(seconds: float) -> str:
    """Epoch seconds as `2026-11-23T07:51:04.317Z`."""
    fraction, whole = modf(seconds)
    carry, microseconds = divmod(round(fraction * 1e6), 1_000_000)
    return f"{_write_second(int(whole) + carry)}.{microseconds // 1000:03}Z"


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
