"""What is hidden in one place is hidden in all of the event.

After the walk the message is serialised once and searched for the identities that were
pseudonymised and the address of the person. Almost always nothing is found, and that was all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from gateway.budget import Budget
from gateway.event import Change, CleanText, Message
from gateway.privacy.log_safe_text import pointer
from gateway.privacy.policy.rules import Rule
from gateway.privacy.scrub.scrub_log import Spot
from gateway.privacy.scrub.search import LONG, Needles
from gateway.privacy.scrub.values import canonical, rename

_UNRESERVED = re.compile("[0-9A-Za-z_.~-]*").fullmatch
_FEW = 8
_UNMISTAKABLE = 6
_SHORTEST_NUMBER = 6


class Needle(NamedTuple):
    """A value that must not stay anywhere, and what stands for it."""

    value: str
    stand_in: str
    action: str
    rule: str
    kind: str

    @property
    def is_unmistakable(self) -> bool:
        """Whether it means the same inside a longer text, such as `/users/<id>/profile`."""
        value = self.value
        return len(value) >= LONG or (len(value) >= _UNMISTAKABLE and not value.isalpha())


Found = tuple[int, int, Needle]
"""Start and end in a text, and what stands there."""


def identity_needles(identities: Mapping[str, Rule], tokens: Mapping[str, str]) -> list[Needle]:
    """For each identity: itself, and its percent-encoded form where that differs."""
    needles = []
    for value, rule in identities.items():
        if value == tokens[value]:
            continue
        needles.append(Needle(value, tokens[value], "pseudonymize", rule.id, "string"))
        if not _UNRESERVED(value):
            encoded = quote(value.encode("utf-8", "surrogatepass"), safe="")
            needles.append(Needle(encoded, tokens[value], "pseudonymize", rule.id, "string"))
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
        body = orjson.dumps(message)
    except TypeError:  # a lone surrogate or a huge number: search the slow way
        return needles
    return [needle for needle in needles if _mark(needle) in body]


def _mark(needle: Needle) -> bytes:
    try:
        text = orjson.dumps(needle.value)
    except TypeError:
        return b""
    return text[1:-1] if needle.is_unmistakable or needle.value.isdecimal() else text


class _Finder:
    """Finds needles inside longer texts, in one pass over each."""

    __slots__ = ("_needles", "_words")

    def __init__(self, needles: Sequence[Needle]) -> None:
        self._needles: dict[str, Needle] = {}
        for needle in needles:
            if needle.is_unmistakable:
                self._needles.setdefault(needle.value, needle)
        self._words = Needles(self._needles) if len(self._needles) > _FEW else None

    def __call__(self, text: str) -> list[Found]:
        """Where needles stand: each as a word of its own, or too long to be part of another's."""
        if self._words is None:
            for value in self._needles:
                if value in text:
                    break
            else:
                return []
        spans = [
            (start, -end)
            for start, end in (self._words.occurrences(text) if self._words else self._few(text))
            if end - start >= LONG
            or not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())
        ]
        spans.sort()
        found: list[Found] = []
        since = 0
        for start, negative_end in spans:
            if start >= since:
                since = -negative_end
                found.append((start, since, self._needles[text[start:since]]))
        return found

    def _few(self, text: str) -> Iterator[tuple[int, int]]:
        for value in self._needles:
            at = text.find(value)
            while at >= 0:
                end = at + len(value)
                yield at, end
                at = text.find(value, end if len(value) >= LONG else at + 1)


class _Propagation:
    __slots__ = ("_budget", "_changes", "_find", "_kept", "_path", "_whole")

    def __init__(
        self,
        needles: Sequence[Needle],
        kept: frozenset[Spot],
        changes: list[Change],
        budget: Budget,
    ) -> None:
        self._whole = {needle.value: needle for needle in needles}
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
            needle = self._whole.get(value)
            if needle is not None:
                self._tell(needle, len(value))
                return needle.stand_in
            return self._text(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        text = canonical(value)
        needle = self._whole.get(text) if len(text) >= _SHORTEST_NUMBER else None
        if needle is None:
            return value
        self._tell(needle, len(text))
        return needle.stand_in

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
            if (id(node), name) not in self._kept and (new := self._text(name)) != name
        }
        if names:
            rename(node, names)

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
