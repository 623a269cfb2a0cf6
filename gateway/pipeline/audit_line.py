"""The account of every removed field tells the pointer, the rule and the size, never the value.

One JSON line an event that was changed, broke its schema or was refused, and one a piece of a body
that could not be read. The line is written in the transaction that makes the event durable.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from gateway.contract.violations import UNPLANNED_EVENT
from gateway.event import Change, CleanBytes, Decision, Header, Protocol, Reason
from gateway.timestamps import timestamp

_KEPT_NOWHERE = frozenset({Reason.TELEMETRY_OFF, Reason.OPTED_OUT})


def line(decision: Decision) -> CleanBytes | None:
    """The audit line of a decision, without its newline; None when there is nothing to account for.

    What a switch turned away is counted and leaves no line: nothing of it is kept. Nor does an
    event that is merely unplanned, where the configuration allows it.
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
        "protocol": decision.protocol,
        "type": decision.type,
        "event": decision.name,
        "schema": decision.schema,
        "class": decision.telemetry_class,
        "outcome": "rejected" if decision.event is None else "accepted",
    }
    if reason is not None:
        entry["reason"] = reason
    if decision.changes:
        entry["changes"] = [change.as_json() for change in decision.changes]
    if decision.violations:
        entry["violations"] = [violation.as_json() for violation in decision.violations]
    return CleanBytes(orjson.dumps(entry))


def again(header: Header, destination: str, changes: Iterable[Change]) -> CleanBytes:
    """The line of an accepted event from which a later policy removed more before it left."""
    return CleanBytes(
        orjson.dumps(
            {
                "time": timestamp(header.received_at),
                "messageId": header.message_id,
                "source": header.source,
                "protocol": header.protocol,
                "type": header.type,
                "event": header.name,
                "schema": header.schema,
                "class": header.telemetry_class,
                "outcome": "accepted",
                "again": True,
                "destination": destination,
                "changes": [change.as_json() for change in changes],
            }
        )
    )


def lost_piece(protocol: Protocol, source: str, kind: str | None, received_at: float) -> CleanBytes:
    """The line of a piece of a malformed body, of which nothing is known but where it came from."""
    return CleanBytes(
        orjson.dumps(
            {
                "time": timestamp(received_at),
                "messageId": "",
                "source": source,
                "protocol": protocol,
                "type": kind or "unknown",
                "event": None,
                "schema": None,
                "class": None,
                "outcome": "rejected",
                "reason": Reason.MALFORMED,
            }
        )
    )
