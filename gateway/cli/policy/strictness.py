"""Whether a policy could let out more than another, as far as the two files alone can say.

It errs to one side: where it says no, no event can tell them apart in that direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.config.privacy import Policy, PolicyRule

STRICTNESS: Final[Mapping[str, int]] = {
    "keep": 0,
    "partial": 1,
    "generalize": 1,
    "truncate": 1,
    "strip_query": 1,
    "replace": 1,
    "pseudonymize": 2,
    "mask": 3,
    "drop": 4,
    "omit": 4,
    "hold": 4,
}
"""Of the actions. What is not known here counts as letting everything out."""
WHOLE: Final = frozenset({"string", "number", "object", "array", "boolean", "null"})
"""Kinds of a change that took a whole value."""


def doubts(old: Policy, new: Policy) -> list[str]:
    """Rules and settings of the old policy that the new one may fall behind. Empty: none."""
    judged = {"client_ip", "rules", "keep", "pseudonyms"}
    found = [
        name
        for name in type(old).model_fields
        if name not in judged and getattr(old, name) != getattr(new, name)
    ]
    if STRICTNESS.get(new.client_ip, 0) < STRICTNESS.get(old.client_ip, 0):
        found.append("client_ip")
    if set(new.keep) - set(old.keep):
        found.append("keep")
    waiting = list(old.rules)
    for rule in new.rules:
        if waiting and _is_as_strict(rule, waiting[0]):
            waiting.pop(0)
        elif (waiting and rule.action != "drop") or (not waiting and rule.action == "keep"):
            found.append(f"rule {rule.id}")
    return found + [f"rule {rule.id}" for rule in waiting]


def _is_as_strict(new: PolicyRule, old: PolicyRule) -> bool:
    same = {"id", "reason", "action"}
    return new.model_dump(exclude=same) == old.model_dump(exclude=same) and STRICTNESS.get(
        new.action, 0
    ) >= STRICTNESS.get(old.action, 9)
