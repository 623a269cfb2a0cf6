"""What is reported of an event: to the audit, on pages and in logs, and nothing that a rule took.

An account is made when the event is clean. The place that a rule is about is shown; keys inside of
something that it dropped are not, unless they are the schema's own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from gateway.budget import Budget
from gateway.contract import UNPLANNED_BREACH, Breach
from gateway.contract.plan import EventPlan
from gateway.contract.violations import REQUIRED_MISSING
from gateway.event import NO_TEXT, Change, CleanText, JsonPath, RawEvent, Violation
from gateway.privacy import HIDDEN, CompiledPolicy, Scrubbed, pointer, short_text
from gateway.protocols import PROTOCOLS

_UNPLANNED = Violation(
    UNPLANNED_BREACH.type, pointer(("event",)), UNPLANNED_BREACH.message, UNPLANNED_BREACH.code
)


class Account(NamedTuple):
    """Texts about an event, all fit for logs."""

    name: CleanText | None
    message_id: CleanText
    library: CleanText
    app_version: CleanText
    changes: tuple[Change, ...]
    violations: tuple[Violation, ...]


def account_of(
    raw: RawEvent,
    scrubbed: Scrubbed,
    plan: EventPlan | None,
    breaches: Sequence[Breach],
    policy: CompiledPolicy,
    *,
    budget: Budget,
) -> Account:
    """Of an event whose message is clean now."""
    message = scrubbed.message
    spec = PROTOCOLS[raw.protocol]
    name = None if raw.name is None else spec.name_of(message, raw.type)
    changes = _unread(raw, policy) + scrubbed.changes if raw.misfits else scrubbed.changes
    violations: tuple[Violation, ...] = ()
    if breaches:
        violations = tuple(
            _UNPLANNED
            if one is UNPLANNED_BREACH
            else _violation(one, policy.pointer(_told(one, scrubbed, plan)), budget)
            for one in breaches
        )
    message_id = spec.id_of(message)
    library, version = NO_TEXT, NO_TEXT
    if changes or violations:
        library = short_text(spec.library_of(message))
        version = short_text(spec.app_version_of(message))
    account = Account(name, message_id, library, version, changes, violations)
    return _without_what_was_taken(account, scrubbed, plan) if scrubbed.taken else account


def _without_what_was_taken(
    account: Account, scrubbed: Scrubbed, plan: EventPlan | None
) -> Account:
    name, changes, violations = account.name, account.changes, account.violations
    is_known = name is None or (plan is not None and name in plan.match.names)
    texts = [
        account.message_id,
        account.library,
        account.app_version,
        NO_TEXT if is_known or name is None else name,
        *[change.pointer for change in changes],
        *[violation.pointer for violation in violations],
    ]
    hidden = scrubbed.taken.hidden(texts)
    if hidden is texts or hidden == texts:
        return account
    message_id, library, version, new, *pointers = hidden
    return Account(
        name=name if is_known else new,
        message_id=message_id,
        library=library,
        app_version=version,
        changes=tuple(
            replace(change, pointer=place) for change, place in zip(changes, pointers, strict=False)
        ),
        violations=tuple(
            replace(violation, pointer=place)
            for violation, place in zip(violations, pointers[len(changes) :], strict=True)
        ),
    )


def _unread(raw: RawEvent, policy: CompiledPolicy) -> tuple[Change, ...]:
    """What ingest could not read."""
    return tuple(
        Change(policy.pointer(one.path), one.action, one.rule, one.kind, one.length)
        for one in raw.misfits
    )


def _violation(breach: Breach, place: CleanText, budget: Budget) -> Violation:
    budget.spend(len(place))
    return Violation(breach.type, place, breach.message, breach.code, breach.arguments)


def _told(breach: Breach, scrubbed: Scrubbed, plan: EventPlan | None) -> JsonPath:
    """The path, with `*` for keys inside of what a rule dropped that are not the schema's words."""
    path = breach.path
    shown = scrubbed.taken.shown(path)
    if shown == len(path):
        return path
    names = plan.names if plan else frozenset()
    rest = [step if isinstance(step, int) or step in names else HIDDEN for step in path[shown:]]
    if breach.type == REQUIRED_MISSING:
        rest[-1] = path[-1]  # the schema's own word
    return (*path[:shown], *rest)
