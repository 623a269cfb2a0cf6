"""Whose a message is: the places that name a person, in the form of any protocol and of files.

A place names a person by an id that an account has, by one that a device has, or joins two ids
into one person. Groups are no persons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.privacy.placeholders import DEVICE
from gateway.privacy.scrub.values import canonical
from gateway.privacy.spelling import one_spelling

Place = tuple[str, ...]

ACCOUNTS: tuple[Place, ...] = (
    ("userId",),
    ("user",),
    ("usageData", "user"),
    ("$distinct_id",),
    ("$user_id",),
    ("properties", "distinct_id"),
    ("properties", "$user_id"),
    ("properties", "$email"),
    ("traits", "id"),
    ("traits", "userId"),
    ("traits", "email"),
    ("context", "traits", "id"),
    ("context", "traits", "userId"),
    ("context", "traits", "email"),
    ("context", "externalIds", "id"),
    ("$set", "$email"),
    ("$set", "email"),
    ("$set_once", "$email"),
)
DEVICES: tuple[Place, ...] = (
    ("anonymousId",),
    ("anonymousUserId",),
    ("$device_id",),
    ("properties", "$device_id"),
    ("context", "device", "id"),
    ("context", "device", "advertisingId"),
)
JOINS: tuple[Place, ...] = (
    ("previousId",),
    ("properties", "alias"),
    ("properties", "$identified_id"),
    ("properties", "$anon_id"),
    ("properties", "$anon_distinct_id"),
    ("properties", "$distinct_id_before_identity"),
    ("properties", "$distinct_ids"),
)
MAIN: tuple[Place, ...] = (
    ("userId",),
    ("anonymousId",),
    ("previousId",),
    ("$distinct_id",),
    ("properties", "distinct_id"),
    ("properties", "$user_id"),
    ("properties", "$device_id"),
)
"""The places that a vendor knows a person by."""
_JOINING = frozenset({"$identify", "$create_alias", "$merge"})
"""The events whose properties join ids; others may call something else an alias."""


_Tree = Mapping[str, "_Tree"]


def _tree(places: Iterable[Place]) -> _Tree:
    made: dict[str, Any] = {}
    for place in places:
        node = made
        for key in place:
            node = node.setdefault(key, {})
    return made


_TREE_WITHOUT_JOINS = _tree((*ACCOUNTS, *DEVICES))
_TREE = _tree((*ACCOUNTS, *DEVICES, *JOINS))


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids in one message, as text."""

    accounts: frozenset[str]
    devices: frozenset[str]
    joins: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        return self.accounts | self.devices | self.joins


def ids_in(message: Mapping[str, Any]) -> Iterator[str]:
    """All ids of a message, one after the other: `ids_of` for those who ask for no more."""
    is_join = "event" not in message or message["event"] in _JOINING
    for key, inner in (_TREE if is_join else _TREE_WITHOUT_JOINS).items():
        if key in message:
            for text in _in_tree(message[key], inner):
                yield text.removeprefix(DEVICE)


def ids_of(message: Mapping[str, Any]) -> Ids:
    """Whose it is. What is no id, such as an object in the place of one, is passed over."""
    accounts = frozenset(_at_all(message, ACCOUNTS))
    is_join = "event" not in message or message["event"] in _JOINING
    joins = frozenset(_at_all(message, JOINS)) if is_join else frozenset()
    devices = frozenset(_at_all(message, DEVICES))
    marked = {one for one in accounts if one.startswith(DEVICE)}
    return Ids(
        frozenset(accounts - marked),
        devices | {one.removeprefix(DEVICE) for one in marked},
        frozenset(one.removeprefix(DEVICE) for one in joins),
    )


def _at_all(message: Mapping[str, Any], places: tuple[Place, ...]) -> Iterator[str]:
    for place in places:
        if place[0] in message:
            yield from _at(message, place)


def _at(value: Any, place: Place) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _at(one, place)
    elif place and isinstance(value, Mapping):
        if place[0] in value:
            yield from _at(value[place[0]], place[1:])
    elif not place and (text := text_of(value)):
        yield text


def _in_tree(value: Any, tree: _Tree) -> Iterator[str]:
    if type(value) is dict:
        for key, inner in tree.items():
            if key in value:
                yield from _in_tree(value[key], inner)
    elif type(value) is list:
        for one in value:
            yield from _in_tree(one, tree)
    elif not tree and (text := text_of(value)):
        yield text


def text_of(value: Any) -> str:
    """An id as text, so that equal ids are equal texts; empty where it is none."""
    if isinstance(value, str):
        return value.strip()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return canonical(value) if is_number else ""


def spellings(text: str) -> frozenset[str]:
    """The texts that an id is written as by those who do not mind how an address is spelled."""
    text = text.strip()
    if "@" in text:
        return frozenset({text, text.lower(), one_spelling(text)})
    return frozenset({text} if text.isascii() else {text, one_spelling(text)})
