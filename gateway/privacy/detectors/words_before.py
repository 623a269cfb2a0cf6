"""What the words before a number say of it: `my móvil is 612 345 678`, `CPF: 529.982.247-25`."""

from __future__ import annotations

import re

_REACH = 48
_WORD = re.compile(r"[^\W\d_]+(?:['.\-][^\W\d_]+)*")
_LETTERS = re.compile(r"[^\W\d_]+")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+$")
_GAP = " .:：=#,+(＋°º№\t\"'"
_WIDEST_GAP = 4
_CONNECTING = frozenset(
    [
        "is",
        "was",
        "no",
        "nr",
        "num",
        "number",
        "numbers",
        "número",
        "numero",
        "numéro",
        "nummer",
        "numer",
        "номер",
        "n",
        "me",
        "us",
        "at",
        "on",
        "es",
        "é",
        "est",
        "ist",
        "jest",
        "to",
        "de",
        "contato",
        "contacto",
        "the",
        "my",
        "mi",
        "mein",
        "meine",
        "mon",
        "ma",
        "meu",
        "minha",
        "il",
        "mio",
        "мой",
        "моя",
    ]
)
_MOST_WORDS = 4

Words = tuple[str, ...]


class Telling:
    """Phrases that say what the number behind them is."""

    __slots__ = ("_last", "_phrases", "_unspaced", "endings")

    def __init__(self, phrases: str) -> None:
        """`phrases`, with `_` between the words of one."""
        every = phrases.lower().split()
        self._phrases = frozenset(phrase.replace("_", " ") for phrase in every)
        self._last = frozenset(phrase.rpartition(" ")[2] for phrase in self._phrases)
        self.endings = frozenset(_LETTERS.findall(word)[-1] for word in self._last)
        """The letters that every phrase ends with."""
        self._unspaced = tuple(phrase for phrase in every if _UNSPACED.fullmatch(phrase))

    def says(self, words: Words) -> bool:
        """Whether the words end with one of the phrases, or with one and words such as `is`."""
        last = words[-1]
        if last not in self._last and last not in _CONNECTING:
            return not last.isascii() and last.endswith(self._unspaced)
        for end in range(len(words), max(0, len(words) - 4), -1):
            word = words[end - 1]
            for start in range(max(0, end - 3), end) if word in self._last else ():
                if " ".join(words[start:end]) in self._phrases:
                    return True
            if word not in _CONNECTING:
                break
        return last.endswith(self._unspaced)


def may_say(text: str, endings: frozenset[str]) -> bool:
    """Whether a phrase with one of these endings can stand in the text; almost always none can."""
    return not text.isascii() or not endings.isdisjoint(_LETTERS.findall(text.lower()))


def words_before(text: str, at: int) -> Words:
    """The last words before a place, in small letters, if little more than a sign is between."""
    if at < 2:
        return ()
    near = text[at - 1] if text[at - 1] not in _GAP else text[at - 2]
    if near.isdecimal():
        return ()
    since = max(0, at - _REACH)
    before = text[since:at]
    said = before.rstrip(_GAP)
    if not said or len(before) - len(said) > _WIDEST_GAP or not said[-1].isalpha():
        return ()
    return tuple(_WORD.findall(said.lower())[-_MOST_WORDS:])
