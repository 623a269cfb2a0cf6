"""What is relayed is made clean as an event is, and what was changed is in the audit.

A request that the policy leaves alone goes on byte for byte. JSON and forms are read, whatever they
call themselves; what claims to be one and cannot be read does not leave. What is neither (the file
of a template) passes unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import orjson

from gateway.errors import RequestError
from gateway.event import CleanBytes, RawEvent
from gateway.extensions.appsmith.relay_routes import RelayRoute, is_needed
from gateway.pipeline.audit_line import relayed
from gateway.pipeline.decide import Rules

TYPE = "relay"
FORM = "application/x-www-form-urlencoded"


class Clean(NamedTuple):
    """What is left of a request, and the line of the audit about it."""

    query: str
    body: bytes | None
    line: CleanBytes


def made_clean(
    query: str,
    body: bytes | None,
    kind: str,
    route: RelayRoute,
    *,
    facts: RawEvent,
    rules: Rules,
) -> Clean:
    """What may leave. Raises RequestError and OverBudgetError, or what nobody foresaw.

    `kind`: the content type. `facts`: source and time; its message is filled in here.
    """
    asked = _read(query, body, kind)
    kept: dict[str, dict[str, Any]] = {}
    for part, value in asked.items():
        if isinstance(value, dict):
            kept[part] = {name: one for name, one in value.items() if is_needed(route, name, one)}
            for name in kept[part]:
                del value[name]
    facts.message = {**asked}
    scrubbed = rules.policy.scrub(facts)
    line = relayed(facts, route.pattern, scrubbed, rules)
    if not scrubbed.changes:
        return Clean(query, body, line)
    clean: dict[str, Any] = {**scrubbed.message}
    for part, members in kept.items():
        clean[part] = {**members, **clean.get(part, {})}
    if "query" in asked:
        query = urlencode(clean["query"], doseq=True)
    if "body" in asked and body is not None:
        body = _written(clean.get("body"), kind)
    return Clean(query, body, line)


def _read(query: str, body: bytes | None, kind: str) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if query:
        asked["query"] = _form(query)
    if body:
        if kind == FORM:
            asked["body"] = _form(body.decode("utf-8", "replace"))
        elif (value := _json(body, kind)) is not None:
            asked["body"] = value
    return asked


def _json(body: bytes, kind: str) -> Any:
    """None where it is none and does not claim to be."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        if "json" in kind or body.lstrip()[:1] in (b"{", b"["):
            raise RequestError("invalid_json", "the body cannot be read") from None
        return None
    return value if isinstance(value, dict | list | str) else None


def _form(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        raise RequestError("invalid_form", "the form has too many fields") from None
    for name, value in pairs:
        if name in fields:
            before = fields[name]
            fields[name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            fields[name] = value
    return fields


def _written(value: Any, kind: str) -> bytes:
    if kind == FORM:
        fields: Mapping[str, Any] = value if isinstance(value, dict) else {}
        return urlencode(fields, doseq=True).encode()
    return orjson.dumps({} if value is None else value)
