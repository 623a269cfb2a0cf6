"""`gateway telemetry` shows the switch with its proof, and turns it.

Where a gateway runs, it is asked; where none does, the command reads the same files, and what it
orders holds from the next start on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, TextIO

from gateway.cli import telemetry_docs
from gateway.cli.admin_client import ask
from gateway.cli.output import json_option, write_json
from gateway.config import Configuration, load
from gateway.errors import GatewayError
from gateway.event import TelemetryClass
from gateway.journal.sqlite.snapshot import looking
from gateway.jsonl.files import cause
from gateway.pipeline.telemetry_switch import CLASSES, Order, switches
from gateway.process.data_dir_lock import TakenError, claimed, is_claimed
from gateway.telemetry import switch_history
from gateway.telemetry.switch_history import Standing, SwitchChange
from gateway.timestamps import timestamp

_API = "/api/telemetry"


EXAMPLE = "gateway telemetry off"
_ORDERS = {"on": True, "off": False, "reset": None}


class OrderError(GatewayError):
    """The order cannot be carried out."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verb",
        choices=["status", *_ORDERS, "docs"],
        help="reset: as configured; docs: the page, in Markdown",
    )
    parser.add_argument(
        "telemetry_class",
        nargs="?",
        choices=CLASSES,
        default="optional",
        metavar="CLASS",
        help="essential, billing or optional (default: optional)",
    )
    parser.add_argument("--schemas", metavar="GLOB", help="docs: only of these schemas")
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises ConfigurationError, JournalError, AskingError, OrderError or PageError."""
    if given.verb == "docs":
        return telemetry_docs.write(given.config, environment, schemas=given.schemas, out=out)
    if given.verb == "status":
        return status(given.config, environment, as_json=given.json, out=out)
    wanted = _ORDERS[given.verb]
    return order(
        given.config, environment, given.telemetry_class, wanted, as_json=given.json, out=out
    )


def status(file: FilePath, environment: Mapping[str, str], *, as_json: bool, out: TextIO) -> int:
    """Print where the switches stand. Raises ConfigurationError, JournalError or AskingError."""
    configuration = load(file, environment)
    runs = is_claimed(configuration.gateway.data_dir)
    standing = (
        Standing.from_json(ask(configuration, "GET", _API))
        if runs
        else _read(configuration, environment)
    )
    return _show(standing, runs=runs, as_json=as_json, out=out)


def order(
    file: FilePath,
    environment: Mapping[str, str],
    name: TelemetryClass,
    enabled: bool | None,
    *,
    as_json: bool,
    out: TextIO,
) -> int:
    """Switch a class, and print where the switches stand then; `enabled` None takes orders back.

    Raises OrderError and what `status` raises.
    """
    configuration = load(file, environment)
    try:
        with claimed(configuration.gateway.data_dir):
            _write(configuration, environment, name, enabled)
            standing, runs = _read(configuration, environment), False
    except TakenError:
        wanted = {"class": name, "enabled": enabled, "who": "command line"}
        standing, runs = Standing.from_json(ask(configuration, "POST", _API, wanted)), True
    return _show(standing, runs=runs, as_json=as_json, out=out)


def _read(configuration: Configuration, environment: Mapping[str, str]) -> Standing:
    data_dir = configuration.gateway.data_dir
    past = switch_history.read(data_dir)
    decided = switches(configuration.gateway.telemetry, environment, past.orders)
    try:
        with looking(data_dir / "journal") as look:
            counters = look.view().counters
    except FileNotFoundError:
        counters = {}
    return switch_history.standing(past, decided, counters)


def _write(
    configuration: Configuration,
    environment: Mapping[str, str],
    name: TelemetryClass,
    enabled: bool | None,
) -> None:
    locked_by = switches(configuration.gateway.telemetry, environment).locked_by
    if name == "optional" and locked_by:
        raise OrderError(f"{locked_by} in the environment decides over optional events")
    order = Order(timestamp(time.time()), name, enabled, "command line", None)
    try:
        switch_history.append(configuration.gateway.data_dir, order)
    except OSError as error:
        raise OrderError(f"nothing has changed: {cause(error)}") from None


def _show(standing: Standing, *, runs: bool, as_json: bool, out: TextIO) -> int:
    if as_json:
        found: dict[str, Any] = {"running": runs, **standing.as_json()}
        write_json(found, out)
    else:
        print("\n".join(_lines(standing, runs=runs)), file=out)
    return 0


def _lines(standing: Standing, *, runs: bool) -> Iterator[str]:
    yield f"telemetry is {'on' if standing.classes['optional'].enabled else 'off'}"
    for name, account in standing.classes.items():
        state = "on" if account.enabled else "off"
        since = f" since {account.since}" if account.since else ""
        yield f"\n{name:<10} {state}{since}, {switch_history.decider(account.decided_by)}"
        counts = f"{account.accepted:,} taken, {account.refused:,} refused and not stored"
        opted_out = f", {account.opted_out:,} opted out" if account.opted_out else ""
        yield f"           {counts}{opted_out}"
    if standing.locked_by:
        yield f"\n{standing.locked_by} in the environment decides over optional events."
    if not runs:
        yield "\nNo gateway is running: this is how the next one starts with this environment."
    if standing.changes:
        yield "\nhistory"
        yield from map(_change, standing.changes)


def _change(change: SwitchChange) -> str:
    words = {True: "on", False: "off", None: "as configured"}
    sign_in = f", {change.sign_in}" if change.sign_in else ""
    deed = f"{change.telemetry_class} {words[change.enabled]}"
    return f"  {change.time}  {deed:<22} {change.who}{sign_in}"
