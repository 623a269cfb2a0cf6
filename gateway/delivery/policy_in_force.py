"""What waits leaves as the policy in force would have it, whatever policy it was accepted under.

An event that was decided under the same revision costs a comparison. An older one is scrubbed once
more, its overlay as well: what a rule removes since then is removed now, and what was removed does
not come back. What the policy cannot be applied to does not leave. Pseudonyms stay what they are,
so that a vendor knows its users again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import orjson

from gateway.budget import Budget
from gateway.errors import GatewayError
from gateway.event import (
    Change,
    CleanMessage,
    Header,
    RawEvent,
    RawMessage,
    Reason,
    StoredEvent,
    serialised,
)
from gateway.pipeline.account import Account, account_of
from gateway.pipeline.decide import UNPLANNED, Rules
from gateway.pipeline.routing import RoutingFacts
from gateway.privacy import Scrubbed
from gateway.privacy.overlays import described, opened
from gateway.privacy.scrub.taken import Taken


class SchemaGoneError(GatewayError):
    """Nobody knows any more what the schema of an event would have removed."""


class Ready(NamedTuple):
    """An event as it may leave now."""

    event: StoredEvent
    account: Account | None
    """What may be reported of what was removed for that; None where nothing was."""


def is_current(event: StoredEvent, rules: Rules) -> bool:
    """Whether it was made clean by these very rules."""
    return event.header.revision == rules.revisions.mark


def today(event: StoredEvent, destination: str, rules: Rules) -> Ready:
    """The event as the destination may have it now, and what was removed for that.

    Raises what the policy raises: then nothing of the event may leave.
    """
    own = event
    if event.overlays:
        own = opened(event, destination, rules.policy.rules_of(destination))
    if is_current(own, rules):
        return Ready(own, None)
    schema = own.header.schema
    if schema != UNPLANNED and schema not in rules.catalogue.plans:
        raise SchemaGoneError("the schema of the event is gone")
    raw, scrubbed = _scrubbed(own, destination, rules)
    header = described(own.header, scrubbed.message, scrubbed.pseudonyms)
    revision = replace(header, revision=rules.revisions.mark)
    ready = StoredEvent(own.sequence, revision, serialised(scrubbed.message))
    if not scrubbed.changes:
        return Ready(ready, None)
    plan = rules.catalogue.plans.get(schema)
    budget = Budget(rules.budget)
    return Ready(ready, account_of(raw, scrubbed, plan, (), rules.policy, budget=budget))


def permitted(event: StoredEvent, destination: str, rules: Rules) -> CleanMessage:
    """What the policy in force leaves of a stored event. Raises what the policy raises."""
    return _scrubbed(event, destination, rules)[1].message


def rerouted(event: StoredEvent, destination: str, rules: Rules) -> Reason | None:
    """Why a dead letter may not go to `destination` today, or None when a route leads there.

    Raises what the policy raises: then nothing of the event may leave.
    """
    ready = today(event, destination, rules).event
    to, filtered = rules.routes.lead(_facts(ready.header), ready.message)
    return None if destination in to else filtered.get(destination, Reason.DESTINATION_AWAY)


def _scrubbed(event: StoredEvent, destination: str, rules: Rules) -> tuple[RawEvent, Scrubbed]:
    """By the schema that it was accepted under, and by the one that would be its own today."""
    header, pseudonyms = event.header, event.header.pseudonyms
    message = event.message
    changes: list[Change] = []
    taken = Taken()
    raw = _again(header, message)
    plan = rules.catalogue.match(raw)
    for schema in dict.fromkeys((header.schema, plan.name if plan else header.schema)):
        raw = _again(header, message)
        scrubbed = rules.policy.scrub(
            raw,
            schema,
            tokens=pseudonyms,
            budget=Budget(rules.budget),
            destination=destination,
        )
        message, pseudonyms = scrubbed.message, scrubbed.pseudonyms
        changes += scrubbed.changes
        taken.join(scrubbed.taken)
    return raw, Scrubbed(message, tuple(changes), pseudonyms, taken)


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
