"""What a rule took out of an event stands nowhere in the account of it.

An account names places, ids and libraries in a client's own words, which may repeat a value that is
gone: `/traits/Jane Roe/email`, or a messageId with the user's id in it. Such words become `*`. The
work is linear in what was taken and in what is reported of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from gateway.event import CleanText, JsonPath
from gateway.privacy.scrub.values import canonical

HIDDEN = "*"
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 8
"""Of a value that are compared; who has eight words of it has it."""
_LOOKED_AT = 256
_FEW = 16
_SHORTEST = 4
"""Characters of a value that is found inside a longer text; shorter ones must be all of it."""


class Taken:
    """The values that rules removed or replaced. They show in no repr."""

    __slots__ = ("_values", "inside")

    def __init__(self) -> None:
        self.inside: set[JsonPath] = set()
        """Where containers stood that a rule dropped, or dropped all of that nothing keeps."""
        self._values: list[Any] = []

    def __bool__(self) -> bool:
        """Whether any value was taken."""
        return bool(self._values)

    def add(self, value: Any) -> None:
        """A text or a number, or all that is in a container."""
        self._values.append(value)

    def join(self, other: Taken) -> None:
        """What was taken from another copy of the event, too."""
        self.inside |= other.inside
        self._values += other._values

    def shown(self, path: JsonPath) -> int:
        """How many steps of a path may be shown: none inside of something that a rule dropped."""
        if self.inside:
            for end in range(len(path)):
                if path[:end] in self.inside:
                    return end
        return len(path)

    def hidden(self, texts: Sequence[CleanText]) -> Sequence[CleanText]:
        """The texts without what was taken; the very same where nothing of it is in them."""
        if not self._values:
            return texts
        said = "\n".join(texts).lower()
        if len(self._values) <= _FEW:
            for value in self._values:
                if type(value) is not str or value[:_LOOKED_AT].lower() in said:
                    break
            else:
                return texts
        values = set(_told(self._values, said)) - {""}
        if not values:
            return texts
        return [CleanText(_without(text, values)) for text in texts]


def _told(values: list[Any], said: str) -> Iterator[str]:
    """What of the values may stand there: few are searched for, many are compared by words."""
    if len(values) <= _FEW:
        left = []
        for value in values:
            if type(value) is not str:
                left.append(value)
            elif value[:_LOOKED_AT].lower() in said:
                yield _words_of(value[:_LOOKED_AT].lower())
        values = left
    if not values:
        return
    words = set(_WORD.findall(said))
    for value in _texts(values):
        text = value[:_LOOKED_AT].lower()
        if (found := _words_of(text)) and words.issuperset(_WORD.findall(found)):
            yield found


def _texts(values: list[Any]) -> Iterator[str]:
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from (key for key in value if not key.isidentifier())  # `city` tells of nobody
            pending += value.values()
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield canonical(value)


def _words_of(text: str) -> str:
    """From its first word to the last that is compared."""
    spans = [word.span() for word in islice(_WORD.finditer(text), _MOST_WORDS)]
    return text[spans[0][0] : spans[-1][1]] if spans else ""


def _without(text: str, values: set[str]) -> str:
    lowered = text.lower()
    if len(lowered) != len(text):
        return HIDDEN
    pieces: list[str] = []
    since = 0
    spans = [word.span() for word in _WORD.finditer(lowered)]
    for index, (start, _) in enumerate(spans):
        if start < since:
            continue
        for _, end in reversed(spans[index : index + _MOST_WORDS]):
            if lowered[start:end] in values and (
                end - start >= _SHORTEST or _is_step(text, start, end)
            ):
                pieces += (text[since:start], HIDDEN)
                since = end
                break
    return "".join((*pieces, text[since:]))


def _is_step(text: str, start: int, end: int) -> bool:
    """Whether it is all of the text, or a whole key in a pointer."""
    return (start == 0 or text[start - 1] == "/") and (end == len(text) or text[end] == "/")
