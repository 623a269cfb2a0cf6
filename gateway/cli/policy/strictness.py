"""Whether a policy could let out more than another, as far as the two files alone can say.

It errs to one side: where it says no, no event can tell them apart in that direction.
"""

from __future__ import annotations

from typing import Final

from gateway.config.privacy import Policy, PolicyRule
from gateway.privacy.policy.rules import STRICTNESS as OF_RULES

STRICTNESS: Final = dict[str, int](OF_RULES.items()) | {"replace": 1, "omit": 4, "hold": 4}
"""Of the actions. What is not known here counts as letting everything out."""
_NEW_FIELDS = ("keep", "hold", "drop")
WHOLE: Final = frozenset({"string", "number", "object", "array", "boolean", "null"})
"""Kinds of a change that took a whole value."""


def doubts(old: Policy, new: Policy) -> list[str]:
    """Rules and settings of the old policy that the new one may fall behind. Empty: none."""
    found: list[str] = []
    if STRICTNESS.get(new.client_ip, 0) < STRICTNESS.get(old.client_ip, 0):
        found.append("client_ip")
    if (old.default, new.default) == ("drop", "keep"):
        found.append("default")
    if _NEW_FIELDS.index(new.new_fields) < _NEW_FIELDS.index(old.new_fields):
        found.append("new_fields")
    if not set(old.detectors) <= set(new.detectors):
        found.append("detectors")
    if set(new.keep) - set(old.keep):
        found.append("keep")
    found += [name for name in type(old).model_fields if _is_unjudged(name, old, new)]
    waiting = list(old.rules)
    for rule in new.rules:
        if waiting and _is_as_strict(rule, waiting[0]):
            waiting.pop(0)
        elif _may_let_out(rule, old, comes_first=bool(waiting)):
            found.append(f"rule {rule.id}")
    return found + [f"rule {rule.id}" for rule in waiting]


def for_single_destinations(old: Policy, new: Policy) -> list[str]:
    """Rules for single destinations that only one of the two policies has.

    What they let out travels beside the common event, which is what is compared.
    """
    one, other = _narrow(old), _narrow(new)
    return [f"rule {rule.id}" for rule in one if rule not in other] + [
        f"rule {rule.id}" for rule in other if rule not in one
    ]


def _narrow(policy: Policy) -> list[PolicyRule]:
    return [rule for rule in policy.rules if getattr(rule.match, "destination", ())]


def _may_let_out(rule: PolicyRule, old: Policy, *, comes_first: bool) -> bool:
    """Whether a further rule may take a value from a stricter one, or from a default that drops."""
    if comes_first or old.default == "drop":
        return rule.action != "drop" or bool(rule.match.kind or rule.match.parameter)
    return rule.action == "keep"


_JUDGED = {"client_ip", "pseudonyms", "default", "detectors", "rules", "new_fields", "keep"}


def _is_unjudged(name: str, old: Policy, new: Policy) -> bool:
    return name not in _JUDGED and getattr(old, name) != getattr(new, name)


def _is_as_strict(new: PolicyRule, old: PolicyRule) -> bool:
    same = {"id", "reason", "action"}
    return new.model_dump(exclude=same) == old.model_dump(exclude=same) and STRICTNESS.get(
        new.action, 0
    ) >= STRICTNESS.get(old.action, 9)
