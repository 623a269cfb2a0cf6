"""A dead letter goes out again as today's policy and routes would have it, or not at all.

It was clean when it was stored. What a rule removes since then is removed now; a destination that
the event may not reach any more does not get it. Pseudonyms stay what they are, so that the vendor
knows its users again.
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from gateway.budget import Budget
from gateway.event import (
    CleanMessage,
    CleanText,
    RawEvent,
    RawMessage,
    Reason,
    StoredEvent,
    serialised,
)
from gateway.pipeline.decide import Rules
from gateway.pipeline.routing import RoutingFacts


def permitted(event: StoredEvent, rules: Rules) -> CleanMessage:
    """What the policy in force leaves of a stored event. Raises what the policy raises."""
    return _scrubbed(event, rules)[0]


def revised(event: StoredEvent, destination: str, rules: Rules) -> StoredEvent | Reason:
    """The event as it may be sent to `destination` today, or why it may not.

    Raises what the policy raises: then nothing of the event may leave.
    """
    header = event.header
    message, pseudonyms = _scrubbed(event, rules)
    facts = RoutingFacts(
        header.source,
        header.protocol,
        header.type,
        header.name,
        header.schema,
        header.telemetry_class,
        header.user,
    )
    to, filtered = rules.routes.lead(facts, message)
    if destination not in to:
        return filtered.get(destination, Reason.DESTINATION_AWAY)
    return replace(event, header=replace(header, pseudonyms=pseudonyms), body=serialised(message))


def _scrubbed(event: StoredEvent, rules: Rules) -> tuple[CleanMessage, tuple[CleanText, ...]]:
    header = event.header
    message: RawMessage = orjson.loads(event.body)
    raw = RawEvent(
        header.source, header.protocol, header.type, header.name, message, header.received_at
    )
    scrubbed = rules.policy.scrub(
        raw, header.schema, tokens=header.pseudonyms, budget=Budget(rules.budget)
    )
    return scrubbed.message, scrubbed.pseudonyms
