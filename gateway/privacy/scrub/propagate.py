"""What is hidden in one place is hidden in all of the event.

After the walk the message is serialised once and searched for the identities that were
pseudonymised and the address of the person, in whatever case and however escaped. Almost always
nothing is found, and that was all. Where an id is only a word or a number, `likeness` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

import orjson

from gateway.budget import Budget
from gateway.event import Change, CleanText, Message
from gateway.privacy.deobfuscate import undisguised
from gateway.privacy.log_safe_text import pointer
from gateway.privacy.policy.rules import Rule
from gateway.privacy.scrub.likeness import is_unmistakable, names_person, person_before
from gateway.privacy.scrub.scrub_log import Spot
from gateway.privacy.scrub.search import LONG, Needles
from gateway.privacy.scrub.values import canonical, rename

_UNRESERVED = re.compile("[0-9A-Za-z_.~-]*").fullmatch
_FEW = 8
_SHORTEST_NUMBER = 6


class Needle(NamedTuple):
    """A value that must not stay anywhere, and what stands for it."""

    value: str
    stand_in: str
    action: str
    rule: str
    kind: str
    of_person: bool = False

    @property
    def is_unmistakable(self) -> bool:
        """Whether it means the same inside a longer text, such as `/users/<id>/profile`."""
        return is_unmistakable(self.value, of_person=self.of_person)


Found = tuple[int, int, Needle]
"""Start and end in a text, and what stands there."""


def identity_needles(identities: Mapping[str, Rule], tokens: Mapping[str, str]) -> list[Needle]:
    """For each identity: itself, and its percent-encoded form where that differs."""
    needles = []
    for value, rule in identities.items():
        token = tokens[value]
        if value == token:
            continue
        own = Needle(value, token, "pseudonymize", rule.id, "string", not rule.by_key)
        needles.append(own)
        if not _UNRESERVED(value):
            cases = (value,) if value.isascii() else (value, value.lower(), value.upper())
            forms = [quote(case.encode("utf-8", "surrogatepass"), safe="") for case in cases]
            if " " in value:
                forms.append(value.replace(" ", "+"))
            needles += [own._replace(value=form) for form in forms]
    return needles


def propagate(
    message: Message,
    needles: Sequence[Needle],
    kept: Iterable[Spot],
    changes: list[Change],
    budget: Budget,
) -> None:
    """Replace the needles wherever they still stand, in place, and tell of it in `changes`."""
    left = _found(message, needles)
    if left:
        _Propagation(left, frozenset(kept), changes, budget).walk(message)
    places = "\n".join([change.pointer for change in changes])
    small = places.lower()
    if "%" not in small and small.isascii():
        for needle in needles:
            if needle.value.lower() in small:
                break
        else:
            return
    find = _Finder(needles)
    for i, change in enumerate(changes):
        if found := find(change.pointer):
            place = CleanText(_replaced(change.pointer, found))
            changes[i] = replace(change, pointer=place)


def _found(message: Message, needles: Sequence[Needle]) -> Sequence[Needle]:
    """Those that may still stand somewhere."""
    if len(needles) > _FEW:
        return needles
    try:
        body = orjson.dumps(message).lower()
    except TypeError:  # a lone surrogate or a huge number: search the slow way
        return needles
    if b"\\\\u" in body or b"&#" in body:
        return needles
    if b"%" in body:
        plain = unquote_to_bytes(body)
        body += plain.lower()
        if b"%" in plain:
            body += unquote_to_bytes(unquote_to_bytes(plain)).lower()
    return [needle for needle in needles if _mark(needle) in body]


def _mark(needle: Needle) -> bytes:
    if not needle.value.isascii():
        return b""  # its other case is not known by its bytes
    text = orjson.dumps(needle.value.lower())
    is_whole = not needle.of_person and not needle.is_unmistakable
    return text if is_whole and not needle.value.isdecimal() else text[1:-1]


def _folded(text: str) -> str:
    """In small letters, each at its place."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join([low if len(low := letter.lower()) == 1 else letter for letter in text])


