"""What reads the journal and is no destination: the gateway's own and what extensions bring."""

from __future__ import annotations

from gateway.delivery import AUDIT, QUARANTINE
from gateway.extensions import registry
from gateway.journal import Stream


def own_consumers() -> dict[str, Stream]:
    """Their names, and what they read."""
    brought = {each.name: each.stream for hooks in registry.hooks() for each in hooks.consumers}
    return {AUDIT: "audit", QUARANTINE: "events", **brought}
