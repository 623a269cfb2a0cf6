r"""A disguise hides nothing: the plain form of a text, with the way back to where it stood.

Escapes of ASCII (`%40`, `%u0040`, `&#64;`, `\u0040`, `\x40`, `=40`; four layers), full-width
and mathematical forms, digits of other scripts, dashes and spaces of every kind become plain;
characters that nobody sees are left out. Letters that merely look like others (Cyrillic `а`) stay.
"""

from __future__ import annotations

import re
import unicodedata
from binascii import unhexlify
from collections.abc import Sequence

_HIDING_ESCAPE = re.compile(
    r"%(?:[2-7][0-9A-Fa-f]|[Ee][Ff]%[Bb][Cc]%[Aa]0|u00[2-7])|&(?:#|commat|period|dot)|\\[ux0-7]|=[2-7][0-9A-F]"
)
_may_hide = re.compile(r"[%&\\]|=[2-7]").search
_ESCAPES = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|%u(?P<u>[0-9A-Fa-f]{4})|\\u(?P<v>[0-9A-Fa-f]{4})|\\u\{(?P<w>[0-9A-Fa-f]{1,6})\}"
    r"|\\x(?P<x>[0-9A-Fa-f]{2})|\\0{0,4}(?P<css>[2-7][0-9A-Fa-f])(?![0-9])[ ]?"
    r"|\\(?P<o>[0-1][0-7]{2})"
    r"|&\#x(?P<hex>[0-9A-Fa-f]{1,6});|&\#(?P<dec>[0-9]{1,7});|&(?P<name>commat|period|sol|colon|dot);"
    r"|=(?P<qp>[2-7][0-9A-F])"
)
_BASES = {"u": 16, "v": 16, "w": 16, "x": 16, "css": 16, "o": 8, "hex": 16, "dec": 10, "qp": 16}
_ENTITIES = {"commat": "@", "period": ".", "sol": "/", "colon": ":", "dot": "."}
AFTER_PERCENT = "(?:[2-7]|[Ee][Ff]|u00)"
"""What begins an escape that can hide something."""
AFTER_BACKSLASH = "[ux0-7]"
_ODD_LETTERS = (
    r"\u00a0\u00ad\u034f\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u115f\u180e\u2000-\u2015"
    r"\u202a-\u202f\u205f-\u206f\u2212\u3000\u3002\ufe6b\ufeff\uff01-\uff61\U0001d400-\U0001d7ff"
)
_ODD = re.compile(f"[{_ODD_LETTERS}]")
has_odd_letter = _ODD.search
"""Matches a text with a character that can hide something from a reader."""
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
_SPACES = frozenset("\u00a0\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}
_LAYERS = 4
_QP = re.compile("=[2-7][0-9A-F](?![0-9A-Za-z]{0,8}&)")


def undisguised(text: str) -> tuple[str, Sequence[int] | None]:
    """The plain text and, for each of its positions and its end, that of `text`.

    None in place of the positions: the text is plain already.
    """
    offsets: Sequence[int] | None = None
    if text.isascii() and _may_hide(text) is None:
        return text, None
    for _ in range(_LAYERS):
        if not text.isascii() and _ODD.search(text):
            text, offsets = _without_odd_letters(text, offsets)
        if not _HIDING_ESCAPE.search(text):
            break
        plain, offsets = _without_escapes(text, offsets)
        if plain == text:
            break
        text = plain
    return text, offsets


def _without_odd_letters(text: str, offsets: Sequence[int] | None) -> tuple[str, Sequence[int]]:
    plain = text.translate(_PLAIN)
    if len(plain) == len(text):
        return plain, range(len(text) + 1) if offsets is None else offsets
    origins = [origin for origin, letter in enumerate(text) if letter not in _UNSEEN]
    origins.append(len(text))
    return plain, origins if offsets is None else [offsets[origin] for origin in origins]


def _without_escapes(text: str, offsets: Sequence[int] | None) -> tuple[str, Sequence[int]]:
    pieces: list[str] = []
    origins: list[int] = []
    since = 0
    is_quoted_printable = len(_QP.findall(text)) > 1
    for match in _ESCAPES.finditer(text):
        start, end = match.span()
        form = match.lastgroup or ""
        if form == "qp" and not is_quoted_printable:
            continue
        if start > since:
            pieces.append(text[since:start])
            origins += range(since, start)
        if form != "percent":
            letter = _ENTITIES.get(match[form]) or _letter(int(match[form], _BASES[form]))
            pieces.append(letter)
            origins += [start] * len(letter)
            since = end
            continue
        data = unhexlify(text[start:end].replace("%", ""))
        if data.isascii():
            pieces.append(data.decode())
            origins += range(start, end, 3)
        else:
            plain = data.decode("utf-8", "surrogateescape")
            pieces.append(plain)
            for letter in plain:
                origins.append(start)
                start += 3 * len(letter.encode("utf-8", "surrogateescape"))
        since = end
    pieces.append(text[since:])
    origins += range(since, len(text) + 1)
    return "".join(pieces), origins if offsets is None else [offsets[at] for at in origins]


def _letter(code: int) -> str:
    """Of a code; what is no character stays as a question mark."""
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "?"


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
    if letter >= "\U0001d400":
        return unicodedata.normalize("NFKC", letter)
    return "@" if letter == "\ufe6b" else ""


_CODES = (*range(0x10000), *range(0x1D400, 0x1D800))
_PLAIN = {ord(c): _plain_letter(c) for c in map(chr, _CODES) if _ODD.match(c)}
_UNSEEN = frozenset(chr(code) for code, plain in _PLAIN.items() if not plain)
