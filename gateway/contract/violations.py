"""A breach tells a person what is wrong in the words of the schema, and nothing of the event.

Its message holds names and limits that the schema itself holds, and JSON types; never a value,
never a key that the schema does not name. Its type is one of RudderStack's violation types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
_LONGEST_ARGUMENT = 48
"""Characters of what an audit line repeats of a schema."""
_LONG = frozenset({"enum", "const", "pattern"})

REQUIRED = "required"
ONE_REQUIRED = "one-required"
TYPE = "type"
UNLISTED = "unlisted"
UNPLANNED = "unplanned"
NAME = "name"
ENUM = "enum"
TYPES = {
    REQUIRED: REQUIRED_MISSING,
    ONE_REQUIRED: REQUIRED_MISSING,
    TYPE: DATATYPE_MISMATCH,
    UNLISTED: ADDITIONAL_PROPERTIES,
    UNPLANNED: UNPLANNED_EVENT,
    **dict.fromkeys((NAME, ENUM, *_LIMITS, *_RULES), ADVANCE_RULES_VIOLATION),
}
"""RudderStack's type of each code. A code that is not here is a keyword nobody foresaw."""

Argument = SchemaText | int


@dataclass(frozen=True, slots=True)
class Breach:
    """A violation before privacy cleaned its path."""

    type: str
    path: JsonPath = field(repr=False)  # raw keys
    message: SchemaText
    code: str = field(default="", compare=False)
    arguments: tuple[Argument, ...] = field(default=(), compare=False)
    """What `sentence` needs beside the path: the schema's own words."""


def breaches_of(error: jsonschema_rs.ValidationError, names: frozenset[str]) -> Iterator[Breach]:
    """What one error of the engine means. `names` are the members that the schema names."""
    path = tuple(error.instance_path)
    keyword, value = error.kind.name, error.kind.value
    if keyword == "required":
        yield missing(path, value, names)
    elif keyword == "type":
        types = [name for name in value if name != "null"] or value
        yield _breach(TYPE, path, names, (*types, _json_type(error.instance)))
    elif keyword in ("additionalProperties", "unevaluatedProperties"):
        for key in value:
            yield unlisted((*path, key), names)
    elif keyword == "propertyNames":
        yield _breach(NAME, (*path, str(value.instance)), names)
    elif keyword == "anyOf" and (choices := _missing_choices(value, names)):
        yield _breach(ONE_REQUIRED, path, names, choices)
    elif keyword == "enum":
        yield _breach(ENUM, path, names, _options(value))
    elif keyword in _LIMITS:
        yield _breach(keyword, path, names, (value,))
    else:
        yield _breach(keyword, path, names)


def missing(path: JsonPath, key: str, names: frozenset[str]) -> Breach:
    message = sentence(REQUIRED, (*_steps(path, names), key))
    return Breach(REQUIRED_MISSING, (*path, key), SchemaText(message), REQUIRED)


def unlisted(path: JsonPath, names: frozenset[str]) -> Breach:
    return _breach(UNLISTED, path, names)


def unplanned_event() -> Breach:
    return _breach(UNPLANNED, ("event",), frozenset())


def sentence(code: str, steps: Sequence[str], arguments: Sequence[Any] = ()) -> str:
    """A violation in words. `steps` lead to its place; `*` stands for a key that is not shown."""
    label = _label(steps)
    match code:
        case "required":
            return f"{_place(steps[:-1])}`{steps[-1] if steps else '*'}` is missing"
        case "one-required":
            return f"{_place(steps)}one of {_listing(arguments)} is missing"
        case "type":
            *types, found = arguments or ("another type", "this")
            return f"{label} must be {_either(types)}, not {_with_article(str(found))}"
        case "unlisted":
            return f"{_label(steps[:-1])} has a member that the schema does not list"
        case "unplanned":
            return "no schema describes an event of this name"
        case "name":
            return f"{_label(steps[:-1])} has a member whose name the schema refuses"
        case "enum" if not arguments:
            return f"{label} must be one of those that the schema lists"
        case "enum":
            more = arguments[-1] if arguments and isinstance(arguments[-1], int) else 0
            shown = _listing(arguments[:-1] if more else arguments)
            return f"{label} must be one of {shown}{f' and {more} more' if more else ''}"
    if code in _LIMITS and not arguments:
        return f"{label} must be as the `{code}` of the schema says"
    if code in _LIMITS:
        return f"{label} {_LIMITS[code].format(*arguments)}"
    return f"{label} {_RULES[code]}" if code in _RULES else f"{label} breaks the rule `{code}`"


def brief(code: str, arguments: Sequence[Argument]) -> list[Argument]:
    """As many of the arguments as a line has room for; of lists and patterns, the schema tells."""
    return [] if code in _LONG else [_cut(argument) for argument in arguments]


def _cut(argument: Argument) -> Argument:
    if isinstance(argument, int) or len(argument) <= _LONGEST_ARGUMENT:
        return argument
    return SchemaText(f"{argument[:_LONGEST_ARGUMENT]}…")


def _breach(
    code: str, path: JsonPath, names: frozenset[str], arguments: Sequence[Any] = ()
) -> Breach:
    own = tuple(
        one if isinstance(one, int) and code == ENUM else SchemaText(str(one)) for one in arguments
    )
    message = SchemaText(sentence(code, _steps(path, names), own))
    return Breach(TYPES.get(code, UNKNOWN_VIOLATION), path, message, code, own)


def _steps(path: JsonPath, names: frozenset[str]) -> tuple[str, ...]:
    """The path, with `*` for every key that the schema does not name."""
    return tuple(str(step) if isinstance(step, int) or step in names else "*" for step in path)


def _label(steps: Sequence[str]) -> str:
    return f"`{'.'.join(steps)}`" if steps else "the event"


def _place(steps: Sequence[str]) -> str:
    return f"in {_label(steps)}, " if steps else ""


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


def _either(types: Sequence[Any]) -> str:
    """The types a value may have; null goes without saying, since it counts as absent."""
    return " or ".join(_with_article(str(name)) for name in types)


def _with_article(name: str) -> str:
    if name == "null":
        return name
    return f"an {name}" if name[0] in "aeio" else f"a {name}"


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def _options(values: Sequence[Any]) -> tuple[Any, ...]:
    """The first of them as text, and how many there are behind those."""
    shown = tuple(str(value) for value in values[:_SHOWN_OPTIONS])
    more = len(values) - len(shown)
    return (*shown, more) if more else shown


def _listing(words: Sequence[Any]) -> str:
    return ", ".join(f"`{word}`" for word in words)
