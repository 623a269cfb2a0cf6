"""The account of every removed field tells the pointer, the rule and the size, never the value.

One JSON line an event that was changed, broke its schema or was refused, and one a piece of a body
that could not be read. The line is written in the transaction that makes the event durable. It is
short: what is usual or follows from the rest is left out. A change is `[action, pointer, rule,
kind, length, destinations]`, a violation `[code, pointer, …]`; `expanded` writes it all out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.contract.violations import (
    TYPES,
    UNKNOWN_VIOLATION,
    UNPLANNED_EVENT,
    brief,
    sentence,
)
from gateway.event import Change, CleanBytes, Decision, Header, Protocol, RawEvent, Reason
from gateway.pipeline.account import Account
from gateway.pipeline.decide import Rules
from gateway.privacy import Scrubbed
from gateway.protocols import PROTOCOLS
from gateway.revisions import Revisions
from gateway.timestamps import timestamp

_USUAL_CLASS = "optional"
_USUAL_KIND = "string"
_PROTOCOLS = {kind: name for name, spec in PROTOCOLS.items() for kind in spec.types}
"""No two protocols have a type of one name, so that the type tells the protocol."""
_KEPT_NOWHERE = frozenset({Reason.SUPPRESSED, Reason.TELEMETRY_OFF, Reason.OPTED_OUT})


def line(decision: Decision) -> CleanBytes | None:
    """The audit line of a decision, without its newline; None when there is nothing to account for.

    What a switch or a person turned away is counted and leaves no line: nothing of it is kept. Nor
    does an event that is merely unplanned, where the configuration allows it.
    """
    reason = decision.reason
    if reason in _KEPT_NOWHERE:
        return None
    broken = any(violation.type != UNPLANNED_EVENT for violation in decision.violations)
    if not (decision.changes or broken or reason):
        return None
    entry: dict[str, Any] = {
        "time": timestamp(decision.received_at),
        "messageId": decision.message_id,
        "source": decision.source,
        "type": decision.type,
    }
    if decision.type not in _PROTOCOLS:
        entry["protocol"] = decision.protocol
    if decision.name is not None:
        entry["event"] = decision.name
    if decision.schema is not None:
        entry["schema"] = decision.schema
    if decision.telemetry_class not in (None, _USUAL_CLASS):
        entry["class"] = decision.telemetry_class
    if reason is not None:
        entry["outcome"] = "rejected" if decision.event is None else "accepted"
        entry["reason"] = reason
    entry["rev"] = (decision.policy_revision, decision.schema_revision)
    if decision.library:
        entry["lib"] = decision.library
    if decision.app_version:
        entry["app"] = decision.app_version
    if decision.changes:
        entry["changes"] = [_change(change) for change in decision.changes]
    if decision.violations:
        entry["violations"] = [
            (one.code, one.pointer, *brief(one.code, one.arguments)) for one in decision.violations
        ]
    return CleanBytes(orjson.dumps(entry))


def _change(change: Change) -> tuple[str | int | tuple[str, ...], ...]:
    kind = () if change.kind == _USUAL_KIND else (change.kind,)
    entry = (change.action, change.pointer, change.rule, *kind, change.length)
    return (*entry, change.destinations) if change.destinations else entry


def again(header: Header, destination: str, account: Account, revisions: Revisions) -> CleanBytes:
    """The line of an accepted event from which a later policy removed more before it left."""
    entry: dict[str, Any] = {
        "time": timestamp(header.received_at),
        "messageId": account.message_id,
        "source": header.source,
        "type": header.type,
        "event": account.name,
        "schema": header.schema,
        "class": header.telemetry_class,
        "again": destination,
        "rev": (revisions.policy.number, revisions.schema.number),
        "changes": [_change(change) for change in account.changes],
    }
    if header.type not in _PROTOCOLS:
        entry["protocol"] = header.protocol
    if account.library:
        entry["lib"] = account.library
    if account.app_version:
        entry["app"] = account.app_version
    return CleanBytes(orjson.dumps(entry))


def lost_piece(
    protocol: Protocol, source: str, kind: str | None, received_at: float, revisions: Revisions
) -> CleanBytes:
    """The line of a piece of a malformed body, of which nothing is known but where it came from."""
    return CleanBytes(
        orjson.dumps(
            {
                "time": timestamp(received_at),
                "messageId": "",
                "source": source,
                "protocol": protocol,
                "type": kind or "unknown",
                "outcome": "rejected",
                "reason": Reason.MALFORMED,
                "rev": (revisions.policy.number, revisions.schema.number),
            }
        )
    )


def relayed(raw: RawEvent, what: str, scrubbed: Scrubbed, rules: Rules) -> CleanBytes:
    """The line of a request that passed to a service, and of what did not pass of it."""
    entry: dict[str, Any] = {
        "time": timestamp(raw.received_at),
        "messageId": "",
        "source": raw.source,
        "protocol": raw.protocol,
        "type": raw.type,
        "event": what,
        "rev": (rules.revisions.policy.number, rules.revisions.schema.number),
    }
    if scrubbed.changes:
        places = scrubbed.taken.hidden([change.pointer for change in scrubbed.changes])
        entry["changes"] = [
            _change(replace(change, pointer=place))
            for change, place in zip(scrubbed.changes, places, strict=True)
        ]
    return CleanBytes(orjson.dumps(entry))


def expanded(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line with all its fields and sentences, whichever version wrote it.

    Raises KeyError, TypeError or ValueError where it is none.
    """
    policy, schema = line.get("rev", (None, None))
    written = {
        "time": line["time"],
        "messageId": line.get("messageId", ""),
        "source": line.get("source", ""),
        "protocol": line.get("protocol") or _PROTOCOLS.get(line["type"]),
        "type": line["type"],
        "event": line.get("event"),
        "schema": line.get("schema"),
        "class": line.get("class", _USUAL_CLASS if line.get("schema") else None),
        "outcome": line.get("outcome", "accepted"),
        "reason": line.get("reason"),
        "policy_revision": policy,
        "schema_revision": schema,
        "library": line.get("lib"),
        "app_version": line.get("app"),
        "changes": [_read_change(one) for one in line.get("changes", ())],
        "violations": [_read_violation(one) for one in line.get("violations", ())],
    }
    return {**written, "again": line["again"]} if "again" in line else written


def _read_change(entry: Any) -> dict[str, Any]:
    if isinstance(entry, dict):  # version 0.1.0
        return entry
    destinations = entry[-1] if isinstance(entry[-1], list) else None
    action, pointer, rule, *kind, length = entry if destinations is None else entry[:-1]
    kind = kind[0] if kind else _USUAL_KIND
    change = {
        "pointer": pointer, "action": action, "rule": rule, "kind": kind, "length": length
    }  # fmt: skip
    return {**change, "destinations": destinations} if destinations else change


def _read_violation(entry: Any) -> dict[str, Any]:
    if isinstance(entry, dict):
        return entry
    code, pointer, *arguments = entry
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return {
        "type": TYPES.get(code, UNKNOWN_VIOLATION),
        "pointer": pointer,
        "message": sentence(code, steps, arguments),
    }
