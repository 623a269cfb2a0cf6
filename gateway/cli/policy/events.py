"""The events that two policies are compared over: raw ones of a file, or clean ones kept here.

What is clean holds no more of what was taken out, and says so by its pseudonyms: they stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from pathlib import Path as FilePath
from typing import Any

import orjson

from gateway.budget import Budget
from gateway.cli.explain import ExplainError, read_sample
from gateway.cli.policy.compare import Scrubbing
from gateway.config import Configuration
from gateway.encryption import Keyring
from gateway.errors import GatewayError, RequestError
from gateway.event import CleanText, Decision, RawEvent
from gateway.ingest.json_decode import decode
from gateway.journal.sqlite.snapshot import looking
from gateway.jsonl.names import day_of
from gateway.pipeline.decide import Rules, decide
from gateway.timestamps import read_time

_TOKEN = {
    "hex": re.compile(r"[0-9a-f]{64}"),
    "uuid": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
}

Judged = tuple[str, Scrubbing, Scrubbing]
"""The name of an event, and what the two policies make of it."""


def raw(
    file: FilePath, configuration: Configuration, source: str | None, old: Rules, new: Rules
) -> Iterator[Judged | None]:
    """The events of a file as SDKs send them, one JSON value or one a line; None: not readable."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise GatewayError(f"{file}: {error.strerror}") from None
    for piece in _pieces(body):
        try:
            intake = read_sample(piece, configuration, source)
        except ExplainError:
            yield None
            continue
        for refusal in intake.refusals:
            yield from [None] * refusal.count
        for event in intake.events:
            yield _decided(event, old, new)


def _pieces(body: bytes) -> list[bytes]:
    try:
        decode(body)
    except RequestError:
        return [line for line in body.splitlines() if line.strip()]
    return [body]


def _decided(event: RawEvent, old: Rules, new: Rules) -> Judged:
    twin = replace(event, message=deepcopy(event.message))
    name = old.policy.text(event.name or event.type)
    before, after = decide(event, old), decide(twin, new)
    return name, _of(before), _of(after)


def _of(decision: Decision) -> Scrubbing:
    event = decision.event
    if event is None:
        return Scrubbing(None, decision.changes)
    return Scrubbing(event.message, decision.changes, event.header.to)


def archived(
    folder: FilePath,
    old: Rules,
    new: Rules,
    *,
    form: str,
    since: datetime | None,
    until: datetime | None,
) -> Iterator[Judged | None]:
    """The clean events of a folder of files that were received in a range."""
    earliest = since.timestamp() * 1000 if since else None
    latest = until.timestamp() * 1000 if until else None
    for file in sorted(folder.glob("*.jsonl")):
        day = day_of(file.name)
        if day is None or (since and day < since.strftime("%Y-%m-%d")):
            continue
        with file.open("rb") as lines:
            for line in lines:
                message = _message(line)
                if message is None:
                    yield None
                    continue
                at = read_time(message.get("receivedAt")) or read_time(message.get("timestamp"))
                if at is not None and (
                    (earliest is not None and at < earliest)
                    or (latest is not None and at >= latest)
                ):
                    continue
                yield _of_file(message, old, new, _TOKEN[form])


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("type"), str) else None


def _of_file(message: dict[str, Any], old: Rules, new: Rules, token: re.Pattern[str]) -> Judged:
    kind = message["type"]
    name = message.get("event" if kind == "track" else "name")
    event = RawEvent("", "segment", kind, name if isinstance(name, str) else None, message, 0.0)
    plan = old.catalogue.match(event)
    tokens = [CleanText(text) for text in _texts(message) if token.fullmatch(text)]
    return _scrubbed(event, plan.name if plan else "none", tokens, old, new)


def waiting(
    configuration: Configuration, ring: Keyring | None, old: Rules, new: Rules
) -> Iterator[Judged | None]:
    """The clean events that the journal holds for destinations. Raises GatewayError."""
    try:
        with looking(configuration.gateway.data_dir / "journal", ring) as look:
            view = look.view()
            names = [name for name in configuration.routing.destinations if name in view.cursors]
            position = min((view.cursors[name].position for name in names), default=None)
            for block in look.events(position) if position is not None else ():
                for stored in block.readable:
                    if stored.sequence <= (position or 0):
                        continue
                    header = stored.header
                    event = RawEvent(
                        header.source, header.protocol, header.type, header.name,
                        orjson.loads(stored.body), header.received_at,
                    )  # fmt: skip
                    yield _scrubbed(event, header.schema, list(header.pseudonyms), old, new)
    except FileNotFoundError:
        raise GatewayError(
            f"there is no journal in {configuration.gateway.data_dir}; has a gateway run here?"
        ) from None


def _scrubbed(
    event: RawEvent, schema: str, tokens: list[CleanText], old: Rules, new: Rules
) -> Judged:
    twin = replace(event, message=deepcopy(event.message))
    name = old.policy.text(event.name or event.type)
    before, after = (
        rules.policy.scrub(one, schema, tokens=tokens, budget=Budget(rules.budget))
        for rules, one in ((old, event), (new, twin))
    )
    return name, Scrubbing(before.message, before.changes), Scrubbing(after.message, after.changes)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
