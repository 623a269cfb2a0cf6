"""What is hidden in one place is hidden in all of the event.

After the walk the message is serialised once and searched for the identities that were
pseudonymised and the address of the person. Almost always nothing is found, and that was all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from gateway.event import Change, Message
from gateway.privacy.ledger import Spot
from gateway.privacy.logs import pointer
from gateway.privacy.rules import Rule
from gateway.privacy.values import canonical, rename

_UNRESERVED = re.compile("[0-9A-Za-z_.~-]*").fullmatch
_LONG = 16
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
        return len(value) >= _LONG or (len(value) >= _UNMISTAKABLE and not value.isalpha())


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
    message: Message, needles: Sequence[Needle], kept: Iterable[Spot], changes: list[Change]
) -> None:
    """Replace the needles wherever they still stand, in place, and tell of it in `changes`."""
    left = _found(message, needles)
    if left:
        _Propagation(left, frozenset(kept), changes).walk(message)
    for i, change in enumerate(changes):
        for needle in needles:
            if needle.value in change.pointer and needle.is_unmistakable:
                told = _inside(change.pointer, needle)
                changes[i] = Change(told, change.action, change.rule, change.kind, change.length)


def _found(message: Message, needles: Sequence[Needle]) -> list[Needle]:
    try:
        body = orjson.dumps(message)
    except TypeError:  # a lone surrogate or a huge number: search the slow way
        return list(needles)
    return [needle for needle in needles if _mark(needle) in body]


def _mark(needle: Needle) -> bytes:
    try:
        text = orjson.dumps(needle.value)
    except TypeError:
        return b""
    return text[1:-1] if needle.is_unmistakable or needle.value.isdecimal() else text


class _Propagation:
    __slots__ = ("_changes", "_kept", "_needles", "_path", "_whole")

    def __init__(
        self, needles: Sequence[Needle], kept: frozenset[Spot], changes: list[Change]
    ) -> None:
        self._whole = {needle.value: needle for needle in needles}
        self._needles = [needle for needle in needles if needle.is_unmistakable]
        self._kept = kept
        self._changes = changes
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
        for needle in self._needles:
            if needle.value in text:
                new = _inside(text, needle)
                if new != text:
                    self._tell(needle, len(needle.value))
                    text = new
        return text

    def _rename(self, node: dict[str, Any]) -> None:
        names = {
            name: new
            for name in node
            if (id(node), name) not in self._kept and (new := self._text(name)) != name
        }
        if names:
            rename(node, names)

    def _tell(self, needle: Needle, length: int) -> None:
        self._changes.append(
            Change(pointer(self._path), needle.action, needle.rule, needle.kind, length)
        )


def _inside(text: str, needle: Needle) -> str:
    """The text without the needle where it stands as a word, or is too long to be another's."""
    pieces: list[str] = []
    since = 0
    value = needle.value
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        alone = not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum())
        if alone or len(value) >= _LONG:
            pieces += (text[since:at], needle.stand_in)
            since = end
        at = text.find(value, end)
    return "".join((*pieces, text[since:]))
