"""One pure function decides what becomes of an event; the server, `explain` and the tests call it.

    match ─▶ consent ─▶ contract ─▶ privacy ─▶ routing

Whatever goes wrong inside, the event ends as `privacy_failed` and nothing of it is kept: a raw
value can leave this module only through the policy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.budget import CHARACTERS, Budget, OverBudgetError
from gateway.config.model import Schemas
from gateway.contract import UNPLANNED_BREACH, Breach, Catalogue, Examination, examine
from gateway.errors import fault
from gateway.event import (
    NO_TEXT,
    USER_AGENT,
    Change,
    CleanEvent,
    CleanMessage,
    Decision,
    Header,
    RawEvent,
    Reason,
    TelemetryClass,
    Violation,
)
from gateway.pipeline.fields import NOTHING_KNOWN, FieldRules, seen_in, take_out
from gateway.pipeline.routing import Routes, RoutingFacts
from gateway.pipeline.telemetry_switch import Switches, refusal
from gateway.privacy import CompiledPolicy, Omission, pointer
from gateway.protocols import PROTOCOLS
from gateway.revisions import UNNUMBERED, Revisions

UNPLANNED = "none"
"""The schema name of an event that no schema covers, not even its type's."""

_UNPLANNED_VIOLATION = Violation(
    UNPLANNED_BREACH.type, pointer(("event",)), UNPLANNED_BREACH.message
)


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything a decision depends on beside the event. Replaced as a whole on reload."""

    policy: CompiledPolicy
    catalogue: Catalogue
    schemas: Schemas
    routes: Routes
    switches: Switches
    budget: int = CHARACTERS  # of one event
    revisions: Revisions = UNNUMBERED
    fields: FieldRules = NOTHING_KNOWN


def decide(raw: RawEvent, rules: Rules) -> Decision:
    """What becomes of an event. Pure: no I/O, no clock. Afterwards `raw` holds no message."""
    try:
        return _decide(raw, rules)
    except OverBudgetError:
        return _rejected(raw, Reason.OVER_BUDGET)
    except Exception as error:  # noqa: BLE001 (whatever it is, the event must not travel)
        return replace(_rejected(raw, Reason.PRIVACY_FAILED), fault=fault(error))
    finally:
        raw.discard()


def _decide(raw: RawEvent, rules: Rules) -> Decision:
    plan = rules.catalogue.match(raw)
    telemetry_class: TelemetryClass = plan.telemetry_class if plan else "optional"
    schema = plan.name if plan else UNPLANNED
    if reason := refusal(raw, telemetry_class, rules.switches):
        return _rejected(raw, reason, schema, telemetry_class)

    budget = Budget(rules.budget)
    examination = examine(raw, plan, rules.schemas, budget)
    violations = tuple(_violation(b, rules.policy, budget) for b in examination.breaches)
    if examination.reason in (Reason.UNPLANNED_EVENT, Reason.SCHEMA_VIOLATION):
        blocked = _rejected(raw, examination.reason, schema, telemetry_class)
        return replace(
            blocked,
            name=rules.policy.text(raw.name) if raw.name else None,
            message_id=rules.policy.text(PROTOCOLS[raw.protocol].id_of(raw.message)),
            violations=violations,
        )

    if raw.user_agent:
        raw.message.setdefault(USER_AGENT, raw.user_agent)
    omissions = [Omission(path, "contract") for path in examination.omit]
    spare = rules.policy.spare(raw)
    scrubbed = rules.policy.scrub(raw, schema, omissions, budget=budget)
    message = scrubbed.message
    spec = PROTOCOLS[raw.protocol]
    name = None if raw.name is None else spec.name_of(message, raw.type)
    seen = seen_in(message, raw.protocol, raw.type, name, schema)
    changes = scrubbed.changes
    if taken := rules.fields.taken(seen, plan, raw.received_at):
        changes += take_out(message, taken)
    user = spec.user_of(message)
    facts = RoutingFacts(raw.source, raw.protocol, raw.type, name, schema, telemetry_class, user)
    to, filtered = _routes(examination, rules.routes, facts, message)
    if spare is not None:

        def hold(own: CleanMessage) -> None:
            fields = seen_in(own, raw.protocol, raw.type, name, schema)
            if held := rules.fields.taken(fields, plan, raw.received_at):
                take_out(own, held)

        scrubbed = rules.policy.shared(
            spare,
            replace(scrubbed, changes=changes),
            to,
            schema=schema,
            omissions=omissions,
            work=rules.budget,
            hold=hold,
        )
        changes = scrubbed.changes
        message = scrubbed.message
        name = None if raw.name is None else spec.name_of(message, raw.type)
        user = spec.user_of(message)
    header = Header(
        message_id=spec.id_of(message),
        source=raw.source,
        protocol=raw.protocol,
        type=raw.type,
        name=name,
        schema=schema,
        telemetry_class=telemetry_class,
        received_at=raw.received_at,
        user=user,
        pseudonyms=scrubbed.pseudonyms,
        to=to,
        filtered=filtered,
        hops=raw.hops,
        revision=rules.revisions.mark,
    )
    return Decision(
        source=raw.source,
        protocol=raw.protocol,
        type=raw.type,
        name=name,
        message_id=header.message_id,
        received_at=raw.received_at,
        event=CleanEvent(header, message, scrubbed.overlays),
        reason=examination.reason,
        schema=schema,
        telemetry_class=telemetry_class,
        changes=_unread(raw, rules.policy) + changes if raw.misfits else changes,
        violations=violations,
        fields=seen,
    )


def _routes(
    examination: Examination, routes: Routes, facts: RoutingFacts, message: CleanMessage
) -> tuple[tuple[str, ...], dict[str, Reason]]:
    if examination.reason is Reason.QUARANTINED:
        names = [destination.name for destination in routes.destinations]
        return (), dict.fromkeys(names, Reason.QUARANTINED)
    to, filtered = routes.lead(facts, message)
    return to, dict(filtered)


def _rejected(
    raw: RawEvent,
    reason: Reason,
    schema: str | None = None,
    telemetry_class: TelemetryClass | None = None,
) -> Decision:
    return Decision(
        source=raw.source,
        protocol=raw.protocol,
        type=raw.type,
        name=None,
        message_id=NO_TEXT,
        received_at=raw.received_at,
        event=None,
        reason=reason,
        schema=schema,
        telemetry_class=telemetry_class,
    )


def _unread(raw: RawEvent, policy: CompiledPolicy) -> tuple[Change, ...]:
    """What ingest could not read, for the audit."""
    return tuple(
        Change(policy.pointer(one.path), one.action, one.rule, one.kind, one.length)
        for one in raw.misfits
    )


def _violation(breach: Breach, policy: CompiledPolicy, budget: Budget) -> Violation:
    if breach is UNPLANNED_BREACH:
        return _UNPLANNED_VIOLATION
    place = policy.pointer(breach.path)
    budget.spend(len(place))
    return Violation(breach.type, place, breach.message)
