"""What a key names of a person, by its words and never by a part of a word.

A key is split where its spelling says so: camelCase, snake_case, kebab-case, dots, digits. Scripts
that set no spaces (Chinese, Japanese, Korean) are split by the longest words of the vocabulary.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway.privacy.vocabulary.words import (
    ALIKE,
    BEHIND_SECRETS,
    EXACT,
    NEGATIVE,
    NEUTRAL,
    NO_SECRETS,
    NOBODYS,
    PEOPLE,
    ROLES,
    TEXTS,
    WORDS,
    Meaning,
)

LONGEST = 64
"""Characters of a key. A longer one is no name of a field."""

_PIECES = re.compile(
    "[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+"
    # Letters of another script, with the vowel signs of Devanagari.
    r"|(?:[^\W\d_A-Za-z]|[\u0900-\u0963\u0970-\u097f])+"
)
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af々ー]+")
_may_be_personal = re.compile("@|[0-9]{4}|.{65}", re.DOTALL).search
"""Such a key is not remembered."""
_PARTICLES = frozenset(
    [
        "of",
        "the",
        "on",
        "for",
        "and",
        "to",
        "e",
        "y",
        "et",
        "und",
        "i",
        "ve",
        "de",
        "do",
        "da",
        "di",
        "du",
        "del",
    ]
)
_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ß": "ss", "ø": "o", "æ": "ae", "đ": "d"})

Words = tuple[str, ...]


def meaning(key: str) -> Meaning | None:
    """What the key names; None for what is nobody's, such as `filename` or `phoneModel`."""
    return _meaning(key) if _may_be_personal(key) else _remembered(key)


@dataclass(frozen=True, slots=True)
class Said:
    """What a key says of its value, of a text where the value is one, and of what is below it."""

    value: Meaning | None
    text: Meaning | None = None
    """`"patient": "…"` is a name, while `{"patient": {…}}` is a person with more than that."""
    person: bool = False
    """Whether it is a person to whom the members of its object belong."""


def said_by(key: str) -> Said:
    """What a key says where nothing is known of what is around it."""
    means = meaning(key)
    if means is not Meaning.PERSON:
        return Said(means)
    words = words_of(key)
    return Said(means, next((m for m, known in _TEXTS.items() if words in known), None), True)


def said_below_person(key: str) -> Said:
    """What a key says right below a person: `name` is theirs there."""
    said = said_by(key)
    if said.value is not None:
        return said
    means = meaning(f"person_{key}")
    return Said(means, person=means is None and _PEOPLE.issuperset(words_of(key)))


def words_of(key: str) -> Words:
    """The words of a key, in small letters and without accents or digits."""
    return tuple(word for word in _words(key) if not word.isdecimal())


def _words(key: str) -> Iterator[str]:
    if not key.isascii():
        key = _folded(key)
    for match in _PIECES.finditer(key):
        piece = match[0].lower()
        if piece.isascii():
            yield piece
        else:
            yield from _segments(piece)


def _folded(text: str) -> str:
    """Without accents; Indic vowel signs and Cyrillic й stay, for there they are letters."""
    composed = unicodedata.normalize("NFC", text)
    made: list[str] = []
    after_small = False
    for letter in composed:
        if after_small and letter > "\u024f" and letter.isupper():
            made.append("_")
        after_small = letter.islower()
        made.append(_bare(letter))
    return "".join(made)


def _bare(letter: str) -> str:
    if letter < "\u0250":
        plain = unicodedata.normalize("NFD", letter)[0]
        return plain.translate(_LETTERS) if plain.islower() else plain
    return letter.translate(_LETTERS)


def _segments(piece: str) -> Iterator[str]:
    """Runs of unspaced scripts by the longest known words, and whatever else as it is."""
    since = 0
    for run in _UNSPACED.finditer(piece):
        if run.start() > since:
            yield piece[since : run.start()]
        yield from _longest_words(run[0])
        since = run.end()
    if since < len(piece):
        yield piece[since:]


