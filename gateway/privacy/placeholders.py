"""An id that stands for nobody counts as absent before anything is hashed, in every protocol.

Hashed, it would be a pseudonym like any other, and all who sent it one person. What counts is in
privacy.yaml, under `placeholders`. A group may be called "unknown" or "0"; of groups only what a
language writes for nothing counts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from gateway.config.privacy import NOTHING
from gateway.event import Misfit, RawEvent
from gateway.protocols import PROTOCOLS, Keys, ProtocolSpec

DEVICE = "$device:"
"""Mixpanel's mark of an id that names a device; it stays before the pseudonym."""
RULE = "wire:placeholder"

_SHORT = 24
_AROUND = " \t\r\n\v\f\0\"'`\u00a0\u200b\u200c\u200d\u2060\ufeff"
_ODD_START = frozenset(_AROUND + "0-{[$.:_")
_ZEROS = "0-{}.:_ "
_TEMPLATES = (("{{", "}}"), ("${", "}"), ("[object ", "]"))
_NUMBERS = frozenset({int, float})


class _Place(NamedTuple):
    """Where an id stands."""

    keys: Keys
    is_group: bool


_Branch: TypeAlias = "dict[str | None, _Place | _Branch]"
"""Places by their keys, from the outside in; None: each of a list."""


class Placeholders:
    """Knows them, in any case and with blanks or quotes around them."""

    __slots__ = ("_long", "_nothing", "_of_persons")

    def __init__(self, ids: Iterable[str]) -> None:
        self._of_persons = frozenset(map(_folded, ids)) | {""}
        self._long = frozenset(n for n in map(len, self._of_persons) if n > _SHORT)
        self._nothing = self._of_persons & {"", *map(_folded, NOTHING)}

    def __contains__(self, value: str) -> bool:
        """Whether the id stands for nobody."""
        size = len(value)
        if (
            size > _SHORT
            and size not in self._long
            and value[0] not in _ODD_START
            and value[-1] not in _AROUND
        ):
            return False
        if value[:1] == "$":
            value = value.removeprefix(DEVICE)
        return _folded(value) in self._of_persons

    @property
    def spelled(self) -> frozenset[str]:
        """They as text, in the cases that people write them in."""
        ids = self._of_persons - {""}
        return frozenset(each for one in ids for each in (one, one.upper(), one.capitalize()))

    def leave_out(self, raw: RawEvent) -> None:
        """Take them out of the message, in place; the event's `misfits` get each.

        Whole numbers are left as integers there, so that equal numbers are one id.
        """
        found: list[Misfit] = []
        self._below(raw.message, _PLACES[raw.protocol], found)
        if found:
            raw.misfits += tuple(found)

    def _below(self, node: dict[Any, Any], branch: _Branch, found: list[Misfit]) -> None:
        for key, place in branch.items():
            value = node.get(key)
            kind = type(value)
            if value is None:
                continue
            if isinstance(place, dict):
                if kind is dict:
                    self._below(value, place, found)
                elif kind is list and (each := place.get(None)):
                    self._in_list(value, each, found)
            elif kind is str:
                if value in self and (not place.is_group or _folded(value) in self._nothing):
                    del node[place.keys[-1]]
                    found.append(_misfit(place.keys, value))
            elif kind in _NUMBERS:
                if kind is float and value.is_integer():
                    value = node[place.keys[-1]] = whole(value)
                if str(value) in (self._nothing if place.is_group else self._of_persons):
                    del node[place.keys[-1]]
                    found.append(_misfit(place.keys, str(value)))

    def _in_list(self, node: list[Any], place: _Place | _Branch, found: list[Misfit]) -> None:
        if isinstance(place, dict):
            for item in node:
                if type(item) is dict:
                    self._below(item, place, found)
            return
        kept: list[Any] = []
        for item in node:
            if type(item) is str and item in self:
                found.append(_misfit(place.keys, item))
            else:
                kept.append(item)
        node[:] = kept


def whole(value: float) -> int | str:
    """A whole number as the integer that it equals; as text where JSON has no such integer."""
    number = int(value)
    return number if -(2**63) <= number < 2**64 else str(number)


def _misfit(keys: Sequence[str], value: str) -> Misfit:
    return Misfit(tuple(keys), "drop", RULE, "string", len(value))


def _folded(value: str) -> str:
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value)
    value = value.strip(_AROUND).casefold()
    if value[:1] in _ODD_START:
        if not value.strip(_ZEROS) and "0" in value:
            return "0"
        for start, end in _TEMPLATES:
            if value.startswith(start) and value.endswith(end):
                return start + end
    return value


def _places(spec: ProtocolSpec) -> _Branch:
    root: _Branch = {}
    every = [_Place(keys, is_group=False) for keys in spec.person_ids]
    every += [_Place(keys, is_group=True) for keys in spec.group_ids]
    for place in every:
        node = root
        *above, last = (None if key == "*" else key for key in place.keys)
        for key in above:
            below = node.setdefault(key, {})
            if not isinstance(below, dict):
                raise TypeError("an id cannot stand inside of an id")
            node = below
        node[last] = place
    return root


_PLACES = {name: _places(spec) for name, spec in PROTOCOLS.items()}
