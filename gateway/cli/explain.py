"""`gateway explain` shows an event's fate and sends nothing: the server calls the same functions.

What it prints is clean, as everything behind the pipeline is.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path as FilePath
from typing import Any, TextIO

from gateway.cli.output import json_option, write_json
from gateway.config import Configuration, load
from gateway.config.model import GatewaySettings
from gateway.config.sentences import did_you_mean
from gateway.consumers import destinations_of
from gateway.delivery.policy_in_force import today
from gateway.destinations import BodyFormat, Destination, DestinationType, Request, finished
from gateway.destinations.bodies import UnreadableError, decoded
from gateway.destinations.registry import type_of
from gateway.errors import GatewayError, RequestError
from gateway.event import CleanEvent, Decision, Reason, StoredEvent
from gateway.extensions import registry
from gateway.fields import store
from gateway.ingest import Intake, Refusal, Sources
from gateway.ingest.client_info import Sender
from gateway.ingest.json_decode import decode
from gateway.ingest.protocol import Sample
from gateway.ingest.registry import INGESTS
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.rules import compile_rules, pseudonymizer_for_a_look
from gateway.privacy import Pseudonymizer
from gateway.telemetry import switch_history

_HIDDEN = "***"


class ExplainError(GatewayError):
    """What was given cannot be explained."""


EXAMPLE = "gateway explain event.json --source demo"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=FilePath,
        help="a message or batch of Segment's or Mixpanel's, or what an extension takes;"
        " standard input if none",
    )
    parser.add_argument("--source", metavar="NAME", help="the source it comes from")
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises ConfigurationError or ExplainError."""
    is_piped = given.file is None or str(given.file) == "-"
    try:
        body = sys.stdin.buffer.read() if is_piped else given.file.read_bytes()
    except OSError as error:
        raise ExplainError(f"{given.file}: {error.strerror}") from None
    return explain(
        body, given.config, environment, source=given.source, as_json=given.json, out=out
    )


def explain(
    body: bytes,
    file: FilePath,
    environment: Mapping[str, str],
    *,
    source: str | None,
    as_json: bool,
    out: TextIO,
) -> int:
    """Print what becomes of each event in `body`. Raises ConfigurationError or ExplainError."""
    configuration = load(file, environment)
    pseudonymizer = pseudonymizer_for_a_look(configuration)
    orders = switch_history.read(configuration.gateway.data_dir).orders
    rules = compile_rules(configuration, environment, pseudonymizer, orders)
    table = store.read(configuration.gateway.data_dir, time.time())
    rules = replace(rules, fields=store.knowing(table, rules.fields))
    intake = read_sample(body, configuration, source)
    settings = configuration.routing.destinations
    destinations = [
        (destination, type_of(settings[destination.name]))
        for destination in destinations_of(configuration, pseudonymizer.mark)
    ]
    fates = [_refused(refusal) for refusal in intake.refusals]
    fates += [
        _fate(decide(raw, rules), destinations, pseudonymizer, rules) for raw in intake.events
    ]
    if as_json:
        write_json(fates[0] if len(fates) == 1 else fates, out)
    else:
        print("\n\n".join("\n".join(_lines(fate)) for fate in fates), file=out)
    return 0


def read_sample(
    body: bytes,
    configuration: Configuration,
    name: str | None,
    sender: Sender | None = None,
    received_at: float | None = None,
) -> Intake:
    """The events, read as if the source had sent them. Raises ExplainError."""
    gateway = configuration.gateway
    known = {source.name: source for source in gateway.sources}
    if name is not None and name not in known:
        raise ExplainError(f"`{name}` is not a source{did_you_mean(name, known)}")
    given = known.get(name or "", next(iter(known.values()), None))
    key = f"{given.write_keys[0]}:" if given else ""
    authorization = f"Basic {base64.b64encode(key.encode()).decode()}"
    sources = Sources(gateway.sources, accept_unknown=gateway.unknown_keys == "accept")
    try:
        value = decode(body)
        sample = Sample(
            body, value, authorization, sources, gateway.limits, sender or Sender(),
            time.time() if received_at is None else received_at,
        )  # fmt: skip
        readings = (protocol.read_sample(sample) for protocol in INGESTS)
        found = chain(_of_extensions(sample, gateway), readings)
        # The last protocol of all reads whatever the others do not know.
        return next(intake for intake in found if intake is not None)
    except RequestError as error:
        raise ExplainError(f"the event cannot be read: {error.message}") from None


