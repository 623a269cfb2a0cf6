"""One pure function decides what becomes of an event; the server, `explain` and the tests call it.

    match ─▶ consent ─▶ contract ─▶ privacy ─▶ routing

Whatever goes wrong inside, the event ends as `privacy_failed` and nothing of it is kept: a raw
value can leave this module only through the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gateway.budget import CHARACTERS, Budget, OverBudgetError
from gateway.config.model import Schemas
from gateway.contract import Catalogue, Examination, examine
from gateway.contract.plan import EventPlan
from gateway.errors import fault
from gateway.event import (
    NO_TEXT,
    USER_AGENT,
    CleanEvent,
    CleanMessage,
    Decision,
    EventPlace,
    Header,
    RawEvent,
    Reason,
    TelemetryClass,
)
from gateway.pipeline.account import account_of
from gateway.pipeline.fields import NOTHING_KNOWN, FieldRules, seen_in, take_out
from gateway.pipeline.routing import Routes, RoutingFacts
from gateway.pipeline.telemetry_switch import Switches, refusal
from gateway.privacy import CompiledPolicy, Omission, Suppressed
from gateway.protocols import PROTOCOLS
from gateway.revisions import UNNUMBERED, Revisions

UNPLANNED = "none"
"""The schema name of an event that no schema covers, not even its type's."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything a decision depends on beside the event. Replaced as a whole on reload."""

    policy: CompiledPolicy
    catalogue: Catalogue
    schemas: Schemas
    routes: Routes
    switches: Switches
    suppressed: Suppressed | None = None
    budget: int = CHARACTERS  # of one event
    revisions: Revisions = UNNUMBERED
    fields: FieldRules = NOTHING_KNOWN
    built_in: Mapping[EventPlace, TelemetryClass] = field(default_factory=dict)
    """Classes of events that hold whatever the schemas say."""


def decide(raw: RawEvent, rules: Rules) -> Decision:
    """What becomes of an event. Pure: no I/O, no clock. Afterwards `raw` holds no message."""
    try:
        return _decide(raw, rules)
    except OverBudgetError:
        return _rejected(raw, rules, Reason.OVER_BUDGET)
    except Exception as error:  # noqa: BLE001 (whatever it is, the event must not travel)
        return replace(_rejected(raw, rules, Reason.PRIVACY_FAILED), fault=fault(error))
    finally:
        raw.discard()


def _decide(raw: RawEvent, rules: Rules) -> Decision:
    plan = rules.catalogue.match(raw)
    telemetry_class, is_known = _class_of(raw, rules, plan)
    schema = plan.name if plan else UNPLANNED
    if rules.suppressed and rules.suppressed.digests and rules.suppressed.has(raw.message):
        return _rejected(raw, rules, Reason.SUPPRESSED, schema, telemetry_class)
    if reason := refusal(raw, telemetry_class, rules.switches):
        return _rejected(raw, rules, reason, schema, telemetry_class)

    rules.policy.placeholders.leave_out(raw)
    budget = Budget(rules.budget)
    examination = examine(raw, plan, rules.schemas, budget, is_known=is_known)
    if examination.reason in (Reason.UNPLANNED_EVENT, Reason.SCHEMA_VIOLATION):
        return _blocked(raw, rules, plan, examination, budget)

    if raw.user_agent:
        raw.message.setdefault(USER_AGENT, raw.user_agent)
    omissions = [Omission(path, "contract") for path in examination.omit]
    spare = rules.policy.spare(raw)
    scrubbed = rules.policy.scrub(raw, schema, omissions, budget=budget)
    message = scrubbed.message
    spec = PROTOCOLS[raw.protocol]
    name = None if raw.name is None else spec.name_of(message, raw.type)
    seen = seen_in(message, raw.protocol, raw.type, name, schema)
    if taken := rules.fields.taken(seen, plan, raw.received_at):
        scrubbed = replace(scrubbed, changes=scrubbed.changes + take_out(message, taken))
    user = spec.user_of(message)
    join = None if examination.reason else scrubbed.join
    facts = RoutingFacts(raw.source, raw.protocol, raw.type, name, schema, telemetry_class, user)
    to, filtered = _routes(examination, rules.routes, facts, message)
    if spare is not None:

        def hold(own: CleanMessage) -> None:
            fields = seen_in(own, raw.protocol, raw.type, name, schema)
            if held := rules.fields.taken(fields, plan, raw.received_at):
                take_out(own, held)

        scrubbed = rules.policy.shared(
            spare,
            scrubbed,
            to,
            schema=schema,
            omissions=omissions,
            work=rules.budget,
            hold=hold,
        )
        message = scrubbed.message
        name = None if raw.name is None else spec.name_of(message, raw.type)
        user = spec.user_of(message)
    account = account_of(raw, scrubbed, plan, examination.breaches, rules.policy, budget=budget)
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
        name=account.name,
        message_id=account.message_id,
        received_at=raw.received_at,
        event=CleanEvent(header, message, scrubbed.overlays),
        reason=examination.reason,
        schema=schema,
        telemetry_class=telemetry_class,
        changes=account.changes,
        violations=account.violations,
        policy_revision=rules.revisions.policy.number,
        schema_revision=rules.revisions.schema.number,
        library=account.library,
        app_version=account.app_version,
        fields=seen,
        join=join,
    )


def _routes(
    examination: Examination, routes: Routes, facts: RoutingFacts, message: CleanMessage
) -> tuple[tuple[str, ...], dict[str, Reason]]:
    if examination.reason is Reason.QUARANTINED:
        names = [destination.name for destination in routes.destinations]
        return (), dict.fromkeys(names, Reason.QUARANTINED)
    to, filtered = routes.lead(facts, message)
    return to, dict(filtered)


def _class_of(raw: RawEvent, rules: Rules, plan: EventPlan | None) -> tuple[TelemetryClass, bool]:
    """Its class, and whether that is built in: then no schema need know the event."""
    if rules.built_in and (own := rules.built_in.get((raw.protocol, raw.type, raw.name))):
        return own, True
    return (plan.telemetry_class if plan else "optional"), False


def _blocked(
    raw: RawEvent, rules: Rules, plan: EventPlan | None, examination: Examination, budget: Budget
) -> Decision:
    """Breaks its contract; what is reported of it is as clean as if it had left."""
    assert examination.reason is not None  # noqa: S101 (it is the reason to block)
    schema = plan.name if plan else UNPLANNED
    telemetry_class, _ = _class_of(raw, rules, plan)
    blocked = _rejected(raw, rules, examination.reason, schema, telemetry_class)
    scrubbed = rules.policy.scrub(raw, schema, budget=budget)
    account = account_of(raw, scrubbed, plan, examination.breaches, rules.policy, budget=budget)
    return replace(
        blocked,
        name=account.name,
        message_id=account.message_id,
        violations=account.violations,
        library=account.library,
        app_version=account.app_version,
    )


def _rejected(
    raw: RawEvent,
    rules: Rules,
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
        policy_revision=rules.revisions.policy.number,
        schema_revision=rules.revisions.schema.number,
    )
