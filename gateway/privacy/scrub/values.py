"""JSON values, as the account of an event tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def canonical(value: float) -> str:
    """A JSON number as decimal text: `12345` and `12345.0` are one id."""
    whole = int(value) if value == value and abs(value) != float("inf") else value  # noqa: PLR0124
    return str(whole) if whole == value else repr(value)


def shape(value: Any) -> tuple[str, int]:
    """The JSON type of a value, and its length."""
    if isinstance(value, str):
        return "string", len(value)
    if isinstance(value, dict):
        return "object", len(value)
    if isinstance(value, list):
        return "array", len(value)
    if value is None or isinstance(value, bool):
        return ("null" if value is None else "boolean"), 0
    return "number", sum(map(str.isdecimal, canonical(value)))


def rename(node: dict[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Give keys other names, in place and in order; a name that is taken gets a number.

    Returns the names as given.
    """
    items = list(node.items())
    taken = {name for name, _ in items if name not in names}
    given: dict[str, str] = {}
    counts: dict[str, int] = {}
    node.clear()
    for name, value in items:
        if name in names:
            new = base = names[name]
            while new in taken:
                counts[base] = counts.get(base, 1) + 1
                new = f"{base}_{counts[base]}"
            taken.add(new)
            given[name] = new
        node[given.get(name, name)] = value
    return given
