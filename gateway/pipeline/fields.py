"""Which fields an event has, and which of them may not leave because nobody has reviewed them yet.

A field is a pointer of an event of one name: items of an array are one field, and so are members
whose keys are numbers or ids. Looked at is what clients fill with what they like, and of a context
its keys, which are the same field for all events of a protocol.
Pure: what is known comes in with the rules, and what was seen goes out with the decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf
from typing import Any, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from gateway.contract import EventPlan, describes
from gateway.event import Change, CleanMessage, CleanText, Message, Protocol, SeenFields
from gateway.privacy import pointer, scrubbed_text, shape_of
from gateway.protocols import PROTOCOLS

Mode = Literal["keep", "hold", "drop"]
Path: TypeAlias = tuple[str, ...]
Signature: TypeAlias = tuple[Any, ...]
"""The keys of an object, and of what lies inside: equal for events of equal keys."""
EventKey: TypeAlias = tuple[str, str]
"""Protocol, and name of the event; its type where names are not those of events."""

Value = TypeVar("Value")

ITEM: Final = "*"
ANY: Final = "*"
"""Stands for every event: what SDKs add to all of them is one field."""
NEW: Final = "new_fields"
DROPPED: Final = "fields"
"""The rules that the audit names."""
MOST_FIELDS = 256
"""Of one event; what it has more is never known."""
LONGEST = 200
"""Characters of a pointer and of a name."""
_MOST_REMEMBERED = 1024
_LETTERS = 8192
_ID = re.compile(r"\d+|[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(slots=True)
class Branch(Generic[Value]):
    """What ends here, and what goes on."""

    value: Value | None = None
    below: dict[str, Branch[Value]] = field(default_factory=dict)


class Taken(NamedTuple):
    """A field that may not leave."""

    path: Path
    action: Literal["hold", "drop"]
    rule: str


@dataclass(frozen=True, slots=True)
class FieldRules:
    """What is known of fields. Replaced as a whole."""

    mode: Mode = "keep"
    """What becomes of a field that is not known."""
    learn_for: float = 0.0
    """Seconds from `since` in which every field becomes known."""
    since: float = inf
    """When this installation began to learn."""
    known: Mapping[EventKey, frozenset[str]] = field(default_factory=dict)
    dropped: Mapping[EventKey, frozenset[str]] = field(default_factory=dict)
    _remembered: dict[SeenFields, tuple[Taken, ...]] = field(default_factory=dict, repr=False)

    def under(self, configured: FieldRules) -> FieldRules:
        """The same knowledge under what is configured now."""
        return replace(self, mode=configured.mode, learn_for=configured.learn_for, _remembered={})

    def taken(self, seen: SeenFields, plan: EventPlan | None, now: float) -> tuple[Taken, ...]:
        """The fields that may not leave. `now`: when the event was received."""
        holds = self.mode != "keep" and now >= self.since + self.learn_for
        if not (holds or self.dropped):
            return ()
        found = self._remembered.get(seen)
        if found is None:
            every = list(paths(seen.keys))
            found = tuple(self._judged(seen, plan, every))
            if len(self._remembered) < _MOST_REMEMBERED and is_small(every):
                self._remembered[seen] = found
        return found if holds else tuple(one for one in found if one.rule == DROPPED)

    def _judged(
        self, seen: SeenFields, plan: EventPlan | None, every: Sequence[Path]
    ) -> Iterator[Taken]:
        action: Literal["hold", "drop"] = "drop" if self.mode == "drop" else "hold"
        for number, path in enumerate(every):
            key, place = event_key(seen, path), field_pointer(path)
            if place in self.dropped.get(key, ()):
                yield Taken(path, "drop", DROPPED)
            elif (number >= MOST_FIELDS or place not in self.known.get(key, ())) and not is_exempt(
                seen.protocol, plan, path
            ):
                yield Taken(path, action, NEW)


NOTHING_KNOWN: Final = FieldRules()
"""Every field leaves."""


def seen_in(
    message: CleanMessage, protocol: Protocol, kind: str, name: CleanText | None, schema: str
) -> SeenFields:
    """The fields of a clean message."""
    found: list[tuple[str, Signature]] = []
    for place, is_deep in _PLACES[protocol]:
        node: Any = message.get(place)
        if type(node) is dict and node:
            found.append((place, _signature(node) if is_deep else (tuple(node),)))
    event = name if name is not None and (protocol, kind) in _NAMED else kind
    return SeenFields(protocol, event, schema, tuple(found))


def _signature(node: Message) -> Signature:
    if _CONTAINERS.isdisjoint(map(type, node.values())):
        return (tuple(node),)
    inner = [
        (key, _signature(value) if type(value) is dict else _items(value))
        for key, value in node.items()
        if type(value) in _CONTAINERS
    ]
    return (tuple(node), *inner)


def _items(node: list[Any]) -> Signature:
    """Of an array of objects; one of plain values counts as a value."""
    kinds = set(map(type, node))
    if _CONTAINERS.isdisjoint(kinds):
        return ()
    if kinds == _OBJECTS:
        return (False, *dict.fromkeys(map(_signature, node)))
    inner = dict.fromkeys(
        _signature(item) if type(item) is dict else _items(item)
        for item in node
        if type(item) in _CONTAINERS
    )
    return (not kinds <= _CONTAINERS, *inner)


def paths(signature: tuple[Any, ...]) -> Iterator[Path]:
    """The fields that a signature stands for; of an array, `*` for its items."""
    found: dict[Path, None] = {}
    for place, node in signature:
        _collect(node, (place,), found)
    return iter(found)


def _collect(node: Signature, path: Path, found: dict[Path, None]) -> None:
    names, *inner = node
    inside = dict(inner)
    for name in names:
        below = inside.get(name)
        deeper = (*path, name)
        if below in _EMPTY:
            found[deeper] = None
        elif isinstance(below[0], bool):
            _collect_items(below, deeper, found)
        else:
            _collect(below, deeper, found)


def _collect_items(node: Signature, path: Path, found: dict[Path, None]) -> None:
    has_plain, *inner = node
    if has_plain:
        found[path] = None
    for each in inner:
        if each in _EMPTY:
            found[path] = None
        elif isinstance(each[0], bool):
            _collect_items(each, (*path, ITEM), found)
        else:
            _collect(each, (*path, ITEM), found)


def is_small(every: Sequence[Path]) -> bool:
    """Whether fields are few and short enough to be remembered by their keys."""
    return len(every) <= MOST_FIELDS and sum(len(key) for path in every for key in path) <= _LETTERS


def event_key(seen: SeenFields, path: Path) -> EventKey:
    """What a field is kept under; nothing personal is in it."""
    if (path[0], False) in _PLACES[seen.protocol]:
        return seen.protocol, ANY
    return seen.protocol, _shown(seen.event[: 4 * LONGEST])[:LONGEST]


def field_pointer(path: Path) -> str:
    """A pointer fit to be kept: keys that are ids are one, and personal ones are masked."""
    return "".join(_step(key) if len(key) <= LONGEST else pointer((key,)) for key in path)


@lru_cache(4096)
def _step(key: str) -> str:
    return f"/{ITEM}" if key == ITEM or _ID.fullmatch(key) else pointer((key,))


@lru_cache(1024)
def _shown(name: str) -> str:
    return scrubbed_text(name)


def is_exempt(protocol: Protocol, plan: EventPlan | None, path: Path) -> bool:
    """Whether a field needs no review: a message is none without it, or its schema describes it."""
    if (plan is not None and describes(plan, path)) or path in _ESSENTIAL[protocol]:
        return True
    return any(path[: len(prefix)] == prefix for prefix in _STRUCTURAL[protocol])


def take_out(message: CleanMessage, taken: tuple[Taken, ...]) -> tuple[Change, ...]:
    """Take fields out of a clean message, in place and in one walk."""
    changes: list[Change] = []
    _take(message, tree((one.path, one) for one in taken), (), changes)
    return tuple(changes)


def tree(paths: Iterable[tuple[Path, Value]]) -> Branch[Value]:
    """The paths by their keys, from the outside in."""
    root: Branch[Value] = Branch()
    for path, value in paths:
        node = root
        for key in path:
            node = node.below.setdefault(key, Branch())
        node.value = value
    return root


def _take(
    node: Any, branch: Branch[Taken], above: tuple[str | int, ...], changes: list[Change]
) -> None:
    if isinstance(node, list):
        if inner := branch.below.get(ITEM):
            for index, item in enumerate(node):
                _take(item, inner, (*above, index), changes)
    elif isinstance(node, dict):
        below = branch.below
        for key in [key for key in node if key in below]:
            one = below[key].value
            if one is None:
                _take(node[key], below[key], (*above, key), changes)
                continue
            kind, length = shape_of(node.pop(key))
            changes.append(Change(pointer((*above, key)), one.action, one.rule, kind, length))


_EMPTY = (None, (), ((),))
"""What has no members, or plain items alone."""
_CONTAINERS = frozenset((dict, list))
_OBJECTS = frozenset((dict,))
_NAMED = frozenset(
    (name, kind) for name, spec in PROTOCOLS.items() for kind in spec.types_planned_by_name
)
_PLACES: Mapping[str, tuple[tuple[str, bool], ...]] = {
    name: tuple((place, (place,) in spec.free_form) for place in sorted(spec.removable_below))
    for name, spec in PROTOCOLS.items()
}
"""Where fields are looked at, and whether inside of them, too."""
_ESSENTIAL: Mapping[str, frozenset[Path]] = {
    name: frozenset(("properties", key) for key in spec.essential_properties)
    for name, spec in PROTOCOLS.items()
}
_STRUCTURAL: Mapping[str, tuple[Path, ...]] = {
    name: tuple(
        tuple(step for step in path.split("/")[1:] if step not in ("*", "**"))
        for path in spec.structural
        if path.count("/") > 1
    )
    for name, spec in PROTOCOLS.items()
}
