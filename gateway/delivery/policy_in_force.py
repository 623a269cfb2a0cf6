"""What waits leaves as the policy in force would have it, whatever policy it was accepted under.

An event that was decided under the same revision costs a comparison. An older one is scrubbed once
more, its overlay as well: what a rule removes since then is removed now, and what was removed does
not come back. What the policy cannot be applied to does not leave. Pseudonyms stay what they are,
so that a vendor knows its users again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from gateway.budget import Budget
from gateway.errors import GatewayError
from gateway.event import (
    Change,
    CleanMessage,
    CleanText,
    Header,
    RawEvent,
    RawMessage,
    Reason,
    StoredEvent,
    serialised,
)
from gateway.pipeline.decide import UNPLANNED, Rules
from gateway.pipeline.routing import RoutingFacts
from gateway.privacy.overlays import described, opened


class SchemaGoneError(GatewayError):
    """Nobody knows any more what the schema of an event would have removed."""


def is_current(event: StoredEvent, rules: Rules) -> bool:
    """Whether it was made clean by these very rules."""
    return event.header.revision == rules.revisions.mark


def today(
    event: StoredEvent, destination: str, rules: Rules
) -> tuple[StoredEvent, Sequence[Change]]:
    """The event as the destination may have it now, and what was removed for that.

    Raises what the policy raises: then nothing of the event may leave.
    """
    own = event
    if event.overlays:
        own = opened(event, destination, rules.policy.rules_of(destination))
    if is_current(own, rules):
        return own, ()
    schema = own.header.schema
    if schema != UNPLANNED and schema not in rules.catalogue.plans:
        raise SchemaGoneError("the schema of the event is gone")
    message, pseudonyms, changes = _scrubbed(own, destination, rules)
    header = described(own.header, message, pseudonyms)
    revision = replace(header, revision=rules.revisions.mark)
    return StoredEvent(own.sequence, revision, serialised(message)), changes


def permitted(event: StoredEvent, destination: str, rules: Rules) -> CleanMessage:
    """What the policy in force leaves of a stored event. Raises what the policy raises."""
    return _scrubbed(event, destination, rules)[0]


def rerouted(event: StoredEvent, destination: str, rules: Rules) -> Reason | None:
    """Why a dead letter may not go to `destination` today, or None when a route leads there.

    Raises what the policy raises: then nothing of the event may leave.
    """
    ready, _ = today(event, destination, rules)
    to, filtered = rules.routes.lead(_facts(ready.header), ready.message)
    return None if destination in to else filtered.get(destination, Reason.DESTINATION_AWAY)


def _scrubbed(
    event: StoredEvent, destination: str, rules: Rules
) -> tuple[CleanMessage, tuple[CleanText, ...], Sequence[Change]]:
    """By the schema that it was accepted under, and by the one that would be its own today."""
    header, pseudonyms = event.header, event.header.pseudonyms
    message = event.message
    changes: list[Change] = []
    raw = _again(header, message)
    plan = rules.catalogue.match(raw)
    for schema in dict.fromkeys((header.schema, plan.name if plan else header.schema)):
        scrubbed = rules.policy.scrub(
            raw,
            schema,
            tokens=pseudonyms,
            budget=Budget(rules.budget),
            destination=destination,
        )
        message, pseudonyms = scrubbed.message, scrubbed.pseudonyms
        changes += scrubbed.changes
        raw = _again(header, message)
    return message, pseudonyms, changes


def _again(header: Header, message: CleanMessage) -> RawEvent:
    """The event as the policy reads it. Its message is changed in place."""
    raw: RawMessage = orjson.loads(serialised(message))
    return RawEvent(
        header.source, header.protocol, header.type, header.name, raw, header.received_at
    )


def _facts(header: Header) -> RoutingFacts:
    return RoutingFacts(
        header.source,
        header.protocol,
        header.type,
        header.name,
        header.schema,
        header.telemetry_class,
        header.user,
    )
