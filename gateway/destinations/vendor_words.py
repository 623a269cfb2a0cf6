"""A vendor's words are shown as they were said, less what was sent and less credentials.

Vendors quote the offending value now and then: whole, cut short, escaped, or as another number.
So a word or a number that stands in the values of the request is hidden, and so is every e-mail
address and every long number. A word that every vendor needs is not, although an event may hold it,
too. Names of fields are no values. Pure.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self
from urllib.parse import unquote, unquote_plus

import orjson

LENGTH = 500
"""Characters kept of what a vendor says."""
HIDDEN = "…"
SHORT_BYTES = 64 * 1024
"""A body up to this length is read through on the event loop, a longer one in a thread."""

_LOOKED_AT = 2000
_PART_FROM = 5
"""A shorter word is hidden where it is a whole word of a value, a longer one where it is a part."""
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_QUOTED = re.compile(r"\"([^\"]+)\"|'([^']+)'|`([^`]+)`")
_WORD = re.compile(r"[^\W_](?:[\w$@.:/+=~&?#-]*\w)?")
_PIECE = re.compile(r"[^\W_][\w-]*")
_DIGITS = re.compile(r"\d+(?:\.\d+)?")
_PERSONAL = re.compile(r"[^@]+@[^@]+\.[^@]+|\D*\d{11,}\D*")
_RUN = re.compile(rf"{HIDDEN}(?:[\s@.:/%+=~&?#-]*{HIDDEN})+")
_ALONE = re.compile(r"[^\W_]+")
_AUTHORIZED = re.compile(r"(?i)\b(basic|bearer|token|key|secret|password)([ =:]+)(?=\S*\d)(\S{8,})")
_COMMON = frozenset(
    """
    a above accepted after all allowed alphanumeric an and are array at bad batch be because been
    before below body boolean bytes can cannot character characters code contain contains could data
    date deleted did does duplicate each empty entity error event events exceed exceeded exceeds
    expected failed field fields for format found from future given greater had has have hyphen id
    ids if import imported in index integer into invalid is it its json kb key keys large larger
    least length less limit list long longer match max maximum may mb message messages method
    millisecond milliseconds min minimum missing more most must name names negative nested no not
    null number object of old on one only optional or out over parse past payload please point
    points positive properties property provided range record records refused reject rejected
    request required reserved retry seconds send sent should since size small smaller some string
    supported than that the then there they this time times timestamp timestamps to token too trait
    traits type types unable unix unknown unsupported use user users using utc utf-8 valid
    validation value values was were when which with within without wrong you your

    anonymousid distinct_id insert_id messageid userid writekey groupid previousid
    """.split()  # noqa: SIM905 (a list of words reads best as words)
)


class Sent:
    """What a vendor may not repeat of one request. Made when a request was refused."""

    __slots__ = ("_numbers", "_records", "_text", "_words")

    def __init__(self, values: Iterable[Any], secrets: Iterable[str] = ()) -> None:
        values = list(values)
        texts = list(secrets)
        numbers: set[float] = set()
        for value in _leaves(values):
            if isinstance(value, str):
                texts.append(value)
            else:
                numbers.add(float(value))
        self._text = "\n".join(texts).casefold()
        self._words = frozenset(_ALONE.findall(self._text))
        self._numbers = numbers
        self._records = values[0] if values and isinstance(values[0], list) else []

    @classmethod
    def of(cls, body: bytes, headers: Mapping[str, str]) -> Self:
        return cls(_content(body), _credentials(headers))

    def record(self, index: int) -> Sent:
        """Of one record of those that were sent: a batch of two thousand is a long text."""
        return Sent([self._records[index]]) if index < len(self._records) else self

    def holds(self, said: str) -> bool:
        """Whether it is something that was sent, or a part of it."""
        word = said.casefold()
        if word in _COMMON:
            return False
        if word in self._words or (len(word) >= _PART_FROM and word in self._text):
            return True
        number = _number(word)
        return number is not None and self._has_number(number, is_rounded="e" in word)

    def _has_number(self, number: float, *, is_rounded: bool) -> bool:
        if number in self._numbers or -number in self._numbers:
            return True
        close = abs(number) * 1e-3 if is_rounded else 1 if abs(number) > 10_000 else 0
        return close > 0 and any(abs(abs(each) - abs(number)) < close for each in self._numbers)


def vendor_words(said: str, sent: Sent) -> str:
    """What a vendor said, on one line, with `…` in place of what it must not repeat."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), said[:_LOOKED_AT])
    text = html.unescape(unquote(text))
    text = "".join(character if character.isprintable() else " " for character in text)
    text = _AUTHORIZED.sub(rf"\1\2{HIDDEN}", " ".join(text.split()))
    text = _QUOTED.sub(lambda found: _quoted(found, sent), text)
    text = _WORD.sub(lambda found: _word(found[0], sent), text)
    text = _RUN.sub(HIDDEN, text)
    return text if len(text) <= LENGTH else text[: LENGTH - 1] + HIDDEN


def _quoted(found: re.Match[str], sent: Sent) -> str:
    inner = found[0][1:-1]
    return f"{found[0][0]}{HIDDEN}{found[0][0]}" if sent.holds(inner) else found[0]


def _word(word: str, sent: Sent) -> str:
    """`properties.time` is a name; of `mail=ada@example.com` a part was sent."""
    if sent.holds(word):
        return HIDDEN
    for part in (_PIECE, _DIGITS):
        word = part.sub(lambda found: HIDDEN if sent.holds(found[0]) else found[0], word)
    word = _RUN.sub(HIDDEN, word)
    return HIDDEN if _PERSONAL.fullmatch(word) else word


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _content(body: bytes) -> Iterator[Any]:
    """The values in a body: a form whose fields may hold JSON, or JSON, one value or one a line."""
    is_form = body.startswith(b"data=")
    for part in body.split(b"&") if is_form else body.splitlines():
        text = unquote_plus(part.partition(b"=")[2].decode("latin-1")) if is_form else part
        try:
            yield orjson.loads(text)
        except orjson.JSONDecodeError:
            yield str(text)


def _leaves(content: Iterable[Any]) -> Iterator[str | float]:
    """Each text and number that is no key."""
    pending = list(content)
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            yield value


def _credentials(headers: Mapping[str, str]) -> Iterator[str]:
    """What the Authorization header says, and the user and the secret in it."""
    scheme, _, rest = headers.get("Authorization", "").partition(" ")
    yield rest
    if scheme.lower() == "basic":
        try:
            yield from base64.b64decode(rest).decode("utf-8", "replace").split(":", 1)
        except ValueError:
            return
