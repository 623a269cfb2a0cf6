"""The policy as it holds for single destinations: their own rules among those for all, in order.

Destinations that the same rules name share one planner; who is named by none has the common one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.config.privacy import Policy
from gateway.event import RawEvent
from gateway.privacy.policy.plan import Planner
from gateway.privacy.policy.selection import Selection


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """The rules for some destinations."""

    destinations: frozenset[str]
    named_by: dict[str, tuple[str, ...]]
    """Whom each of their own rules names, by its id."""
    selections: tuple[Selection, ...]
    planner: Planner
    tightens: bool
    """Whether one of their own rules may take something that the rules for all leave."""

    def is_active(self, raw: RawEvent) -> bool:
        """Whether a rule of their own may reach something in the event."""
        return any(one.is_active(raw.type, raw.name, raw.source, ()) for one in self.selections)


def destination_rules(
    policy: Policy, planner: Callable[[Policy], Planner]
) -> tuple[DestinationRules, ...]:
    """Those of every destination that has rules of its own."""
    sharing: dict[tuple[str, ...], set[str]] = {}
    for name in sorted(policy.named_destinations):
        ids = tuple(rule.id for rule in policy.rules if name in rule.match.destination)
        sharing.setdefault(ids, set()).add(name)
    found = []
    for ids, names in sharing.items():
        own = [rule for rule in policy.rules if rule.id in ids]
        rules = policy.rules_for(next(iter(names)))
        found.append(
            DestinationRules(
                frozenset(names),
                {rule.id: rule.match.destination for rule in own},
                tuple(Selection(order, rule) for order, rule in enumerate(own)),
                planner(policy.model_copy(update={"rules": rules})),
                any(rule.action != "keep" for rule in own),
            )
        )
    return tuple(found)
