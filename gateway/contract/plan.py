"""A plan is one schema file, compiled: nothing of it is looked up again when an event comes.

`Match` says which events it is for, `Shape` which members they may hold, and the engine whether
they are right. The engine takes time linear in the event whatever the patterns: it has no
look-around and no backreferences.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from gateway.contract.library import Library, Node, is_draft_07
from gateway.contract.shape import Shape, names, shapes, watched
from gateway.event import JsonPath, Message, Protocol, RawEvent, TelemetryClass
from gateway.protocols import PROTOCOLS

_COSTLY = frozenset({"propertyNames", "anyOf", "oneOf"})
"""Keywords whose errors hold the object around a name, or an error of each branch."""


@dataclass(frozen=True, slots=True)
class EventMatch:
    """Which events a schema is for."""

    protocol: Protocol
    types: tuple[str, ...]
    names: tuple[str, ...] = ()  # exact
    globs: tuple[str, ...] = ()
    pattern: str | None = None
    has: tuple[JsonPath, ...] = ()  # what the event must hold, whatever the value

    @property
    def is_open(self) -> bool:
        """Whether it takes a whole message type of a protocol for events of any name."""
        return not (self.names or self.globs or self.pattern or self.has)

    def holds(self, message: Message) -> bool:
        return all(_present(message, path) for path in self.has)


def _present(message: Any, path: JsonPath) -> bool:
    for step in path:
        if not isinstance(message, dict) or (message := message.get(step)) is None:
            return False
    return True


def describes(plan: EventPlan, path: JsonPath) -> bool:
    """Whether the schema names this member of its events, or something around it."""
    return any(
        path[: len(ground)] == ground and names(shape, path[len(ground) :])
        for ground, shape in plan.listed
    )


@dataclass(frozen=True, slots=True)
class EventPlan:
    """One schema of the catalogue, compiled."""

    name: str  # path below the folder, without `.schema.json`
    file: str
    title: str
    telemetry_class: TelemetryClass
    planned: bool  # False for the open contract of a whole message type
    match: EventMatch
    version: int
    engine: jsonschema_rs.Validator = field(repr=False)
    shapes: tuple[tuple[JsonPath, Shape], ...] = field(repr=False)
    """Of each ground in which something can be unplanned."""
    listed: tuple[tuple[JsonPath, Shape], ...] = field(repr=False)
    """The same of each ground, with all that is listed."""
    names: frozenset[str] = field(repr=False)
    """Every member the schema names: these may stand in a message, no other key may."""
    asserts_formats: bool
    """Whether `format` is a rule, or only describes."""
    has_costly_errors: bool
    """Whether an error of the engine may cost much more than the value it is about."""


def compile_plan(
    node: Node, library: Library, registry: jsonschema_rs.Registry, *, format_assertion: bool
) -> EventPlan:
    """Compile a reviewed schema. Raises jsonschema_rs.ValidationError if the engine cannot.

    `format_assertion`: whether `format` is a rule where the schema itself does not say.
    """
    telemetry = node.schema["x-telemetry"]
    asserts_formats = telemetry.get("format_assertion", format_assertion)
    match = _match_of(telemetry["match"])
    listed = shapes(node, match.protocol, library)
    return EventPlan(
        name=node.name,
        file=library.documents[node.name].file,
        title=node.schema.get("title") or next(iter(match.names), node.name),
        telemetry_class=telemetry["class"],
        planned=not match.is_open or not PROTOCOLS[match.protocol].named_types,
        match=match,
        version=telemetry.get("version", 1),
        engine=_engine(node, library, registry, asserts_formats=asserts_formats),
        asserts_formats=asserts_formats,
        shapes=tuple((ground, least) for ground, shape in listed if (least := watched(shape))),
        listed=listed,
        names=_member_names(node, library),
        has_costly_errors=any(not _COSTLY.isdisjoint(n.schema) for n in library.walk(node)),
    )


def _match_of(given: Mapping[str, Any]) -> EventMatch:
    """The `match` of a reviewed file."""
    names = many(given.get("event"))
    return EventMatch(
        protocol=given["protocol"],
        types=tuple(many(given["type"])),
        names=tuple(name for name in names if not is_glob(name)),
        globs=tuple(name for name in names if is_glob(name)),
        pattern=given.get("pattern"),
        has=tuple(
            tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
            for pointer in many(given.get("has"))
        ),
    )


def _engine(
    node: Node, library: Library, registry: jsonschema_rs.Registry, *, asserts_formats: bool
) -> jsonschema_rs.Validator:
    """The compiled schema."""
    validator = (
        jsonschema_rs.Draft7Validator
        if is_draft_07(library.documents[node.name].value)
        else jsonschema_rs.Draft202012Validator
    )
    return validator(
        dict(node.schema),
        validate_formats=asserts_formats,
        registry=registry,
        base_uri=library.address(node.name),
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
    )


def many(value: Any) -> list[Any]:
    """A list, where one value may stand for a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def is_glob(name: str) -> bool:
    return "*" in name or "?" in name


def name_pattern(pattern: str) -> jsonschema_rs.Validator:
    """A pattern over whole event names, in the same linear-time engine as the schemas."""
    return jsonschema_rs.Draft202012Validator(
        {"type": "string", "pattern": f"^(?:{pattern})$"},
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
    )


def event_of(message: Message, match: EventMatch) -> RawEvent:
    """An example of a schema as the event that ingest would make of it."""
    spec = PROTOCOLS[match.protocol]
    given = message.get(spec.type_key) if spec.type_key is not None else None
    kind = given if isinstance(given, str) else match.types[0]
    return RawEvent(
        source="example",
        protocol=match.protocol,
        type=kind,
        name=spec.name_of(message, kind),
        message=message,
        received_at=0,
    )


def example_of(plan: EventPlan, schema: Mapping[str, Any]) -> Message:
    """The first example of a schema; where it has none, an event of the least that it asks for."""
    if examples := schema.get("examples"):
        first: Message = copy.deepcopy(examples[0])
        return first
    kind = plan.match.types[0]
    of = PROTOCOLS[plan.match.protocol].types[kind]
    made: Message = copy.deepcopy(of.example)
    if of.name_key and plan.match.names:
        made[of.name_key] = plan.match.names[0]
    return made


def _member_names(root: Node, library: Library) -> frozenset[str]:
    return frozenset(
        name
        for node in library.walk(root)
        for keyword in ("properties", "required")
        for name in node.schema.get(keyword, ())
    )
