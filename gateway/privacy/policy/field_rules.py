"""What holds for a value comes from its path, its key and what is around it."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.privacy.detectors import TELLING
from gateway.privacy.policy.path_automaton import PathState
from gateway.privacy.policy.rules import Hits, Rule, in_order


class Key:
    """What is known of a value from the key it stands under."""

    __slots__ = ("context", "hits", "matched", "name", "odd", "person", "step", "telling")

    def __init__(
        self,
        name: str,
        step: str,
        context: int,
        matched: Mapping[int, Rule],
        *,
        odd: bool,
        person: bool,
    ) -> None:
        self.name = name
        self.step = step  # in a pointer
        self.odd = odd  # a detector may find something in the key itself
        self.person = person  # what is right below it is a person's
        self.context = context
        self.telling = bool(context & TELLING)  # a number under it may be personal
        self.matched = matched  # every rule whose `key` it matches, by order
        self.hits: Hits = ()  # those that need no path


class FieldRules:
    """What holds for a value at a path and under a key."""

    __slots__ = ("below", "hits", "key", "plain")

    def __init__(self, below: PathState, key: Key) -> None:
        self.below = below
        self.key = key
        hits = in_order(below.rules, key.hits)
        if below.keyed and key.matched:
            orders = {rule.order for rule in below.keyed}
            both = tuple(hit for order, hit in key.matched.items() if order in orders)
            hits = in_order(hits, both)
        self.hits: Hits = _untouched(hits) if below.structural else hits
        self.plain = below.plain and not key.odd and not self.hits


def _untouched(hits: Hits) -> Hits:
    """The rules that reach a structural field."""
    return tuple(rule for rule in hits if not (rule.by_key or rule.default))


def inherit(inherited: Hits, member: FieldRules) -> Hits:
    """What holds for a value with the rules that hold for what is around it."""
    hits = in_order(inherited, member.hits) if member.hits else inherited
    return _untouched(hits) if member.below.structural else hits


def without_text_rules(hits: Hits) -> Hits:
    """What holds for a number, and inside an object."""
    return tuple(rule for rule in hits if not rule.text_only)


def element(inherited: Hits, below: PathState) -> Hits:
    """What holds for an element of a list."""
    hits = in_order(inherited, below.rules) if below.rules else inherited
    return _untouched(hits) if below.structural else hits
