"""`gateway instances` tells which Appsmith instances ping, beside a running gateway or without."""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Mapping
from typing import Any, TextIO

from gateway.cli.output import json_option, write_json
from gateway.config import load
from gateway.errors import GatewayError
from gateway.extensions.appsmith import views
from gateway.extensions.appsmith.settings import appsmith

EXAMPLE = "gateway instances --overdue"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overdue", action="store_true", help="only those whose ping is overdue")
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Print the instances. Raises ConfigurationError or GatewayError."""
    gateway = load(given.config, environment).gateway
    try:
        known = views.instances(gateway.data_dir, time.time(), appsmith(gateway).ping_interval)
    except sqlite3.Error:
        raise GatewayError("the ledger of instances cannot be read just now") from None
    if given.overdue:
        known = [instance for instance in known if instance["overdue"]]
    if given.json:
        write_json(known, out)
        return 0
    for instance in known:
        print(_line(instance), file=out)
    overdue = sum(instance["overdue"] for instance in known)
    print(f"{len(known)} instances, {overdue} overdue", file=out)
    return 0


def _line(instance: dict[str, Any]) -> str:
    pinged = f"last ping {instance['last_ping']}" if instance["last_ping"] else "never pinged"
    product = f"{instance['edition'] or '?'} {instance['version'] or '?'}"
    state = "overdue" if instance["overdue"] else "alive"
    first = f"first seen {instance['first_seen']}"
    return f"{instance['id']:<24}  {state:<7}  {product:<12}  {pinged}  {first}"