class _Finder:
    """Finds needles inside longer texts, in one pass over each."""

    __slots__ = ("_exact", "_needles", "_words")

    def __init__(self, needles: Sequence[Needle]) -> None:
        self._exact: dict[str, Needle] = {}
        self._needles: dict[str, Needle] = {}
        for needle in needles:
            if needle.of_person or needle.is_unmistakable:
                self._exact.setdefault(needle.value, needle)
                self._needles.setdefault(_folded(needle.value), needle)
        self._words = Needles(self._needles) if len(self._needles) > _FEW else None

    def __call__(self, text: str) -> list[Found]:
        """Where needles stand: each as a word of its own, or too long to be part of another's."""
        if "%" in text or "\\" in text or "&" in text or not text.isascii():
            plain, origins = undisguised(text)
            if origins is not None and (found := self._in(plain)):
                return [(origins[start], origins[end], needle) for start, end, needle in found]
        return self._in(text)

    def _in(self, text: str) -> list[Found]:
        folded = _folded(text)
        if self._words is None:
            for value in self._needles:
                if value in folded:
                    break
            else:
                return []
        spans = [
            (start, -end)
            for start, end in (
                self._words.occurrences(folded) if self._words else self._few(folded)
            )
            if end - start >= LONG or _is_word(text, start, end)
        ]
        spans.sort()
        found: list[Found] = []
        since = 0
        for start, negative_end in spans:
            if start < since:
                continue
            end = -negative_end
            needle = self._exact.get(text[start:end]) or self._needles[folded[start:end]]
            if needle.is_unmistakable or person_before(text, start):
                since = end
                found.append((start, end, needle))
        return found

    def _few(self, text: str) -> Iterator[tuple[int, int]]:
        for value in self._needles:
            at = text.find(value)
            while at >= 0:
                end = at + len(value)
                yield at, end
                at = text.find(value, end if len(value) >= LONG else at + 1)


def _is_word(text: str, start: int, end: int) -> bool:
    """Whether it stands alone, and is no part of a decimal number."""
    if text[start - 1 : start].isalnum() or text[end : end + 1].isalnum():
        return False
    if not text[start:end].isdecimal():
        return True
    return not (text[end : end + 1] in (".", ",") and text[end + 1 : end + 2].isdecimal()) and not (
        text[start - 1 : start] in (".", ",") and text[max(0, start - 2) : start - 1].isdecimal()
    )


class _Propagation:
    __slots__ = ("_budget", "_changes", "_find", "_kept", "_path", "_whole")

    def __init__(
        self,
        needles: Sequence[Needle],
        kept: frozenset[Spot],
        changes: list[Change],
        budget: Budget,
    ) -> None:
        self._whole = {_folded(needle.value): needle for needle in reversed(needles)}
        self._whole |= {needle.value: needle for needle in needles}
        self._find = _Finder(needles)
        self._kept = kept
        self._changes = changes
        self._budget = budget
        self._path: list[str | int] = []

    def walk(self, node: Any) -> None:
        spots: Iterable[tuple[Any, Any]] = (
            list(node.items()) if isinstance(node, dict) else enumerate(node)
        )
        for at, value in spots:
            if (id(node), at) in self._kept or (not self._path and at == "type"):
                continue
            self._path.append(at)
            if isinstance(value, dict | list):
                self.walk(value)
            elif (new := self._new(value)) is not value:
                node[at] = new
            self._path.pop()
        if isinstance(node, dict):
            self._rename(node)

    def _new(self, value: Any) -> Any:
        if isinstance(value, str):
            needle = self._whole.get(value) or self._whole.get(_folded(value))
            if needle is not None and self._is_meant(needle):
                self._tell(needle, len(value))
                return needle.stand_in
            return self._text(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        text = canonical(value)
        needle = self._whole.get(text)
        if needle is None or not (
            len(text) >= _SHORTEST_NUMBER
            or (needle.of_person and names_person(self._key(), by_id=True))
        ):
            return value
        self._tell(needle, len(text))
        return needle.stand_in

    def _is_meant(self, needle: Needle) -> bool:
        """Whether a whole text is the id, and not only the same word."""
        return not needle.of_person or needle.is_unmistakable or names_person(self._key())

    def _key(self) -> str:
        """The key that the value at hand stands under."""
        return next((step for step in reversed(self._path) if isinstance(step, str)), "")

    def _text(self, text: str) -> str:
        found = self._find(text)
        if not found:
            return text
        for needle in dict.fromkeys(needle for _, _, needle in found):
            self._tell(needle, len(needle.value))
        return _replaced(text, found)

    def _rename(self, node: dict[str, Any]) -> None:
        names = {
            name: new
            for name in node
            if (id(node), name) not in self._kept and (new := self._name(name)) != name
        }
        if names:
            rename(node, names)

    def _name(self, name: str) -> str:
        needle = self._whole.get(name)
        if needle is not None and needle.of_person and self._is_meant(needle):
            self._tell(needle, len(name))
            return needle.stand_in
        return self._text(name)

    def _tell(self, needle: Needle, length: int) -> None:
        place = pointer(self._path)
        self._budget.spend(len(place))
        self._changes.append(Change(place, needle.action, needle.rule, needle.kind, length))


def _replaced(text: str, found: Sequence[Found]) -> str:
    pieces: list[str] = []
    since = 0
    for start, end, needle in found:
        pieces += (text[since:start], needle.stand_in)
        since = end
    return "".join((*pieces, text[since:]))
