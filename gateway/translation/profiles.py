"""Traits become operations on a Mixpanel profile, each trait in exactly one of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from gateway.event import Message
from gateway.translation import coerce
from gateway.translation.fields import Table
from gateway.translation.project import Project

MAX_INCREMENTS = 20
"""Segment refuses a call with more."""


def named(table: Table, traits: Message) -> Message:
    """Traits under their Mixpanel names; those without one keep their own.

    A null stays a null, but where several traits may give a value it is none of them.
    """
    profile: Message = {}
    names = table.names
    for trait, name in names.items():
        value = traits.get(trait)
        if value is not None or (trait in traits and name not in table.shared):
            profile.setdefault(name, value)
    for trait, value in traits.items():
        if trait not in names:
            profile.setdefault(trait, value)
    return profile


def of_user(table: Table, traits: Message) -> Message:
    """`$name` is made of first and last name where it is missing."""
    profile = named(table, traits)
    if profile.get("$name") is None:
        profile.pop("$name", None)
        first, last = traits.get("firstName"), traits.get("lastName")
        if first and last:
            profile["$name"] = f"{coerce.text(first)} {coerce.text(last)}"
    return profile


def operations(table: Table, profile: Message, project: Project) -> Iterator[tuple[str, Message]]:
    """`$set` and then what the project wants written in another way."""
    if not (project.set_once or project.union or project.append):
        if profile:
            yield "$set", profile
        return
    once = dict(_taken(table, profile, project.set_once))
    union = dict(_taken(table, profile, project.union))
    append = dict(_taken(table, profile, project.append))
    if profile:
        yield "$set", profile
    if once:
        yield "$set_once", once
    if union := {name: value for name, value in _lists(union) if value}:
        yield "$union", union
    columns = [[(name, one) for one in value] for name, value in _lists(append)]
    for row in zip_longest(*columns, fillvalue=None):
        yield "$append", dict(cell for cell in row if cell)


def increments(increment: Any) -> tuple[Message, bool]:
    """What `$add` takes, numbers and texts that are numbers, and whether that is all there was."""
    if not isinstance(increment, dict) or len(increment) > MAX_INCREMENTS:
        return {}, not increment
    sums = {
        key: number
        for key, value in increment.items()
        if type(value) in (int, float, str) and (number := coerce.number(value)) is not None
    }
    return sums, len(sums) == len(increment)


def _taken(table: Table, profile: Message, traits: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for trait in traits:
        name = table.names.get(trait, trait)
        value = profile.pop(name, None)
        if value is not None:
            yield name, value


def _lists(values: Message) -> Iterator[tuple[str, list[Any]]]:
    for name, value in values.items():
        yield name, value if isinstance(value, list) else [value]
