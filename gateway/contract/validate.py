"""An event is examined as it came: nothing that is left out first can hide a violation.

`examine` is pure. What it cannot examine it refuses with `NotExaminableError`, so that the pipeline
fails closed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.budget import Budget, OverBudgetError
from gateway.config.model import Schemas
from gateway.contract.plan import EventPlan
from gateway.contract.shape import Shape
from gateway.contract.violations import (
    REQUIRED_MISSING,
    Breach,
    breaches_of,
    unlisted,
    unplanned_event,
)
from gateway.event import JsonPath, Message, Protocol, RawEvent, Reason
from gateway.protocols import PROTOCOLS

_COST_OF_ERROR = 16
"""Characters that could be looked at in the time of one, beside its value."""
_ESSENTIAL = frozenset(
    ("properties", key) for spec in PROTOCOLS.values() for key in spec.essential_properties
)
"""Never left out, whichever of the protocols the event is of."""


class NotExaminableError(Exception):
    """The engine could not read the event. The message says nothing about its content."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What the contract says about one event."""

    reason: Reason | None  # None: it goes on
    breaches: tuple[Breach, ...]
    omit: tuple[JsonPath, ...] = field(repr=False)  # members to take out; none lies inside another


_FINE = Examination(None, (), ())
UNPLANNED_BREACH = unplanned_event()
_ONLY_UNPLANNED = {
    "allow": Examination(None, (UNPLANNED_BREACH,), ()),
    "quarantine": Examination(Reason.QUARANTINED, (UNPLANNED_BREACH,), ()),
    "block": Examination(Reason.UNPLANNED_EVENT, (UNPLANNED_BREACH,), ()),
}


def examine(
    raw: RawEvent,
    plan: EventPlan | None,
    settings: Schemas,
    budget: Budget | None = None,
    *,
    is_known: bool = False,
) -> Examination:
    """Hold an event against its plan; changes nothing. `is_known`: planned without a schema, too.

    Raises NotExaminableError and OverBudgetError.

    Shape first, then the schema, which is the order of Segment's controls; both see all of the
    event. A member that is `null` counts as absent, since analytics-python sends absent so.
    """
    unplanned = (plan is None or not plan.planned) and (
        not is_known and raw.type in PROTOCOLS[raw.protocol].types_planned_by_name
    )
    violations: list[Breach] = []
    unlisted_paths: list[JsonPath] = []
    if plan is not None:
        try:
            unlisted_paths = _unlisted(raw.message, plan)
            if not plan.engine.is_valid(raw.message):
                violations = _violations(raw.message, plan, budget or Budget())
        except OverBudgetError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, it may quote the event)
            raise NotExaminableError(type(error).__name__) from None
    if not (unlisted_paths or violations):
        return _ONLY_UNPLANNED[settings.unplanned_events] if unplanned else _FINE
    breaches = [UNPLANNED_BREACH] if unplanned else []
    if plan is not None:
        breaches += [unlisted(path, plan.names) for path in unlisted_paths]
    breaches += violations
    return Examination(
        _reason(settings, unplanned=unplanned, broken=bool(violations)),
        tuple(breaches),
        _omitted(raw.protocol, unlisted_paths, violations, settings),
    )


def _reason(settings: Schemas, *, unplanned: bool, broken: bool) -> Reason | None:
    if unplanned and settings.unplanned_events == "block":
        return Reason.UNPLANNED_EVENT
    if broken and settings.violations == "block":
        return Reason.SCHEMA_VIOLATION
    if (unplanned and settings.unplanned_events == "quarantine") or (
        broken and settings.violations == "quarantine"
    ):
        return Reason.QUARANTINED
    return None


def _unlisted(message: Message, plan: EventPlan) -> list[JsonPath]:
    found: list[JsonPath] = []
    for ground, shape in plan.shapes:
        value: Any = message
        for step in ground:
            value = value.get(step)
        _compare(value, shape, ground, found)
    return found


def _compare(value: Any, shape: Shape, path: JsonPath, found: list[JsonPath]) -> None:
    if isinstance(value, dict):
        members, closed, others = shape.members, shape.closed, shape.others
        for key, item in value.items():
            if key in members:
                inner = members[key]
            elif closed and not any(pattern.is_valid(key) for pattern in shape.patterns):
                found.append((*path, key))
                continue
            else:
                inner = others
            if inner is not None and isinstance(item, dict | list):
                _compare(item, inner, (*path, key), found)
    elif isinstance(value, list) and shape.items is not None:
        for index, item in enumerate(value):
            _compare(item, shape.items, (*path, index), found)


def _violations(message: Message, plan: EventPlan, budget: Budget) -> list[Breach]:
    present = _without_nulls(message)
    if plan.engine.is_valid(present):
        return []
    if plan.has_costly_errors:
        _spend_on_errors(present, plan, budget)
    errors = plan.engine.iter_errors(present)
    found = [breach for error in errors for breach in breaches_of(error, plan.names)]
    return _less_permitted_nulls(found, message, plan)


def _spend_on_errors(message: Message, plan: EventPlan, budget: Budget) -> None:
    """The engine copies the value at hand into each error, which is a square where names are wrong.

    To evaluate tells beforehand how many there will be, and of what.
    """
    sizes: dict[str, int] = {}
    for error in plan.engine.evaluate(message).errors():
        place = error["instanceLocation"]
        if place not in sizes:
            budget.spend(len(place))
            sizes[place] = len(repr(_value_at(message, place)))
        budget.spend(_COST_OF_ERROR + sizes[place])


def _value_at(value: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _less_permitted_nulls(
    breaches: list[Breach], message: Message, plan: EventPlan
) -> list[Breach]:
    """Takes back that a member is missing where it is null and its own schema permits null."""
    suspects = {
        breach.path
        for breach in breaches
        if breach.type == REQUIRED_MISSING and _is_null(message, breach.path)
    }
    if not suspects:
        return breaches
    refused = {tuple(error.instance_path) for error in plan.engine.iter_errors(message)}
    permitted = suspects - refused
    return [breach for breach in breaches if breach.path not in permitted]


def _is_null(value: Any, path: JsonPath) -> bool:
    try:
        for step in path:
            value = value[step]
    except (KeyError, IndexError, TypeError):
        return False
    return value is None


def _omitted(
    protocol: Protocol, unlisted_paths: list[JsonPath], violations: list[Breach], settings: Schemas
) -> tuple[JsonPath, ...]:
    paths: set[JsonPath] = set()
    if settings.unplanned_properties == "omit":
        paths.update(unlisted_paths)
    if settings.violations == "omit":
        for breach in violations:
            if breach.type != REQUIRED_MISSING and (path := _removable(protocol, breach.path)):
                paths.add(path)
    return tuple(
        sorted(
            (path for path in paths if not any(path[:n] in paths for n in range(1, len(path)))),
            key=str,
        )
    )


def _removable(protocol: Protocol, path: JsonPath) -> JsonPath | None:
    """The member to take out for a violation at `path`: an item of an array goes with its array."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    removable = PROTOCOLS[protocol].removable_below
    if len(path) < 2 or path[0] not in removable or path in _ESSENTIAL:
        return None
    return path
