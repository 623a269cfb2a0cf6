"""A schema file says what it means, or the catalogue does not load.

JSON Schema lets an unknown keyword pass in silence; here it is a mistake, because a mistyped
`x-privacy` would leave a field unprotected. What a schema can do without is a note: tracking plans
that were written for other programs load as they are. `review` finds all of one file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

import jsonschema_rs
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.protocols import Validator

from gateway.config.privacy import SchemaAction
from gateway.config.sentences import did_you_mean
from gateway.config.source import Document
from gateway.contract.identifiers import identified
from gateway.contract.library import (
    DRAFT_07,
    DRAFT_2020_12,
    SCHEMA_LISTS,
    SCHEMA_MAPS,
    SCHEMAS,
    Library,
    Node,
    UnresolvedReferenceError,
    is_draft_07,
)
from gateway.contract.plan import many, name_pattern
from gateway.errors import Mistake
from gateway.event import JsonPath, Protocol, TelemetryClass
from gateway.protocols import NAMED_TYPES, PROTOCOLS

COMMON = "common"
"""`common.schema.json` holds `$defs` that the other files share, and is no event itself."""
PRIVACY_ACTIONS = tuple(action for action in get_args(SchemaAction) if action != "keep")

_KEYWORDS = (
    SCHEMA_MAPS
    | SCHEMA_LISTS
    | SCHEMAS
    | {"$schema", "$ref", "$comment", "title", "description", "examples", "default", "type"}
    | {"enum", "const", "pattern", "minLength", "maxLength", "format", "deprecated"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minItems", "maxItems", "uniqueItems", "minContains", "maxContains"}
    | {"required", "minProperties", "maxProperties", "dependentRequired", "readOnly", "writeOnly"}
    | {"x-telemetry", "x-privacy"}
    | {"id", "labels", "eventMetadata"}  # what Segment's tracking plans add
)
_UNSUPPORTED = {
    "$dynamicRef": "`$dynamicRef` is not supported; use `$ref`",
    "$recursiveRef": "`$recursiveRef` is not supported; use `$ref`",
    "contentEncoding": "`contentEncoding` is not supported; use `pattern`",
    "contentMediaType": "`contentMediaType` is not supported",
}
_OF_DRAFT_07 = {
    "dependencies": "write `dependentRequired` or `dependentSchemas` instead of `dependencies`",
}
"""What draft 2020-12 would pass over in silence."""
_OURS = ("x-telemetry", "x-privacy")
_NEAR = 0.8
"""How like one of ours a foreign `x-` word must be to be taken for a slip."""
_FORMATS = frozenset(
    (
        *("date", "time", "date-time", "duration", "email", "idn-email", "hostname"),
        *("idn-hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uuid"),
        *("json-pointer", "relative-json-pointer", "regex", "uri-template"),
    )
)
_TELEMETRY_KEYS = ("class", "match", "version", "format_assertion")
_OF_COMMON = ("$schema", "title", "description", "$comment", "$defs", "definitions")
_MAY_STAND_BESIDE = frozenset(
    {"$ref", "$schema", "$comment", "title", "description", "default", "examples", "deprecated"}
    | {"definitions", "$defs", "readOnly", "writeOnly", "id", "labels", "eventMetadata"}
)
_MATCH_KEYS = ("protocol", "type", "event", "pattern", "has")
_CONDITIONS = frozenset(
    {"if", "then", "else", "not", "anyOf", "oneOf", "contains", "propertyNames"}
    | {"dependentSchemas", "dependencies"}
)
"""Below these, members are tested rather than described."""


class Note(NamedTuple):
    """What is no mistake, and may not be what the author meant."""

    what: Mistake


def is_common(name: str) -> bool:
    return name.rpartition("/")[2] == COMMON


def review(name: str, library: Library) -> tuple[list[Mistake], list[Mistake]]:
    """Every mistake that the file makes by itself, and the notes; its examples come later."""
    document = library.documents[name]
    schema = document.value
    if not isinstance(schema, dict):
        return [document.mistake((), "a schema file must hold an object")], []
    found = list(_head(name, document, schema))
    found += _body(library.root(name), library, described=True)
    mistakes = [one for one in found if isinstance(one, Mistake)]
    notes = [one.what for one in found if isinstance(one, Note)]
    known = {mistake.line for mistake in mistakes}
    against = _against_metaschema(schema, document)
    return mistakes + [mistake for mistake in against if mistake.line not in known], notes


def notes_on(document: Document) -> Iterator[Mistake]:
    """What is taken out of a file before anything else is done with it."""
    if not isinstance(document.value, dict):
        return
    pending = [Node("", (), document.value)]
    while pending:
        node = pending.pop()
        for keyword in identified(node.schema):
            message = f"`{keyword}` is not needed; a file is known by its path"
            yield document.mistake((*node.path, keyword), message)
        pending += node.children()


def python_validator(schema: Mapping[str, Any]) -> type[Validator]:
    return Draft7Validator if is_draft_07(schema) else Draft202012Validator


def _against_metaschema(schema: Mapping[str, Any], document: Document) -> list[Mistake]:
    if not _has_known_draft(schema) or jsonschema_rs.meta.is_valid(dict(schema)):
        return []
    validator = python_validator(schema)
    mistakes: list[Mistake] = []
    for error in validator(validator.META_SCHEMA).iter_errors(schema):
        path = tuple(error.absolute_path)
        keyword = next((step for step in reversed(path) if isinstance(step, str)), "schema")
        message = f"`{keyword}` is not what JSON Schema allows there: {error.message}"
        mistakes.append(document.mistake(path, message))
    return mistakes


def _has_known_draft(schema: Mapping[str, Any]) -> bool:
    return str(schema.get("$schema", "")).rstrip("#") in (DRAFT_2020_12, DRAFT_07)


def _head(name: str, document: Document, schema: Mapping[str, Any]) -> Iterator[Mistake | Note]:
    if not _has_known_draft(schema):
        yield document.mistake(("$schema",), f'`$schema` must be "{DRAFT_2020_12}" or draft-07')
    if "title" in schema and not isinstance(schema["title"], str):
        yield document.mistake(("title",), "`title` must be text")
    elif not _is_text(schema.get("title")):
        yield Note(document.mistake(("title",), "a `title` is missing"))
    if is_common(name):
        for key in schema:
            if key not in _OF_COMMON and not key.startswith("x-"):
                message = f"`{COMMON}.schema.json` is for `$defs` that others share; `{key}` is not"
                yield document.mistake((key,), message)
        return
    if not _is_text(schema.get("description")):
        yield Note(document.mistake(("description",), "a `description` is missing"))
    if not schema.get("examples"):
        message = "at least one entry in `examples` is missing, so nothing shows that it fits"
        yield Note(document.mistake(("examples",), message))
    if "x-telemetry" not in schema:
        yield document.mistake(
            (), f"`x-telemetry` is missing; only `{COMMON}.schema.json` does without"
        )
    else:
        yield from _telemetry(document, schema["x-telemetry"])


def _telemetry(document: Document, given: Any) -> Iterator[Mistake]:
    here: JsonPath = ("x-telemetry",)
    if not isinstance(given, dict):
        yield document.mistake(here, '`x-telemetry` must be {"class": …, "match": …}')
        return
    yield from _unknown_keys(document, here, given, _TELEMETRY_KEYS)
    yield from _choice(document, (*here, "class"), given.get("class"), get_args(TelemetryClass))
    version = given.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        yield document.mistake((*here, "version"), "`version` must be a whole number from 1")
    if not isinstance(given.get("format_assertion", True), bool):
        place = (*here, "format_assertion")
        yield document.mistake(place, "`format_assertion` must be true or false")
    match = given.get("match")
    here = (*here, "match")
    if not isinstance(match, dict):
        yield document.mistake(here, '`match` must be {"protocol": …, "type": …}')
        return
    yield from _unknown_keys(document, here, match, _MATCH_KEYS)
    protocol = match.get("protocol")
    yield from _choice(document, (*here, "protocol"), protocol, get_args(Protocol))
    spec = next((spec for name, spec in PROTOCOLS.items() if name == protocol), None)
    if spec:
        yield from _match(document, here, match, (*spec.types, *sorted(spec.retired_types)))


def _match(
    document: Document, here: JsonPath, match: Mapping[str, Any], known: tuple[str, ...]
) -> Iterator[Mistake]:
    types = many(match.get("type"))
    if not types:
        yield document.mistake((*here, "type"), "`type` is missing")
    for kind in types:
        yield from _choice(document, (*here, "type"), kind, known)
    for key in ("event", "pattern"):
        if key in match and not NAMED_TYPES.intersection(filter(_is_text, types)):
            message = f"`{key}` can never match: only {', '.join(sorted(NAMED_TYPES))} have names"
            yield document.mistake((*here, key), message)
    if "event" in match and not many(match["event"]):
        yield document.mistake((*here, "event"), "`event` is empty; leave it out for every name")
    seen: set[str] = set()
    for index, name in enumerate(many(match.get("event"))):
        place: JsonPath = (*here, "event", index)
        if not _is_text(name) or name != name.strip():
            yield document.mistake(
                place, "an event name must be text without blanks around it: it can never match"
            )
        elif name in seen:
            yield document.mistake(place, f"`{name}` is listed twice")
        else:
            seen.add(name)
    if "pattern" in match and (problem := _pattern_problem(match["pattern"])):
        yield document.mistake((*here, "pattern"), problem)
    for pointer in many(match.get("has")):
        if not _is_text(pointer) or not pointer.startswith("/"):
            yield document.mistake((*here, "has"), "`has` lists JSON Pointers such as /traits/plan")


def _body(node: Node, library: Library, *, described: bool) -> Iterator[Mistake | Note]:
    """The mistakes in `node` and everything below it."""
    document = library.documents[node.name]
    unsupported = _UNSUPPORTED if is_draft_07(document.value) else _UNSUPPORTED | _OF_DRAFT_07
    for keyword, value in node.schema.items():
        place = (*node.path, keyword)
        if keyword in unsupported:
            yield document.mistake(place, unsupported[keyword])
        elif keyword not in _KEYWORDS:
            yield from _unknown_keyword(document, place, keyword)
        elif keyword == "pattern" and (problem := _pattern_problem(value)):
            yield document.mistake(place, problem)
        elif keyword == "patternProperties" and isinstance(value, dict):
            for pattern in value:
                if problem := _pattern_problem(pattern):
                    yield document.mistake((*place, pattern), problem)
        elif keyword == "format" and value not in _FORMATS:
            message = f"no format is called `{value}`, so it only describes"
            yield Note(document.mistake(place, f"{message}{did_you_mean(str(value), _FORMATS)}"))
        elif keyword == "x-privacy":
            yield from _choice(document, place, value, PRIVACY_ACTIONS)
            if not node.path:
                yield document.mistake(place, "`x-privacy` belongs on a field, not on the event")
        elif keyword == "x-telemetry" and node.path:
            yield document.mistake(place, "`x-telemetry` belongs at the top of the file")
    try:
        library.resolve(node)
    except UnresolvedReferenceError as error:
        yield document.mistake((*node.path, "$ref"), str(error))
    if library.only_refers(node) and not _MAY_STAND_BESIDE.issuperset(
        keyword for keyword in node.schema if not keyword.startswith("x-")
    ):
        message = "in draft-07, what stands beside a `$ref` counts for nothing"
        yield Note(document.mistake((*node.path, "$ref"), message))
    if described:
        yield from _undescribed(node, document)
    for child in node.children():
        tested = child.path[len(node.path)] in _CONDITIONS
        yield from _body(child, library, described=described and not tested)


def _unknown_keyword(document: Document, place: JsonPath, keyword: str) -> Iterator[Mistake | Note]:
    """What begins with `x-` is somebody else's, unless it could be one of ours with a slip."""
    word = keyword.lower()
    near = difflib.get_close_matches(word, _OURS, n=1, cutoff=_NEAR)
    if word.startswith("x-") and not near and not word.startswith(_OURS):
        yield Note(document.mistake(place, f"`{keyword}` means nothing to the gateway"))
        return
    known = f" (did you mean `{near[0]}`?)" if near else did_you_mean(keyword, _KEYWORDS)
    yield document.mistake(place, f"`{keyword}` is no JSON Schema keyword{known}")


