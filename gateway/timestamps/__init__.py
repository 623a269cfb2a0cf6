"""Times as clients write them, as people type them, and as this gateway writes them: in UTC.

Whatever form a client wrote is read as milliseconds, or not at all; none raises.
One rule bounds them all: a moment is of the years 1 to 9999, and the size of an epoch number tells
its unit. Seconds reach to 5138, milliseconds from 1973 to 9999, finer units from 1978 to 9999.
Without a zone a time is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import modf
from typing import Any

from gateway.timestamps import odd_forms

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (only to write UTC without its offset)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_DAY = 86_400_000
_AGO = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SECONDS_BELOW = 10**11
_MILLISECONDS_BELOW = _LAST + 1
_MICROSECONDS_BELOW = _MILLISECONDS_BELOW * 1000
_NANOSECONDS_BELOW = _MICROSECONDS_BELOW * 1000

_number = re.compile(r"[+-]?(?:\d{9,20}(?:\.\d{1,20})?|\d{1,20}\.\d{1,20})").fullmatch
"""Fewer digits without a point are a date or a year."""
_compact = re.compile(r"(?:19|20)\d{12}").fullmatch
"""`YYYYMMDDhhmmss`; as milliseconds, it would be of the years after 2571."""


def read_time(value: Any) -> int | None:
    """Epoch milliseconds of a text (without a zone: UTC) or of an epoch number of any unit."""
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
    if "-" in text:  # without it, digits that are a number are also some compact date
        try:
            return _milliseconds(datetime.fromisoformat(text.strip().upper()))
        except ValueError:
            pass
    plain = odd_forms.in_ascii(text)
    if plain is None:
        return None
    if _number(plain) and not _compact(plain):
        return _read_number(float(plain) if "." in plain else int(plain))
    try:
        moment = odd_forms.read(plain) or datetime.fromisoformat(plain)
    except ValueError:
        return None
    return _milliseconds(moment)


def _milliseconds(moment: datetime) -> int | None:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    milliseconds = since.days * _DAY + since.seconds * 1000 + since.microseconds // 1000
    return milliseconds if _FIRST <= milliseconds <= _LAST else None


def _read_number(number: float) -> int | None:
    size = abs(number)
    if size < _SECONDS_BELOW:
        milliseconds = round(number * 1000)
    elif size < _MILLISECONDS_BELOW:
        milliseconds = round(number)
    elif size < _MICROSECONDS_BELOW:
        milliseconds = _part(number, 1000)
    elif size < _NANOSECONDS_BELOW:
        milliseconds = _part(number, 1_000_000)
    else:  # so is NaN
        return None
    return milliseconds if _FIRST <= milliseconds <= _LAST else None


def _part(number: float, units: int) -> int:
    """What is finer is cut off, as it is of a text; a float is not exact, so it is rounded."""
    return number // units if type(number) is int else round(number / units)
