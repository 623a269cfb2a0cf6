"""A trigger is what a detector cannot find anything without: characters, or words with a rare one.

`pattern` makes one regular expression of many triggers. Each of its branches begins with a literal
character, a rare one where there is a choice, so that the engine skips over plain text at once and
looks around only where such a character stands.
"""

from __future__ import annotations

import re
import string
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

_FROM_COMMON_TO_RARE = " etaoinsrlcdmpuhgbfwv./0123456789yk:-_xTSAECMPILNODRUFGHBWVKjqzJXYQZ"
"""Of telemetry; what is not here is rarer still."""
_RARITY = {letter: rank for rank, letter in enumerate(_FROM_COMMON_TO_RARE)}
_CHARACTERS = [*map(chr, range(128))]


@dataclass(frozen=True, slots=True)
class Trigger:
    """Words of which one stands in every match, or characters of which one does."""

    words: tuple[str, ...]
    before: str = ""
    """A pattern of fixed width that stands before the word."""
    after: str = ""
    """A pattern that stands after the word."""
    any_case: bool = False
    at_end: bool = False
    """Whether the last character is the one to look for, though it be no rare one."""

    def __post_init__(self) -> None:
        if not self.words or not all(word and word.isascii() for word in self.words):
            raise ValueError("a trigger needs words or characters of ASCII")

    def within(self, alphabet: frozenset[str]) -> Trigger | None:
        """What is left of it in texts of these characters."""
        if self.any_case:
            alphabet = alphabet.union(*((x.lower(), x.upper()) for x in alphabet))
        words = tuple(word for word in self.words if alphabet.issuperset(word))
        return replace(self, words=words) if words else None


def class_of(characters: str) -> tuple[str, ...]:
    """The ASCII characters of a class of a regular expression."""
    return tuple(filter(re.compile(f"[{characters}]").match, _CHARACTERS))


def word(
    *words: str, before: str = "", after: str = "", any_case: bool = False, at_end: bool = False
) -> Trigger:
    """One of the words, each as it is written here."""
    return Trigger(words, before, after, any_case, at_end)


def characters(of: str, before: str = "", after: str = "") -> Trigger:
    """One of the characters in a class such as `0-9a-f`, without its brackets."""
    return Trigger(class_of(of), before, after)


SEVEN_DIGITS = characters("0-9", after=r"[0-9 .\-()/+][0-9 .\-()/+]{5}")
"""Digits with signs between them: no phone number and no IPv4 address is shorter."""


def pattern(triggers: Iterable[Trigger]) -> str:
    """Matches a text that has one of the triggers, at a rare character of it."""
    around: defaultdict[str, _Around] = defaultdict(dict)
    for trigger in triggers:
        for text in trigger.words:
            at = len(text) - 1 if trigger.at_end else _rarest(text)
            rest = _written(text[at + 1 :], trigger.any_case)
            own = _own_before(trigger, text, at)
            place = (rest, trigger.after)
            for sign in {text[at].lower(), text[at].upper()} if trigger.any_case else {text[at]}:
                around[sign].setdefault(place, {})[own] = None
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for sign in sorted(around):
        alike[_branch(around[sign])].append(sign)
    return "|".join(f"{re.escape(sign)}{rest}" for rest, signs in alike.items() for sign in signs)


_Before = tuple[int, str, str]
"""Of a word: its width, the pattern before it, and what must stand when looking back."""
_Around = dict[tuple[str, str], dict[_Before, None]]
"""Of one character: what follows it in its words and after them, and what stands before."""
_FAR_ENOUGH = 4
"""Characters before the hinge that tell a word from others; all of a long one cost more to look at
than they save."""


def _rarest(text: str) -> int:
    return max(range(len(text)), key=lambda i: _RARITY.get(text[i], len(_RARITY)))


def _own_before(trigger: Trigger, text: str, at: int) -> _Before:
    if not at and not trigger.before:
        return 0, "", ""
    start = max(0, at - _FAR_ENOUGH)
    before = trigger.before if start == 0 else ""
    behind = before + _written(text[start:], trigger.any_case)
    return len(text) - start, before, behind


def _branch(around: _Around) -> str:
    """What must stand around one character; nothing where it is enough by itself.

    What follows is looked at first: it tells most, at the least cost.
    """
    pieces: dict[str, None] = {}
    for (rest, after), befores in around.items():
        if any(not behind for *_, behind in befores):
            piece = rest + after
            if not piece:
                return ""
        else:
            widths: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
            for width, before, behind in befores:
                widths[width, before].append(behind)
            looks = [f"(?<={'|'.join(same)})" for same in widths.values()]
            behind = looks[0] if len(looks) == 1 else f"(?:{'|'.join(looks)})"
            piece = rest + (f"(?={after})" if after else "") + behind
        pieces[piece] = None
    return f"(?:{'|'.join(pieces)})"


def _written(text: str, any_case: bool) -> str:
    if not any_case:
        return re.escape(text)
    return "".join(
        f"[{letter.lower()}{letter.upper()}]" if letter in string.ascii_letters else
        re.escape(letter) for letter in text
    )  # fmt: skip
