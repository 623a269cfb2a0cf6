"""All path selectors of a policy are followed at once, one dictionary lookup per key.

The patterns are compiled into a deterministic automaton. Its alphabet is finite: the keys that
patterns name, and any other key. So it is built whole at load, and no key of an event is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

from gateway.privacy.policy.rules import Rule, in_order
from gateway.privacy.policy.selectors import Pattern, Wild

Mark = Literal["keep", "structural", "address"]
LARGEST = 20_000


@dataclass(frozen=True, slots=True)
class PathEntry:
    """What holds where a pattern matches: a rule, or a mark of our own.

    `inside`: in all that lies below the place, too. A rule needs none: the walk hands it down.
    """

    pattern: Pattern
    rule: Rule | None = None
    with_key: bool = False  # the rule also has a selector on keys
    mark: Mark | None = None
    inside: bool = False


class PathState:
    """A place in an event, as far as paths tell places apart."""

    __slots__ = (
        "address",
        "earliest",
        "indexed",
        "keep",
        "keyed",
        "members",
        "next",
        "nobody",
        "of_person",
        "other",
        "person",
        "plain",
        "rules",
        "structural",
    )

    def __init__(self, entries: Sequence[PathEntry]) -> None:
        self.next: dict[str, PathState] = {}
        self.other: PathState = self
        self.of_person = False
        self.person: PathState = self
        """The same place, right below a person; `nobody`: below nobody."""
        self.nobody: PathState = self
        self.members: dict[str, Any] = {}  # what a plan knows of keys here
        self.rules = in_order(tuple(e.rule for e in entries if e.rule and not e.with_key))
        self.keyed = in_order(tuple(e.rule for e in entries if e.rule and e.with_key))
        marks = {entry.mark for entry in entries}
        self.keep = "keep" in marks
        self.structural = "structural" in marks
        self.address = "address" in marks
        self.plain = not (self.rules or self.keyed or self.keep or self.address)
        self.indexed = False  # some pattern below names a number, which may be a list's index
        self.earliest = 1 << 30  # the lowest order of a rule, or of a `keep`, here or below

    def at(self, index: int) -> PathState:
        """The state of a list's element."""
        return self.next.get(str(index), self.other) if self.indexed else self.other


def add_persons(states: Iterable[PathState]) -> None:
    """Tell each place from the same place right below a person, in lists too."""
    every = tuple(states)
    for state in every:
        twin = state.person = copy(state)
        twin.members = {}
        twin.of_person = True
        twin.person = twin
    for state in every:
        state.person.other = state.other.person
        state.person.next = {key: below.person for key, below in state.next.items()}


class TooManyPaths(Exception):  # noqa: N818 (not an error of a person's making by itself)
    """The patterns need more states than there may be."""


_Places = frozenset[tuple[int, int]]


def compile_paths(entries: Sequence[PathEntry], most: int = LARGEST) -> PathState:
    """The state of the event itself. Raises TooManyPaths where it takes more than `most` states."""
    states: dict[_Places, PathState] = {}
    pending: list[_Places] = []

    def state(places: _Places) -> PathState:
        if places not in states:
            if len(states) >= most:
                raise TooManyPaths
            states[places] = PathState(
                [entries[i] for i, at in sorted(places) if _holds(entries[i], at)]
            )
            pending.append(places)
        return states[places]

    root = state(_closed({(i, 0) for i in range(len(entries))}, entries))
    while pending:
        places = pending.pop()
        here = states[places]
        anywhere, named = _moves(places, entries)
        here.other = state(anywhere)
        for key, reached in named.items():
            here.next[key] = state(anywhere | reached)
        here.indexed = any(key.isdecimal() for key in here.next)
    _find_earliest(list(states.values()))
    add_persons(states.values())
    return root


def _holds(entry: PathEntry, at: int) -> bool:
    return at == len(entry.pattern.steps)


def _closed(places: set[tuple[int, int]], entries: Sequence[PathEntry]) -> _Places:
    """With `**` standing for no key at all."""
    for i, at in tuple(places):
        steps = entries[i].pattern.steps
        if at < len(steps) and steps[at] is Wild.MANY:
            places.add((i, at + 1))
    return frozenset(places)


def _moves(places: _Places, entries: Sequence[PathEntry]) -> tuple[_Places, dict[str, _Places]]:
    """Where any key leads from `places`, and where else the keys lead that a pattern names."""
    anywhere: set[tuple[int, int]] = set()
    named: dict[str, set[tuple[int, int]]] = {}
    for i, at in places:
        steps = entries[i].pattern.steps
        if at == len(steps):
            if entries[i].inside:
                anywhere.add((i, at))
        elif (step := steps[at]) is Wild.MANY:
            anywhere.add((i, at))
        elif isinstance(step, str):
            named.setdefault(step, set()).add((i, at + 1))
        else:
            anywhere.add((i, at + 1))
    closed = {key: _closed(reached, entries) for key, reached in named.items()}
    return _closed(anywhere, entries), closed


def _find_earliest(states: Sequence[PathState]) -> None:
    for state in states:
        orders = [rule.order for rule in state.rules + state.keyed]
        state.earliest = -1 if state.keep or state.structural else min(orders, default=1 << 30)
    settled = False
    while not settled:
        settled = True
        for state in states:
            lowest = min(follower.earliest for follower in (state.other, *state.next.values()))
            if lowest < state.earliest:
                state.earliest = lowest
                settled = False
