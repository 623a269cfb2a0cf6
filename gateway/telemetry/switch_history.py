"""Who changed a switch, what and when, is on disk before it holds, and is never rewritten.

`telemetry.jsonl` in the data folder has two kinds of lines. An order is what somebody said. A
period begins when the switches come to stand differently, whatever made them; the durable counters
`period/<number>/<class>/<fate>` count what became of the events decided in it, so that the numbers
since a change are exact. The process that has claimed the data folder writes; anyone may read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path as FilePath
from typing import Any, get_args

import orjson

from gateway.errors import ConfigurationError, Mistake
from gateway.event import Reason, TelemetryClass
from gateway.jsonl import history
from gateway.pipeline.telemetry_switch import CLASSES, Order, OrderedBy, Switches
from gateway.timestamps import timestamp

FILE = "telemetry.jsonl"

_NAMES = {"telemetry_class": "class"}
_FIELDS = {name: field for field, name in _NAMES.items()}
_ORDERED_BY = frozenset(get_args(OrderedBy))


@dataclass(frozen=True, slots=True)
class Period:
    """How the switches stand from `time` on, until the next period begins."""

    time: str
    number: int
    enabled: Mapping[TelemetryClass, bool]
    decided_by: Mapping[TelemetryClass, str]


@dataclass(frozen=True, slots=True)
class SwitchChange:
    """One class that came to stand differently, or was asked to."""

    time: str
    telemetry_class: TelemetryClass
    enabled: bool | None
    who: str
    sign_in: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """Where one class stands, and what became of its events since it was last switched."""

    enabled: bool
    decided_by: str
    since: str | None  # None: no gateway has run yet
    accepted: int
    refused: int
    opted_out: int


@dataclass(frozen=True, slots=True)
class History:
    """The file, oldest first."""

    orders: tuple[Order, ...] = ()
    periods: tuple[Period, ...] = ()

    def differs(self, switches: Switches) -> bool:
        """Whether the switches do not stand as they did in the last period."""
        if not self.periods:
            return True
        last = self.periods[-1]
        return last.enabled != switches.enabled or last.decided_by != switches.decided_by

    def changes(self) -> list[SwitchChange]:
        """What people said, and what file and environment changed beside them; oldest first."""
        found = [
            SwitchChange(order.time, order.telemetry_class, order.enabled, order.who, order.sign_in)
            for order in self.orders
        ]
        before: Mapping[TelemetryClass, bool] = dict.fromkeys(CLASSES, True)
        for period in self.periods:
            for name in CLASSES:
                by = period.decided_by[name]
                if period.enabled[name] != before[name] and by not in _ORDERED_BY:
                    found.append(SwitchChange(period.time, name, period.enabled[name], by, None))
            before = period.enabled
        return sorted(found, key=lambda change: change.time)

    def account(
        self, name: TelemetryClass, switches: Switches, counters: Mapping[str, int]
    ) -> Account:
        """The class as it stands, counted since it began to."""
        since: str | None = None
        fates: Counter[str] = Counter()
        for period in reversed(self.periods):
            if period.enabled[name] != switches.enabled[name]:
                break
            since = period.time
            prefix = f"period/{period.number}/{name}/"
            for fate in ("accepted", Reason.TELEMETRY_OFF, Reason.OPTED_OUT):
                fates[fate] += counters.get(f"{prefix}{fate}", 0)
        return Account(
            enabled=switches.enabled[name],
            decided_by=switches.decided_by[name],
            since=since,
            accepted=fates["accepted"],
            refused=fates[Reason.TELEMETRY_OFF],
            opted_out=fates[Reason.OPTED_OUT],
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything there is to say about the switches: the page, the API and the command show it."""

    classes: Mapping[TelemetryClass, Account]
    locked_by: str | None
    respect_opt_out: bool
    changes: tuple[SwitchChange, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "enabled": self.classes["optional"].enabled,
            "locked_by": self.locked_by,
            "respect_opt_out": self.respect_opt_out,
            "classes": {name: asdict(account) for name, account in self.classes.items()},
            "history": [_renamed(asdict(change), _NAMES) for change in self.changes],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Standing:
        """What `as_json` wrote. Raises KeyError or TypeError."""
        return cls(
            {name: Account(**account) for name, account in value["classes"].items()},
            value["locked_by"],
            value["respect_opt_out"],
            tuple(SwitchChange(**_renamed(change, _FIELDS)) for change in value["history"]),
        )


def standing(past: History, switches: Switches, counters: Mapping[str, int]) -> Standing:
    """The switches with their proof. `counters`: the journal's."""
    return Standing(
        {name: past.account(name, switches, counters) for name in CLASSES},
        switches.locked_by,
        switches.respect_opt_out,
        tuple(past.changes()),
    )


def counter(telemetry_class: TelemetryClass, rejected: Reason | None, period: int) -> str:
    """The durable counter of what became of events of a class."""
    return f"period/{period}/{telemetry_class}/{rejected or 'accepted'}"


def decider(by: str) -> str:
    """What decided a switch, for a person."""
    return f"by the {by}" if by in _ORDERED_BY else f"by {by}"


def read(data_dir: FilePath) -> History:
    """The history; empty where there is none. Raises ConfigurationError when it is damaged."""
    file = data_dir / FILE
    try:
        lines = history.read(file)
    except OSError as error:
        raise ConfigurationError([Mistake(str(file), 1, f"{error.strerror}")]) from None
    orders: list[Order] = []
    periods: list[Period] = []
    for number, line in enumerate(lines, 1):
        try:
            value = _renamed(orjson.loads(line), _FIELDS)
            if "number" in value:
                periods.append(Period(**value))
            else:
                orders.append(Order(**value))
        except (ValueError, TypeError, AttributeError):
            message = "not a line of the switch's history; restore the file, or move it away"
            raise ConfigurationError([Mistake(str(file), number, message)]) from None
    return History(tuple(orders), tuple(periods))


def entered(past: History, decided: Switches, now: float) -> tuple[Period | None, Switches]:
    """The period that begins `now`, where the switches stand differently; and they, numbered."""
    number = len(past.periods)
    if not past.differs(decided):
        return None, replace(decided, period=number)
    period = Period(timestamp(now), number + 1, dict(decided.enabled), dict(decided.decided_by))
    return period, replace(decided, period=number + 1)


def append(data_dir: FilePath, *entries: Order | Period) -> None:
    """Write lines durably, all or none. Raises OSError, and then they do not count."""
    lines = [orjson.dumps(_renamed(asdict(entry), _NAMES)) for entry in entries]
    history.append(data_dir / FILE, lines)


def _renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): item for key, item in value.items()}
