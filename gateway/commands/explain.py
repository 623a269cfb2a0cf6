"""`gateway explain` shows an event's fate and sends nothing: the server calls the same functions.

What it prints is clean, as everything behind the pipeline is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import orjson

from gateway.app import destinations_of, stored
from gateway.config import Configuration
from gateway.destinations import Destination, Request
from gateway.event import Decision, RawEvent
from gateway.ingest import Refusal
from gateway.pipeline import Rules, decide
from gateway.privacy import Pseudonymizer


def run(
    events: Sequence[RawEvent],
    refusals: Sequence[Refusal],
    configuration: Configuration,
    rules: Rules,
    pseudonymizer: Pseudonymizer,
    *,
    as_json: bool,
    out: TextIO,
) -> int:
    """Print what becomes of each event."""
    destinations = destinations_of(configuration)
    fates = [_refused(refusal) for refusal in refusals]
    for raw in events:
        decision = decide(raw, rules)
        fates.append(_fate(decision, destinations, pseudonymizer))
    if as_json:
        text = json.dumps(fates[0] if len(fates) == 1 else fates, ensure_ascii=False, indent=2)
    else:
        text = "\n\n".join("\n".join(_lines(fate)) for fate in fates)
    print(text, file=out)
    return 0


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {
        "outcome": "rejected",
        "reason": refusal.reason,
        "meaning": refusal.reason.meaning,
        "source": refusal.source,
        "type": refusal.type,
    }


def _fate(
    decision: Decision, destinations: Sequence[Destination], pseudonymizer: Pseudonymizer
) -> dict[str, Any]:
    fate: dict[str, Any] = {
        "outcome": "rejected" if decision.event is None else "accepted",
        "reason": decision.reason,
        "meaning": decision.reason.meaning if decision.reason else None,
        "messageId": decision.message_id,
        "source": decision.source,
        "protocol": decision.protocol,
        "type": decision.type,
        "event": decision.name,
        "schema": decision.schema,
        "class": decision.telemetry_class,
        "violations": [violation.as_json() for violation in decision.violations],
        "changes": [change.as_json() for change in decision.changes],
    }
    if decision.event is not None:
        record = stored(decision.event)
        fate["destinations"] = {
            destination.name: _at(destination, record.header.to, record.header.filtered)
            or _requests(destination, pseudonymizer.domain(destination.name).localise(record))
            for destination in destinations
        }
    return fate


def _at(destination: Destination, to: Sequence[str], filtered: Any) -> dict[str, Any] | None:
    if destination.name in to:
        return None
    reason = filtered[destination.name]
    return {"filtered": reason, "meaning": reason.meaning}


def _requests(destination: Destination, record: Any) -> dict[str, Any]:
    rendered = destination.render([record])
    if reason := rendered.filtered.get(record.sequence):
        return {"filtered": reason, "meaning": reason.meaning}
    return {"requests": [_request(request) for request in rendered.requests]}


def _request(request: Request) -> dict[str, Any]:
    try:
        body: Any = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        body = request.body.decode("utf-8", "replace")
    return {
        "method": request.method,
        "url": request.url,
        "headers": {
            name: "***" if name in request.secrets else value
            for name, value in request.headers.items()
        },
        "body": body,
    }


def _lines(fate: dict[str, Any]) -> Iterator[str]:
    what = f"{fate['type'] or 'an item'} {fate.get('event') or ''}".strip()
    yield f"{what}, from {fate['source']}: {fate['outcome']}"
    if fate["reason"]:
        yield f"  {fate['reason']}: {fate['meaning']}"
    if fate.get("schema"):
        yield f"  schema   {fate['schema']} ({fate['class']})"
    for violation in fate.get("violations", ()):
        yield f"  breaks   {violation['pointer'] or '/'}  {violation['message']}"
    for change in fate.get("changes", ()):
        size = f"{change['kind']}, length {change['length']}"
        yield f"  {change['action']:<12} {change['pointer']}  ({size})  rule {change['rule']}"
    for name, delivery in fate.get("destinations", {}).items():
        if "filtered" in delivery:
            yield f"  to {name}: not sent, {delivery['filtered']}: {delivery['meaning']}"
            continue
        for request in delivery["requests"]:
            yield f"  to {name}: {request['method']} {request['url']}"
            yield from (f"      {key}: {value}" for key, value in request["headers"].items())
            text = json.dumps(request["body"], ensure_ascii=False, indent=2)
            yield from (f"      {line}" for line in text.splitlines())
