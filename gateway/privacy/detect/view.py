"""A disguise hides nothing: the plain form of a text, with the way back to where it stood.

Percent-escapes of ASCII (three layers of them), full-width forms, Arabic and Devanagari digits,
dashes and spaces of every kind become plain; characters that nobody sees are left out. Letters that
merely look like others (Cyrillic `а`) stay what they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

_HIDING_ESCAPE = re.compile("%(?:[2-7][0-9A-Fa-f]|EF%BC%A0)", re.IGNORECASE)
_ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")
ODD = (
    r"\u00a0\u00ad\u034f\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u115f\u180e\u2000-\u2015"
    r"\u202a-\u202f\u205f-\u206f\u2212\u3000\u3002\ufe6b\ufeff\uff01-\uff61"
)
"""Characters, for a class of a regular expression, that can hide something from a reader."""
_ODD = re.compile(f"[{ODD}]")
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
_SPACES = frozenset("\u00a0\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}
_LAYERS = 4


def undisguised(text: str) -> tuple[str, Sequence[int] | None]:
    """The plain text and, for each of its positions and its end, that of `text`.

    None in place of the positions: the text is plain already.
    """
    offsets: Sequence[int] | None = None
    for _ in range(_LAYERS):
        if not text.isascii() and _ODD.search(text):
            text, offsets = _rewritten(text, _ODD, _plain, offsets)
        if "%" not in text or not _HIDING_ESCAPE.search(text):
            break
        text, offsets = _rewritten(text, _ESCAPES, _decoded, offsets)
    return text, offsets


def _rewritten(
    text: str,
    odd: re.Pattern[str],
    plain: Callable[[str], tuple[str, list[int]]],
    offsets: Sequence[int] | None,
) -> tuple[str, Sequence[int]]:
    pieces: list[str] = []
    origins: list[int] = []
    since = 0
    for match in odd.finditer(text):
        start = match.start()
        pieces.append(text[since:start])
        origins.extend(range(since, start))
        new, places = plain(match[0])
        pieces.append(new)
        origins.extend(start + place for place in places)
        since = match.end()
    pieces.append(text[since:])
    origins.extend(range(since, len(text) + 1))
    if offsets is not None:
        origins = [offsets[origin] for origin in origins]
    return "".join(pieces), origins


def _decoded(escapes: str) -> tuple[str, list[int]]:
    plain = bytes.fromhex(escapes.replace("%", "")).decode("utf-8", "surrogateescape")
    places, place = [], 0
    for letter in plain:
        places.append(place)
        place += 3 * len(letter.encode("utf-8", "surrogateescape"))
    return plain, places


def _plain(letter: str) -> tuple[str, list[int]]:
    new = _plain_letter(letter)
    return new, [0] * len(new)


def _plain_letter(letter: str) -> str:
    if letter in _DASHES:
        return "-"
    if letter in _SPACES:
        return " "
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    if letter in "\u3002\uff61":
        return "."
    if "\uff01" <= letter <= "\uff5e":
        return chr(ord(letter) - 0xFEE0)
    return "@" if letter == "\ufe6b" else ""
