"""A breach tells a person what is wrong in the words of the schema, and nothing of the event.

Its message holds names and limits that the schema itself holds, and JSON types; never a value,
never a key that the schema does not name. Its type is one of RudderStack's violation types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from gateway.event import JsonPath, SchemaText

REQUIRED_MISSING = "Required-Missing"
DATATYPE_MISMATCH = "Datatype-Mismatch"
ADDITIONAL_PROPERTIES = "Additional-Properties"
UNPLANNED_EVENT = "Unplanned-Event"
ADVANCE_RULES_VIOLATION = "Advance-Rules-Violation"
UNKNOWN_VIOLATION = "Unknown-Violation"

_LIMITS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "must have at least {} members",
    "maxProperties": "must have at most {} members",
    "pattern": "must have the form `{}`",
    "const": "must be `{}`",
    "format": "must be a valid `{}`",
}
_RULES = {
    "uniqueItems": "holds an item twice",
    "contains": "lacks an item that the schema asks for",
    "not": "is what the schema forbids",
    "falseSchema": "is not allowed here",
    "anyOf": "fits none of the forms that the schema allows",
    "oneOf": "must fit exactly one of the forms that the schema allows",
    "unevaluatedItems": "has more items than the schema allows",
    "additionalItems": "has more items than the schema allows",
}
_SHOWN_OPTIONS = 12


@dataclass(frozen=True, slots=True)
class Breach:
    """A violation before privacy cleaned its path."""

    type: str
    path: JsonPath = field(repr=False)  # raw keys
    message: SchemaText


def breaches_of(error: jsonschema_rs.ValidationError, names: frozenset[str]) -> Iterator[Breach]:
    """What one error of the engine means. `names` are the members that the schema names."""
    path = tuple(error.instance_path)
    keyword, value = error.kind.name, error.kind.value
    label = label_of(path, names)
    if keyword == "required":
        yield missing(path, value, names)
    elif keyword == "type":
        message = f"{label} must be {_either(value)}, not {_json_type(error.instance)}"
        yield Breach(DATATYPE_MISMATCH, path, SchemaText(message))
    elif keyword in ("additionalProperties", "unevaluatedProperties"):
        for key in value:
            yield unlisted((*path, key), names)
    elif keyword == "propertyNames":
        message = f"{label} has a member whose name the schema refuses"
        yield Breach(ADVANCE_RULES_VIOLATION, (*path, str(value.instance)), SchemaText(message))
    elif keyword == "anyOf" and (choices := _missing_choices(value, names)):
        message = f"{_place(path, names)}one of {_listing(choices)} is missing"
        yield Breach(REQUIRED_MISSING, path, SchemaText(message))
    elif keyword == "enum":
        message = f"{label} must be one of {_options(value)}"
        yield Breach(ADVANCE_RULES_VIOLATION, path, SchemaText(message))
    elif keyword in _LIMITS:
        message = f"{label} {_LIMITS[keyword].format(value)}"
        yield Breach(ADVANCE_RULES_VIOLATION, path, SchemaText(message))
    elif keyword in _RULES:
        yield Breach(ADVANCE_RULES_VIOLATION, path, SchemaText(f"{label} {_RULES[keyword]}"))
    else:
        yield Breach(UNKNOWN_VIOLATION, path, SchemaText(f"{label} breaks the rule `{keyword}`"))


def missing(path: JsonPath, key: str, names: frozenset[str]) -> Breach:
    message = f"{_place(path, names)}`{key}` is missing"
    return Breach(REQUIRED_MISSING, (*path, key), SchemaText(message))


def unlisted(path: JsonPath, names: frozenset[str]) -> Breach:
    message = f"{label_of(path[:-1], names)} has a member that the schema does not list"
    return Breach(ADDITIONAL_PROPERTIES, path, SchemaText(message))


def unplanned_event() -> Breach:
    message = "no schema describes an event of this name"
    return Breach(UNPLANNED_EVENT, ("event",), SchemaText(message))


def label_of(path: JsonPath, names: frozenset[str]) -> str:
    """The path in words, with `*` for every key that the schema does not name."""
    if not path:
        return "the event"
    steps = (str(step) if isinstance(step, int) or step in names else "*" for step in path)
    return f"`{'.'.join(steps)}`"


def _place(path: JsonPath, names: frozenset[str]) -> str:
    return f"in {label_of(path, names)}, " if path else ""


def _missing_choices(
    context: list[list[jsonschema_rs.ValidationError]], names: frozenset[str]
) -> list[str]:
    """The members of which one would do, where each form fails only for want of one.

    A form may ask that a member is there and, with `not`, that it is not empty.
    """
    choices: list[str] = []
    for errors in context:
        kind, path = errors[0].kind, errors[0].instance_path
        if len(errors) > 1 or not (kind.name == "required" or (kind.name == "not" and path)):
            return []
        choices.append(kind.value if kind.name == "required" else str(path[-1]))
    return choices if names.issuperset(choices) else []


def _either(types: list[str]) -> str:
    """The types a value may have; null goes without saying, since it counts as absent."""
    expected = [name for name in types if name != "null"] or types
    return " or ".join(_with_article(name) for name in expected)


def _with_article(name: str) -> str:
    if name == "null":
        return name
    return f"an {name}" if name[0] in "aeio" else f"a {name}"


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an object" if isinstance(value, Mapping) else "an array"


def _options(values: list[Any]) -> str:
    shown = _listing([str(value) for value in values[:_SHOWN_OPTIONS]])
    return shown + (f" and {len(values) - _SHOWN_OPTIONS} more" * (len(values) > _SHOWN_OPTIONS))


def _listing(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