def _longest_words(run: str) -> Iterator[str]:
    at = unknown = 0
    while at < len(run):
        for length in range(min(_LONGEST_UNSPACED, len(run) - at), 0, -1):
            if run[at : at + length] in _UNSPACED_WORDS:
                break
        else:
            at += 1
            continue
        if unknown < at:
            yield run[unknown:at]
        yield run[at : at + length]
        at = unknown = at + length
    if unknown < at:
        yield run[unknown:]


def _meaning(key: str) -> Meaning | None:
    if len(key) > LONGEST:
        return None
    if key in _EXACT:
        return _EXACT[key]
    words = _spelled_out(words_of(key))
    if words in _NOBODYS:
        return None
    found = _of_words(words)
    if found is None and not _NEUTRAL.isdisjoint(words):
        found = _of_words(tuple(word for word in words if word not in _NEUTRAL))
    return found


def _spelled_out(words: Words) -> Words:
    return words[:1] + tuple(ALIKE.get(word, word) for word in words[1:])


def _of_words(words: Words) -> Meaning | None:
    for length in range(min(len(words), _LONGEST_PHRASE), 0, -1):
        for start in dict.fromkeys((len(words) - length, 0)):
            phrase = words[start : start + length]
            found = _PHRASES.get(phrase) or _PHRASES.get(("".join(phrase),))
            if found is not None and _fits(*found, words[:start], words[start + length :]):
                return found[1]
    return None


def _fits(mark: str, means: Meaning, before: Words, after: Words) -> bool:
    """Whether the words around a phrase let it mean what it says."""
    if means is Meaning.SECRET and not mark:
        return _BEHIND_SECRETS.issuperset(after) and _NO_SECRETS.isdisjoint(before)
    if not _ROLES.issuperset(after):
        return False
    if mark == "=":
        return _ROLES.issuperset(before)
    if mark == "+":
        return _ROLES.issuperset(before) and not _PEOPLE.isdisjoint(before + after)
    return _NEGATIVE.isdisjoint(before)


_remembered = lru_cache(maxsize=4096)(_meaning)


def _split(phrase: str) -> Words:
    return _spelled_out(tuple(_folded(phrase.lower()).split("_")))


def _phrases() -> Iterator[tuple[Words, tuple[str, Meaning]]]:
    for means, text in WORDS.items():
        for written in text.split():
            mark = written[0] if written[0] in "=+" else ""
            words = _split(written.removeprefix(mark))
            yield words, (mark, means)
            if len(words) > 1:
                yield ("".join(_folded(written.lower()).strip("=+").split("_")),), (mark, means)


_PEOPLE = frozenset(_folded(PEOPLE.lower()).split())
_ROLES = frozenset(_folded(ROLES.lower()).split()) | _PEOPLE | _PARTICLES
_BEHIND_SECRETS = frozenset(BEHIND_SECRETS.split()) | _ROLES
_NO_SECRETS = frozenset(NO_SECRETS.split())
_EXACT = {key: means for means, keys in EXACT.items() for key in keys.split()}
_NOBODYS = frozenset(_split(phrase) for phrase in NOBODYS.split())
_TEXTS = {
    means: frozenset(_split(phrase) for phrase in text.lower().split())
    for means, text in TEXTS.items()
}
_NEUTRAL = frozenset(_folded(NEUTRAL).split())
_NEGATIVE = frozenset(NEGATIVE.split())
_PHRASES: dict[Words, tuple[str, Meaning]] = {}
for _phrase, _found in _phrases():
    _PHRASES.setdefault(_phrase, _found)
_LONGEST_PHRASE = max(map(len, _PHRASES))
_UNSPACED_WORDS = frozenset(
    word
    for word in (*_ROLES, *(word for phrase in _PHRASES for word in phrase))
    if _UNSPACED.fullmatch(word)
)
_LONGEST_UNSPACED = max(map(len, _UNSPACED_WORDS))
