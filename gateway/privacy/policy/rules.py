"""What the policy decided, in the form that the walk over an event reads."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config.privacy import Action
from gateway.privacy.generalize import Shorten

STRICTNESS: dict[Action, int] = {
    "keep": 0,
    "truncate": 1,
    "strip_query": 1,
    "generalize": 1,
    "partial": 1,
    "pseudonymize": 2,
    "mask": 3,
    "drop": 4,
}
"""How little an action leaves. A schema may only go up."""

FINAL = frozenset({"drop", "mask", "pseudonymize", "keep"})
"""Actions after which nothing is left to decide; the others only shorten a value."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule as it holds at a place. `eq=False`: a rule is itself, and hashes at once."""

    order: int
    id: str
    action: Action
    kinds: frozenset[str]  # none: it decides over the whole value
    by_key: bool = False  # a key brought it here: booleans and structural fields stay
    schema: bool = False  # an annotation of the event's schema
    default: bool = False  # `default: drop` brought it here: structural fields stay
    change: Shorten | None = None  # what `generalize` and `partial` do
    text_only: bool = False  # its key names a person: a text there is theirs, an object is read


Hits = tuple[Rule, ...]
"""Rules that hold at one place, in order."""


def in_order(*several: Hits) -> Hits:
    """All of them; of a rule that is there twice, the one named more exactly."""
    found: dict[int, Rule] = {}
    for hits in several:
        for rule in hits:
            known = found.get(rule.order)
            if known is None or known.by_key:
                found[rule.order] = rule
    return tuple(found[order] for order in sorted(found))
