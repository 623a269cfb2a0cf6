"""Two scrubs of one event, compared field by field; what is counted names no value.

Items of an array are one field, so that an item which leaves shifts no other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from gateway.cli.policy.strictness import STRICTNESS, WHOLE
from gateway.event import Change
from gateway.privacy import pointer
from gateway.privacy.policy.rules import FINAL

Effect = Literal["leaves", "stays", "looser", "tighter", "renamed"]
"""What would be different of a field: it leaves and stayed before; the reverse; more or less of it
leaves; the same leaves, and another rule says so."""
MOST_ROWS = 5000
_ITEM = "*"
_INDEX = re.compile(r"/\d+(?=/|$)")
_NO_RULE = "no rule"


class Row(NamedTuple):
    """What is counted."""

    effect: Effect
    event: str
    pointer: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Scrubbing:
    """What one policy makes of an event."""

    message: Mapping[str, Any] | None
    """None: the event does not leave at all."""
    changes: Sequence[Change]
    to: Sequence[str] = ()
    """The destinations that get it."""


@dataclass(slots=True)
class Comparison:
    """What was found so far."""

    events: int = 0
    differing: int = 0
    unread: int = 0
    """What could not be read, or is refused by its form."""
    rows: Counter[Row] = field(default_factory=Counter)
    more: int = 0
    """Differences that were not counted apart, because there are too many different ones."""
    more_is_looser: bool = False

    def add(self, event: str, before: Scrubbing, after: Scrubbing) -> None:
        self.events += 1
        found = {
            Row(effect, event, place, *said) for effect, place, *said in differences(before, after)
        }
        self.differing += bool(found)
        for row in found:
            if row in self.rows or len(self.rows) < MOST_ROWS:
                self.rows[row] += 1
            else:
                self.more += 1
                self.more_is_looser |= row.effect in LOOSER

    @property
    def is_looser(self) -> bool:
        return self.more_is_looser or any(row.effect in LOOSER for row in self.rows)

    @property
    def is_different(self) -> bool:
        return bool(self.more) or any(row.effect != "renamed" for row in self.rows)


LOOSER: frozenset[Effect] = frozenset({"leaves", "looser"})


def differences(before: Scrubbing, after: Scrubbing) -> Iterator[tuple[Effect, str, str, str]]:
    """Effect, pointer, and the rules before and after."""
    old, new = (_fields(one.message) for one in (before, after))
    old_rules, new_rules = (_rules(one.changes) for one in (before, after))
    for path in {**old, **new}:
        was, now = old.get(path, []), new.get(path, [])
        place = "".join(map(_step, path))
        first, second = _nearest(old_rules, place), _nearest(new_rules, place)
        if was != now:
            yield _effect(was, now, first, second), place, _said(first), _said(second)
        elif _said(first) != _said(second):
            yield "renamed", place, _said(first), _said(second)
    left = {"".join(map(_step, path)) for path in {**old, **new}}
    for place in old_rules.keys() & new_rules.keys() - left:
        said = _said(old_rules[place]), _said(new_rules[place])
        if said[0] != said[1]:
            yield "renamed", place, *said
    for name in {*after.to} - {*before.to}:
        yield "leaves", f"all, to {name}", "not sent", "sent"
    for name in {*before.to} - {*after.to}:
        yield "stays", f"all, to {name}", "sent", "not sent"


def _effect(
    was: list[Any], now: list[Any], first: Sequence[Change], second: Sequence[Change]
) -> Effect:
    if not was:
        return "leaves"
    if not now:
        return "stays"
    if len(was) != len(now):
        return "looser" if len(now) > len(was) else "tighter"
    return "tighter" if _covers(second, first) else "looser"


def _covers(new: Sequence[Change], old: Sequence[Change]) -> bool:
    """Whether nothing that `old` took is left by `new`. In doubt it is not.

    The same change made once more explains no difference, unless there are others beside it.
    """
    return all(
        any(_is_stricter(mine, theirs) or (mine == theirs and len(new) > len(old)) for mine in new)
        for theirs in old
    )


def _is_stricter(mine: Change, theirs: Change) -> bool:
    rank, other = STRICTNESS.get(mine.action, 0), STRICTNESS.get(theirs.action, 9)
    is_whole = mine.kind in WHOLE or (mine.kind, mine.length) == (theirs.kind, theirs.length)
    return is_whole and (rank > other or (rank == other and mine.action in FINAL))


def _fields(message: Mapping[str, Any] | None) -> dict[tuple[str, ...], list[Any]]:
    """The values at each place; items of an array share theirs."""
    found: dict[tuple[str, ...], list[Any]] = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [] if message is None else [((), message)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting += [
                ((*path, _ITEM if key.isdecimal() else key), one) for key, one in value.items()
            ]
        elif isinstance(value, list) and value:
            waiting += [((*path, _ITEM), item) for item in value]
        else:
            found.setdefault(path, []).append(value)
    return found


@lru_cache(4096)
def _step(key: str) -> str:
    """Of a pointer, fit to be shown."""
    return pointer((key,))


def _rules(changes: Iterable[Change]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(_INDEX.sub("/*", change.pointer), []).append(change)
    return found


def _nearest(rules: Mapping[str, Sequence[Change]], place: str) -> Sequence[Change]:
    """The changes at a place, or else at the nearest thing around it."""
    while place and place not in rules:
        place = place.rpartition("/")[0]
    return rules.get(place, ())


def _said(changes: Sequence[Change]) -> str:
    return ", ".join(sorted({f"{one.rule} ({one.action})" for one in changes})) or _NO_RULE
