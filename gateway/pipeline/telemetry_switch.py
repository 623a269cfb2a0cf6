"""Essential and billing events flow unless somebody says otherwise; optional ones while they may.

A switch is set in gateway.yaml, by an order (admin page, command line, API) and, for optional
events, by the environment; the last of these wins. The variable of an extension is read as Spring
reads a boolean: true, on, yes and 1, in any case. What cannot be read is taken for a no to
telemetry. DO_NOT_TRACK can only say no (consoledonottrack.com).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from gateway.config.model import Telemetry
from gateway.config.sections import sections
from gateway.event import RawEvent, Reason, TelemetryClass

CLASSES: tuple[TelemetryClass, ...] = ("essential", "billing", "optional")
BY_DEFAULT = "default"
BY_FILE = "gateway.yaml"

OrderedBy = Literal["admin page", "command line", "API"]
"""Where orders come in."""

DO_NOT_TRACK = "DO_NOT_TRACK"
_NOT = frozenset({"false", "off", "no", "0"})


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants a class to be. `enabled` None takes back the orders before it."""

    time: str  # as `audit.timestamp` writes it
    telemetry_class: TelemetryClass
    enabled: bool | None
    who: OrderedBy
    sign_in: str | None = None  # how they showed who they are


@dataclass(frozen=True, slots=True)
class Switches:
    """Which classes are taken, and what decided it."""

    enabled: Mapping[TelemetryClass, bool]
    respect_opt_out: bool
    locked_by: str | None = None  # the environment variable that wins over everything
    decided_by: Mapping[TelemetryClass, str] = field(default_factory=dict)
    period: int = 0  # the number of the stretch of time in which they stand like this


def switches(
    telemetry: Telemetry, environment: Mapping[str, str], orders: Iterable[Order] = ()
) -> Switches:
    """The switches as file, orders (oldest first) and environment set them."""
    said = telemetry.model_fields_set
    enabled: dict[TelemetryClass, bool] = dict.fromkeys(CLASSES, True)
    decided_by: dict[TelemetryClass, str] = dict.fromkeys(CLASSES, BY_DEFAULT)
    for name, on in telemetry.classes.items():
        enabled[name], decided_by[name] = on, BY_FILE
    if "enabled" in said:
        enabled["optional"] = telemetry.enabled and enabled["optional"]
        decided_by["optional"] = BY_FILE
    for name, order in {order.telemetry_class: order for order in orders}.items():
        if order.enabled is not None:
            enabled[name], decided_by[name] = order.enabled, order.who
    locked_by = None
    for variable in switch_variables():
        # An env file read by Docker keeps the quotes around a value.
        value = environment.get(variable, "").strip().strip("\"'").strip().lower()
        says_no = value not in _NOT
        if value and (says_no or variable != DO_NOT_TRACK):
            locked_by = decided_by["optional"] = variable
            enabled["optional"] = not says_no
            if says_no:
                break
    return Switches(
        MappingProxyType(enabled),
        telemetry.respect_opt_out,
        locked_by,
        MappingProxyType(decided_by),
    )


def switch_variables() -> tuple[str, ...]:
    """The variables of the environment that decide over optional events; the first that says no."""
    return (*(name for each in sections() for name in each.switch_variables), DO_NOT_TRACK)


def refusal(raw: RawEvent, telemetry_class: TelemetryClass, switches: Switches) -> Reason | None:
    """Why the event is not taken, or None."""
    if not switches.enabled[telemetry_class]:
        return Reason.TELEMETRY_OFF
    if raw.opted_out and telemetry_class == "optional" and switches.respect_opt_out:
        return Reason.OPTED_OUT
    return None
