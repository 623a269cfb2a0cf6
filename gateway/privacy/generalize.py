"""Says less of a value: a year of a date, the country of a place, a band of an age, a few digits.

Each reader gives None for what it cannot read, and the caller drops that: what is not understood
does not leave as it came. What is general enough already stays, so that an event may be read again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.privacy.vocabulary import words_of

Value = str | int | float
Shorten = Callable[[Value, str], Value | None]
"""Takes a value and the name of its key; gives what may stay of it, None for nothing."""

FORMS = (
    "day",
    "month",
    "year",
    "decade",
    "country",
    "domain",
    "3 digits",
    "10 km",
    "10 years",
    "10",
)
"""What `to` may be; the numbers are examples."""
KEEPS = "`last 4` or `first 2`"
HIDDEN = "***"
"""Stands for what `partial` takes away, whatever its length."""

_WITH_NUMBER = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,2})?) ?(digits?|km|years?)?")
_KEEP = re.compile(r"(first|last) ([1-9][0-9]?)")
_ISO = re.compile(
    r"([0-9]{4})-?([0-9]{2})(?:-?([0-9]{2}))?(?:[T ][0-9:.,]{2,18} ?(?:Z|[+-][0-9:]{2,6})?)?"
)
_DAY_FIRST = re.compile(r"([0-9]{1,2})[./\- ]([0-9]{1,2})[./\- ]([0-9]{4})")
_YEAR_FIRST = re.compile(r"([0-9]{4})[./]([0-9]{1,2})[./]([0-9]{1,2})")
_DECADE = re.compile(r"([0-9]{3}0)s")
_BAND = re.compile(r"([0-9]{1,4})-([0-9]{1,4})")
_YEAR = re.compile(r"(?:1[89]|20)[0-9]{2}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_PAIR = re.compile(rf"(?:geo:)?({_NUMBER.pattern})(?:, ?|; ?| )({_NUMBER.pattern})")
_POSTCODE = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z \-]{0,10}[0-9A-Za-z])?")
_LOCALE = re.compile(r"[a-z]{2,3}(?:[-_][A-Z][a-z]{3})?[-_]([A-Z]{2})")
_CALLING_CODE = re.compile(
    r"\+(1|7|2[07]|2[1-69][0-9]|3[0-469]|3[578][0-9]|4[013-9]|42[0-9]|5[1-8]|5[09][0-9]"
    r"|6[0-6]|6[7-9][0-9]|8[1246]|8[0578][0-9]|9[0-58]|9[679][0-9])[ \-/.()0-9]{5,20}"
)
_GENERAL_COUNTRY = re.compile(r"[A-Z]{2}|\+[1-9][0-9]{0,2}")
_IBAN = re.compile(r"([A-Z]{2})[0-9]{2}[0-9A-Z ]{11,40}")
_DOMAIN = re.compile(
    r"(?:[^\s@]{1,64}@|[a-z][a-z0-9+.\-]{1,20}://(?:[^\s/@]{0,128}@)?)([a-z0-9.\-]{1,253})(?::[0-9]{1,5})?(?:[/?#]\S{0,4096})?",
    re.IGNORECASE,
)
_OLDEST = 130
_KM_A_DEGREE = 111.32
_FIRST_SECOND, _LAST_SECOND = 10**8, 10**10
_MILLISECOND = 10**11


def generalization(to: str | int) -> Shorten | None:
    """What `to` asks for; None for a form that there is not."""
    text = str(to).strip().casefold()
    if text in _DATES:
        form = _DATES[text]
        return lambda value, _: _of_date(value, form)
    if text == "country":
        return _country
    if text == "domain":
        return lambda value, _: _domain(value)
    match = _WITH_NUMBER.fullmatch(text)
    if match is None or not (size := float(match[1])):
        return None
    unit = (match[2] or "").rstrip("s")
    if unit == "km":
        return lambda value, _: _grid(value, size)
    if size != int(size):
        return None
    whole = int(size)
    if unit == "digit":
        return lambda value, _: _digits(value, whole)
    if unit == "year":
        return lambda value, _: _age_band(value, whole)
    return lambda value, _: _rounded_down(value, whole)


def partial(keep: str) -> Shorten | None:
    """What `keep` asks for; None where it asks for nothing that can be kept."""
    match = _KEEP.fullmatch(keep.strip().casefold())
    if match is None:
        return None
    most, is_last = int(match[2]), match[1] == "last"

    def shorten(value: Value, _: str) -> Value | None:
        text = value if isinstance(value, str) else decimal_text(value)
        if text.startswith(HIDDEN) or text.endswith(HIDDEN):
            return value  # it was shortened before
        signs = [at for at, letter in enumerate(text) if letter.isalnum()]
        count = min(most, len(signs) // 2, len(text) // 2)
        if not count:
            return HIDDEN
        if is_last:
            return HIDDEN + text[max(signs[-count], len(text) - len(text) // 2) :]
        return text[: min(signs[count - 1] + 1, len(text) // 2)] + HIDDEN

    return shorten


# Dates.

_DATES: dict[str, Callable[[int, int, int], str | None]] = {
    "day": lambda year, month, day: f"{year:04}-{month:02}-{day:02}" if month and day else None,
    "month": lambda year, month, _: f"{year:04}-{month:02}" if month else None,
    "year": lambda year, _month, _day: f"{year:04}",
    "decade": lambda year, _month, _day: f"{year // 10 * 10:04}s",
}


def _of_date(value: Value, form: Callable[[int, int, int], str | None]) -> Value | None:
    date = _date(value)
    if date is None:
        return None
    new = form(*date)
    return int(new) if new and new.isdecimal() and not isinstance(value, str) else new


def _date(value: Value) -> tuple[int, int, int] | None:
    """Year, month and day; zero where it does not say, or may be either of two."""
    if not isinstance(value, str):
        return _of_number(value)
    text = value.strip()
    if match := _DECADE.fullmatch(text):
        return int(match[1]), 0, 0
    if _YEAR.fullmatch(text):
        return int(text), 0, 0
    if match := _ISO.fullmatch(text) or _YEAR_FIRST.fullmatch(text):
        year, month, day = int(match[1]), int(match[2]), int(match[3] or 0)
        return _possible(year, month, day)
    if match := _DAY_FIRST.fullmatch(text):
        first, second, year = int(match[1]), int(match[2]), int(match[3])
        if first > 12 or first == second or "." in text:
            return _possible(year, second, first)
        if second > 12:
            return _possible(year, first, second)
        return _possible(year, 1, 0) and (year, 0, 0) if first and second else None
    return None


def _possible(year: int, month: int, day: int) -> tuple[int, int, int] | None:
    is_date = 1800 <= year < 2100 and 1 <= month <= 12 and 0 <= day <= 31
    return (year, month, day) if is_date else None


def _of_number(value: float) -> tuple[int, int, int] | None:
    """A year, or seconds or milliseconds since 1970."""
    if not math.isfinite(value):
        return None
    if value == int(value) and _YEAR.fullmatch(str(int(value))):
        return int(value), 0, 0
    seconds = value / 1000 if abs(value) >= _MILLISECOND else value
    if not _FIRST_SECOND <= abs(seconds) < _LAST_SECOND:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.year, moment.month, moment.day


# Places.


def _country(value: Value, key: str) -> Value | None:
    """The field that names the country, or what a locale, a phone number or an IBAN says of it."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    if not {"country", "countrycode", "land", "pays", "pais"}.isdisjoint(words_of(key)):
        return value if len(text) <= 60 and not any(c.isdecimal() for c in text) else None
    if match := _LOCALE.fullmatch(text) or _IBAN.fullmatch(text):
        return match[1]
    if _GENERAL_COUNTRY.fullmatch(text):
        return text
    if match := _CALLING_CODE.fullmatch(text):
        return f"+{match[1]}"
    return None


