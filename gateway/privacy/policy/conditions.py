"""`where`: a rule that holds only if another field of the event says so.

Conditions look at the event as it came, before anything is changed in it. They are numbered, so
that events with the same answers share a plan, and few, so that there are few plans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gateway.config.privacy import WhereMatch
from gateway.globs import compile_globs
from gateway.privacy.generalize import decimal_text
from gateway.privacy.policy.selectors import parse_pattern

MOST = 8
"""Different conditions in a policy; each doubles the plans that an event may need."""

Test = Callable[[Any], bool]


def keys_of(where: WhereMatch) -> tuple[str, ...]:
    """The way to the field. Raises ValueError with what to write instead."""
    literal = parse_pattern(where.path).literal
    if literal is None:
        raise ValueError(f"`{where.path}`: `where` looks at one field; write its whole path")
    return literal


class Condition:
    """One `where`, compiled."""

    __slots__ = ("_keys", "_test")

    def __init__(self, where: WhereMatch) -> None:
        self._keys = keys_of(where)
        self._test = _test(where)

    def holds(self, message: Any) -> bool:
        """Whether the field is there and passes. Where it leads into no container, it is not."""
        value = message
        for key in self._keys:
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                return False
        return not isinstance(value, dict | list) and self._test(value)


def _test(where: WhereMatch) -> Test:
    if "matches" in where.model_fields_set:
        pattern = compile_globs(where.matches)
        return lambda value: pattern is not None and pattern.fullmatch(_text(value)) is not None
    wanted = where.one_of if "one_of" in where.model_fields_set else (where.equals,)
    known = frozenset(map(_comparable, wanted))
    return lambda value: _comparable(value) in known


def _comparable(value: Any) -> tuple[str, Any]:
    """Numbers that are equal are one value; true is no number."""
    if isinstance(value, bool) or value is None:
        return "constant", value
    return ("text", value) if isinstance(value, str) else ("number", value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return decimal_text(value)


class Conditions:
    """All conditions of a policy."""

    __slots__ = ("_all", "_places")

    def __init__(self, wheres: Iterable[WhereMatch]) -> None:
        self._all: list[Condition] = []
        self._places: dict[str, int] = {}
        for where in wheres:
            if str(where) not in self._places:
                self._places[str(where)] = len(self._all)
                self._all.append(Condition(where))

    def __len__(self) -> int:
        return len(self._all)

    def place(self, where: WhereMatch) -> int:
        """The number of a condition."""
        return self._places[str(where)]

    def answers(self, message: Any) -> tuple[bool, ...]:
        """What each says of an event."""
        return tuple(condition.holds(message) for condition in self._all)
