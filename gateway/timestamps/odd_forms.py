"""Times in the many forms that are not quite ISO 8601 are read where they mean one moment.

What a form leaves open is not guessed: 11/12/2026 has two meanings, and 2:45 PM on a person's own
clock as many as there are zones. A text of any length costs no more than a hundred letters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

_LONGEST = 100
"""Letters of a text that can be a time; `String(new Date())` has some sixty."""
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_MONTHS = {
    name: number
    for number, month in enumerate(
        (
            *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST"),
            *("SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
        ),
        start=1,
    )
    for name in (month, month[:3], month[:4])
}
_DAYS = frozenset(
    name
    for day in ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
    for name in (day, day[:3])
)
_ZONES = dict.fromkeys(("Z", "UT", "UTC", "GMT", "WET"), 0) | {
    **dict.fromkeys(("WEST", "CET"), 1),
    **dict.fromkeys(("CEST", "EET"), 2),
    **dict.fromkeys(("EEST", "MSK"), 3),
    "JST": 9,
    "EDT": -4,
    **dict.fromkeys(("EST", "CDT"), -5),
    **dict.fromkeys(("CST", "MDT"), -6),
    **dict.fromkeys(("MST", "PDT"), -7),
    "PST": -8,
}
"""Hours from UTC: the zones of RFC 2822, and others whose names mean one thing."""

_asides = re.compile(r"\([^()]*\)|\[[^\[\]]*\]| M=[+-][\d.]+$").sub
"""The name of a zone behind its offset, and what Go writes of its monotonic clock."""
_gap = re.compile(r"[\s,]*").match
_compact = re.compile(r"(\d{4})(\d\d)(\d\d)T?(\d\d)(\d\d)(\d\d)(?:[.,](\d+))?(?!\d)").match
_date = re.compile(r"(\d{4})([-/.])(\d\d?)\2(\d\d?)(?!\d)").match
_clock = re.compile(
    r"(?:T|AT\b)?\s*(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d*))?)?(?!\d)|T(\d\d)(\d\d)?(?!\d)"
).match
_offset = re.compile(r"([+-])(\d\d?)(?::?(\d\d)(?::?(\d\d)(?:\.\d+)?)?)?(?!\d)").match
_piece = re.compile(r"-?(?:([A-Z]+)\.?|(\d+)(?:ST|ND|RD|TH)?)(?![A-Z\d:])").match


def in_ascii(text: str) -> str | None:
    """In capitals and, as far as can be, ASCII: digits of any script, all dashes and blanks.

    None for what is too long to be a time.
    """
    if len(text) > _LONGEST:
        return None
    if not text.isascii():
        text = "".join(
            str(unicodedata.decimal(letter, letter))
            for letter in unicodedata.normalize("NFKC", text).translate(_DASHES)
            if unicodedata.category(letter) != "Cf"
        )
    return _asides("", text.upper()).strip()


@dataclass(slots=True)
class _Parts:
    """What has been found so far."""

    date: list[str] = field(default_factory=list)  # year, month, day; or day and year
    month: int | None = None  # where it has a name
    clock: list[str | None] | None = None  # hours, minutes, seconds and their fraction
    half: str = ""
    zone: str = ""
    offset: timedelta | None = None


def read(text: str) -> datetime | None:
    """The moment that a text `in_ascii` names, which has a zone, UTC where it says none."""
    parts = _Parts()
    place = 0
    if found := _compact(text):
        parts.date, parts.clock, place = [*found.groups()[:3]], [*found.groups()[3:]], found.end()
    elif found := _date(text):
        parts.date, place = [found[1], found[3], found[4]], found.end()
    try:
        while (place := _end(_gap(text, place))) < len(text):
            if not (place := _read_part(text, place, parts)):
                return None
        return _moment(parts)
    except (ValueError, OverflowError):
        return None


def _read_part(text: str, place: int, parts: _Parts) -> int:
    """Where the part ends that begins at `place`; 0 where none does."""
    if parts.clock is None and (found := _clock(text, place)):
        parts.clock = [found[1] or found[5], found[2] or found[6], found[3], found[4]]
    elif parts.clock and parts.offset is None and (found := _offset(text, place)):
        hours, minutes, seconds = (int(digits or 0) for digits in found.group(2, 3, 4))
        offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        parts.offset = -offset if found[1] == "-" else offset
    elif (found := _piece(text, place)) and _take_piece(found[1], found[2], parts):
        pass
    else:
        return 0
    return _end(found)


def _take_piece(word: str | None, number: str | None, parts: _Parts) -> bool:
    if number:
        parts.date.append(number)
    elif word in _MONTHS and parts.month is None:
        parts.month = _MONTHS[word]
    elif word in ("AM", "PM") and parts.clock and not parts.half:
        parts.half = word
    elif word in _ZONES and parts.clock and not parts.zone:
        parts.zone = word
    else:
        return word in _DAYS
    return True


def _moment(parts: _Parts) -> datetime | None:
    """A second too many (a leap second) and an hour too many (midnight) are the next one's first.

    Raises ValueError and OverflowError.
    """
    offset = parts.offset
    if offset is None and parts.zone:
        offset = timedelta(hours=_ZONES[parts.zone])
    date = _calendar_date(parts)
    if date is None or (parts.half and offset is None):
        return None
    hour, minute, second, fraction = (int(part or 0) for part in _of_whole_day(parts))
    is_midnight = (hour, minute, second, fraction) == (24, 0, 0, 0)
    is_leap = second == 60
    moment = datetime(
        *date,
        0 if is_midnight else hour,
        minute,
        59 if is_leap else second,
        tzinfo=timezone(offset or timedelta()),
    )
    return moment + timedelta(
        days=is_midnight, seconds=is_leap, microseconds=0 if is_leap else fraction
    )


def _calendar_date(parts: _Parts) -> tuple[int, int, int] | None:
    if parts.month is None:
        if len(parts.date) != 3 or len(parts.date[0]) != 4:
            return None
        return int(parts.date[0]), int(parts.date[1]), int(parts.date[2])
    if len(parts.date) != 2:
        return None
    day, written = parts.date
    if len(written) == 2:  # RFC 850
        written = f"{'19' if written >= '70' else '20'}{written}"
    return (int(written), parts.month, int(day)) if len(written) == 4 else None


def _of_whole_day(parts: _Parts) -> tuple[str | None, str | None, str | None, str]:
    """Hours of 24, minutes, seconds, microseconds. Raises ValueError."""
    hour, minute, second, fraction = parts.clock or ["0", None, None, None]
    if parts.half:
        half = int(hour or 0)
        if not 1 <= half <= 12:
            raise ValueError("no hour of half a day")
        hour = str(half % 12 + (12 if parts.half == "PM" else 0))
    return hour, minute, second, (fraction or "0")[:6].ljust(6, "0")


def _end(found: re.Match[str] | None) -> int:
    return found.end() if found else 0