def _domain(value: Value) -> str | None:
    match = _DOMAIN.fullmatch(value.strip()) if isinstance(value, str) else None
    return match[1].lower() if match and "." in match[1].strip(".") else None


def _digits(value: Value, count: int) -> str | None:
    """The beginning of a postcode."""
    text = value.strip() if isinstance(value, str) else decimal_text(value)
    if not _POSTCODE.fullmatch(text):
        return None
    signs = [letter for letter in text if letter.isalnum()]
    is_postcode = len(signs) <= 10 and any(letter.isdecimal() for letter in signs)
    return "".join(signs[:count]) if is_postcode and len(signs) >= count else None


def _grid(value: Value, km: float) -> Value | None:
    """The centre of the square of the grid in which a coordinate, or a pair of them, lies."""
    if not isinstance(value, str):
        return _on_grid(value, km, 180.0)
    if match := _PAIR.fullmatch(value.strip()):
        latitude, longitude = float(match[1]), float(match[2])
        north = _on_grid(latitude, km, 90.0)
        if north is None:
            return None
        narrower = max(math.cos(math.radians(north)), 0.05)
        east = _on_grid(longitude, km / narrower, 180.0)
        return None if east is None else f"{decimal_text(north)},{decimal_text(east)}"
    if _NUMBER.fullmatch(value.strip()):
        new = _on_grid(float(value), km, 180.0)
        return None if new is None else decimal_text(new)
    return None


def _on_grid(value: float, km: float, most: float) -> float | None:
    if not math.isfinite(value) or abs(value) > most:
        return None
    step = km / _KM_A_DEGREE
    if step >= most:
        return None
    decimals = max(0, 1 - math.floor(math.log10(step)))
    return max(-most, min(most, round((math.floor(value / step) + 0.5) * step, decimals)))


# Numbers.


def _age_band(value: Value, years: int) -> str | None:
    """`30-39` of an age, `1980-1989` of a year or date of birth."""
    number = _number(value)
    if number is not None and 0 <= number <= _OLDEST:
        low = int(number) // years * years
        return f"{low}-{low + years - 1}"
    match = _BAND.fullmatch(value.strip()) if isinstance(value, str) else None
    if match and int(match[1]) % years == 0 and int(match[2]) == int(match[1]) + years - 1:
        return match[0]
    date = _date(value)
    if date is None:
        return None
    low = date[0] // years * years
    return f"{low}-{low + years - 1}"


def _rounded_down(value: Value, step: int) -> Value | None:
    number = _number(value)
    if number is None or not math.isfinite(number):
        return None
    low = math.floor(number / step) * step
    return str(low) if isinstance(value, str) else low


def _number(value: Value) -> float | None:
    if not isinstance(value, str):
        return value
    return float(value) if _NUMBER.fullmatch(value.strip()) else None


def decimal_text(value: float) -> str:
    """As decimal text, without an exponent."""
    if not math.isfinite(value):
        return "?"
    return str(int(value)) if value == int(value) else repr(value)