def _undescribed(node: Node, document: Document) -> Iterator[Note]:
    properties = node.schema.get("properties")
    for key, field in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(field, dict) or not (
            _is_text(field.get("description")) or "$ref" in field
        ):
            place = (*node.path, "properties", key)
            yield Note(document.mistake(place, f"`{key}` needs a `description`"))
    if "$ref" in node.schema or "description" in node.schema:
        return
    if len(node.path) == 2 and node.path[0] in ("$defs", "definitions"):
        message = f"`{node.path[1]}` needs a `description`"
        yield Note(document.mistake(node.path, message))


def _pattern_problem(pattern: Any) -> str | None:
    if not isinstance(pattern, str):
        return "a pattern must be text"
    try:
        name_pattern(pattern)
    except jsonschema_rs.ValidationError:
        return (
            "the pattern cannot be compiled; look-around and backreferences are not supported, "
            "since they can stall on a hostile event"
        )
    return None


def _choice(
    document: Document, place: JsonPath, value: Any, known: tuple[str, ...]
) -> Iterator[Mistake]:
    if value in known:
        return
    key = place[-1]
    if value is None:
        yield document.mistake(place, f"`{key}` is missing{did_you_mean('', known)}")
    else:
        yield document.mistake(place, f"`{value}` is no `{key}`{did_you_mean(str(value), known)}")


def _unknown_keys(
    document: Document, place: JsonPath, given: Mapping[str, Any], known: tuple[str, ...]
) -> Iterator[Mistake]:
    for key in given:
        if key not in known:
            message = f"`{key}` is not a setting here{did_you_mean(key, known)}"
            yield document.mistake((*place, key), message)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
