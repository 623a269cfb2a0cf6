"""What a key names of a person, by its words and never by a part of a word.

A key is split where its spelling says so: camelCase, snake_case, kebab-case, dots, digits. Scripts
that set no spaces (Chinese, Japanese, Korean) are split by the longest words of the vocabulary.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from gateway.privacy.vocabulary.words import NEGATIVE, NEUTRAL, ROLES, WORDS, Meaning

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
    words = words_of(key)
    found = _of_words(words)
    if found is None and not _NEUTRAL.isdisjoint(words):
        found = _of_words(tuple(word for word in words if word not in _NEUTRAL))
    return found


def _of_words(words: Words) -> Meaning | None:
    for length in range(min(len(words), _LONGEST_PHRASE), 0, -1):
        for start in dict.fromkeys((len(words) - length, 0)):
            found = _PHRASES.get(words[start : start + length])
            if found is not None and _fits(found[0], words[:start], words[start + length :]):
                return found[1]
    return None


def _fits(mark: str, before: Words, after: Words) -> bool:
    """Whether the words around a phrase let it mean what it says."""
    if not _ROLES.issuperset(after):
        return False
    if mark:
        return _ROLES.issuperset(before) and bool(mark == "=" or before or after)
    return _NEGATIVE.isdisjoint(before)


_remembered = lru_cache(maxsize=4096)(_meaning)


def _split(phrase: str) -> Words:
    return tuple(_folded(phrase.lower()).split("_"))


def _phrases() -> Iterator[tuple[Words, tuple[str, Meaning]]]:
    for means, text in WORDS.items():
        for written in text.split():
            mark = written[0] if written[0] in "=+" else ""
            words = _split(written.removeprefix(mark))
            yield words, (mark, means)
            if len(words) > 1:
                yield ("".join(words),), (mark, means)


_ROLES = frozenset(word for word in _folded(ROLES.lower()).split()) | _PARTICLES
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
