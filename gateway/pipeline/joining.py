"""Beside an accepted event goes an alias, where its person had another pseudonym before a rotation.

It holds the two pseudonyms and nothing of the event. It goes where the routes lead an alias of this
source, if neither the person's consent nor a rule of the policy keeps the event's ids from there.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.event import CleanEvent, CleanText, Decision, Header, RawEvent, Reason
from gateway.pipeline.decide import UNPLANNED, Rules
from gateway.pipeline.routing import RoutingFacts
from gateway.privacy import joins
from gateway.timestamps import timestamp

_DAY = 86400
_BEFORE, _NOW = "the-account-before", "the-account-now"
"""Stand-ins, to ask the policy what it does to the ids of an alias."""


def joined(decision: Decision, rules: Rules) -> Decision | None:
    """The alias beside an accepted event, or None where the policy keeps none whole. Pure.

    Raises what the policy raises.
    """
    event, join = decision.event, decision.join
    if event is None or join is None or decision.telemetry_class is None:
        return None
    source, received_at = decision.source, decision.received_at
    plan = rules.catalogue.match(_stand_in(source, received_at))
    schema = plan.name if plan else UNPLANNED
    usual = _ids_left(rules, schema, source, received_at)
    if usual is None:
        return None
    user = join[1]
    facts = RoutingFacts(source, "segment", "alias", None, schema, decision.telemetry_class, user)
    to, filtered = rules.routes.lead(facts, event.message)
    barred = [
        name
        for name in to
        if rules.policy.rules_of(name)
        and _ids_left(rules, schema, source, received_at, name) != usual
    ]
    header = Header(
        message_id=joins.id_of(join),
        source=source,
        protocol="segment",
        type="alias",
        name=None,
        schema=schema,
        telemetry_class=decision.telemetry_class,
        received_at=received_at,
        user=user,
        pseudonyms=tuple(sorted(join)),
        to=tuple(name for name in to if name not in barred),
        filtered={**filtered, **dict.fromkeys(barred, Reason.INCOMPLETE)},
        revision=rules.revisions.mark,
    )
    message = joins.alias(join, timestamp(received_at // _DAY * _DAY))
    return replace(
        decision,
        protocol="segment",
        type="alias",
        name=None,
        message_id=header.message_id,
        event=CleanEvent(header, message),
        reason=None,
        schema=schema,
        changes=(),
        violations=(),
        fields=None,
        join=None,
    )


def id_of(decision: Decision) -> CleanText | None:
    """The id of the alias beside a decision; None: it has none."""
    return joins.id_of(decision.join) if decision.join else None


def _ids_left(
    rules: Rules, schema: str, source: str, received_at: float, destination: str | None = None
) -> tuple[bool, bool] | None:
    """Whether each id of an alias becomes a pseudonym; None where one of them is taken out."""
    raw = _stand_in(source, received_at)
    scrubbed = rules.policy.scrub(raw, schema, destination=destination)
    ids = scrubbed.message.get("previousId"), scrubbed.message.get("userId")
    changed = ids[0] != _BEFORE, ids[1] != _NOW
    whole = all(
        one in scrubbed.pseudonyms or not is_changed
        for one, is_changed in zip(ids, changed, strict=True)
    )
    return changed if whole else None


def _stand_in(source: str, received_at: float) -> RawEvent:
    message = {"type": "alias", "previousId": _BEFORE, "userId": _NOW}
    return RawEvent(source, "segment", "alias", None, {**message}, received_at)