def _of_extensions(sample: Sample, gateway: GatewaySettings) -> Iterator[Intake | None]:
    for hooks in registry.hooks():
        yield hooks.explain(sample.body, sample.value, gateway)


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {
        "outcome": "rejected",
        "reason": refusal.reason,
        "meaning": refusal.reason.meaning,
        "source": refusal.source,
        "type": refusal.type,
    }


def _fate(
    decision: Decision,
    destinations: Sequence[tuple[Destination, DestinationType[Any]]],
    pseudonymizer: Pseudonymizer,
    rules: Rules,
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
        record = _stored(decision.event)
        fate["destinations"] = {
            destination.name: delivery(destination, kind, record, pseudonymizer, rules)
            for destination, kind in destinations
        }
    return fate


def _stored(event: CleanEvent) -> StoredEvent:
    """The event as a destination would read it from the journal."""
    return event.stored(0)


def delivery(
    destination: Destination,
    kind: DestinationType[Any],
    record: StoredEvent,
    pseudonymizer: Pseudonymizer,
    rules: Rules,
) -> dict[str, Any]:
    """The requests that a destination would get of one event, or the reason why none."""
    if reason := record.header.filtered.get(destination.name):
        return _filtered(reason)
    own = today(record, destination.name, rules).event
    localised = pseudonymizer.domain(destination.name).localise(own)
    rendered = destination.render([localised])
    if reason := rendered.filtered.get(record.sequence):
        return _filtered(reason)
    requests = [_request(finished(request), kind) for request in rendered.requests]
    delivery: dict[str, Any] = {"requests": requests}
    if left_out := rendered.left_out.get(record.sequence):
        delivery["left_out"] = {part: _filtered(reason) for part, reason in left_out.items()}
    return delivery


def _filtered(reason: Reason) -> dict[str, Any]:
    return {"filtered": reason, "meaning": reason.meaning}


def _request(request: Request, kind: DestinationType[Any]) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": {
            name: _HIDDEN if name in request.secrets else value
            for name, value in request.headers.items()
        },
        "body": _without_keys(_body(request, kind), kind.secrets),
    }


def _body(request: Request, kind: DestinationType[Any]) -> Any:
    """What the vendor will read; of a form, what its `data` holds."""
    try:
        found = decoded(request, kind.body or BodyFormat.JSON_LINES)
    except UnreadableError as error:
        return f"not shown, and not sent: {error}"
    if kind.body in (BodyFormat.FORM_JSON, BodyFormat.FORM_BASE64):
        return next(field["data"] for field in found if "data" in field)
    return found[0] if kind.body is not BodyFormat.JSON and len(found) == 1 else found


def _without_keys(value: Any, keys: frozenset[str]) -> Any:
    """Credentials of vendors do not belong on a screen."""
    if isinstance(value, dict):
        return {
            key: _HIDDEN if key in keys else _without_keys(member, keys)
            for key, member in value.items()
        }
    return [_without_keys(item, keys) for item in value] if isinstance(value, list) else value


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
        of = f", for {', '.join(names)}" if (names := change.get("destinations")) else ""
        yield f"  {change['action']:<12} {change['pointer']}  ({size})  rule {change['rule']}{of}"
    for name, delivery in fate.get("destinations", {}).items():
        if "filtered" in delivery:
            yield f"  to {name}: not sent, {delivery['filtered']}: {delivery['meaning']}"
            continue
        for request in delivery["requests"]:
            yield f"  to {name}: {request['method']} {request['url']}"
            yield from (f"      {key}: {value}" for key, value in request["headers"].items())
            text = json.dumps(request["body"], ensure_ascii=False, indent=2)
            yield from (f"      {line}" for line in text.splitlines())
        for part, why in delivery.get("left_out", {}).items():
            yield f"  to {name}: {part} is not sent, {why['filtered']}: {why['meaning']}"
