"""`default: drop`: what no rule of the file takes meets two rules more, below all others.

The first replaces the ids without which a message is nobody's by their pseudonyms, the second drops
the rest. Both leave the structural fields alone, without which a message is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gateway.config.privacy import PolicyRule, RuleMatch
from gateway.event import Protocol
from gateway.privacy.policy.path_automaton import PathEntry
from gateway.privacy.policy.selection import Selection
from gateway.privacy.policy.selectors import format_pointer, parse_pattern
from gateway.protocols import PROTOCOLS

DEFAULT = "default"
"""The rule that the audit names."""


def defaults_of(order: int) -> Mapping[Protocol, tuple[Selection, ...]]:
    """The two rules for each protocol, below `order` rules."""
    drop = PolicyRule(id=DEFAULT, match=RuleMatch(), action="drop")
    return {
        protocol: (
            Selection(
                order,
                PolicyRule(
                    id=DEFAULT,
                    match=RuleMatch(path=tuple(map(format_pointer, spec.identities))),
                    action="pseudonymize",
                ),
                default=True,
            ),
            Selection(order + 1, drop, default=True),
        )
        for protocol, spec in PROTOCOLS.items()
    }


def inside_structure(
    structural: Iterable[str], defaults: tuple[Selection, ...]
) -> Iterator[PathEntry]:
    """A structural field is one value; what a client puts below it is dropped as all else."""
    for drop in defaults[-1:]:
        for text in structural:
            yield PathEntry(parse_pattern(f"{text}/*"), drop.rule)
