"""Essential and billing events flow whatever the switch says; optional ones only while it is on.

The switch is set in gateway.yaml; the environment wins over it. Appsmith reads its
APPSMITH_DISABLE_TELEMETRY as Spring reads a boolean: true, on, yes and 1, in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.config.model import Telemetry
from gateway.event import RawEvent, Reason, TelemetryClass

_CLASSES: tuple[TelemetryClass, ...] = ("essential", "billing", "optional")
_YES = frozenset({"true", "on", "yes", "1"})


@dataclass(frozen=True, slots=True)
class Switches:
    """Which classes are taken, and what decided it."""

    enabled: Mapping[TelemetryClass, bool]
    respect_opt_out: bool
    locked_by: str | None = None  # the environment variable that wins over the file


def switches(telemetry: Telemetry, environment: Mapping[str, str]) -> Switches:
    """The switches as configuration and environment set them."""
    locked_by, optional = None, telemetry.enabled
    for name in ("APPSMITH_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        value = environment.get(name, "").strip()
        if value and (locked_by is None or value.lower() in _YES):
            locked_by, optional = name, value.lower() not in _YES
            if not optional:
                break
    enabled: dict[TelemetryClass, bool] = dict.fromkeys(_CLASSES, True)
    enabled["optional"] = optional
    for name, on in telemetry.classes.items():
        if name != "optional" or locked_by is None:
            enabled[name] = on and (name != "optional" or telemetry.enabled)
    return Switches(MappingProxyType(enabled), telemetry.respect_opt_out, locked_by)


def refusal(raw: RawEvent, telemetry_class: TelemetryClass, switches: Switches) -> Reason | None:
    """Why the event is not taken, or None."""
    if not switches.enabled[telemetry_class]:
        return Reason.TELEMETRY_OFF
    if raw.opted_out and telemetry_class == "optional" and switches.respect_opt_out:
        return Reason.OPTED_OUT
    return None
