"""`gateway instances` tells which Appsmith instances ping, beside a running gateway or without."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path as FilePath
from typing import Any, TextIO

from gateway.errors import GatewayError
from gateway.extensions.appsmith import views


def run(
    data_dir: FilePath, interval: float, *, overdue_only: bool, as_json: bool, out: TextIO
) -> int:
    """Print the instances. `interval`: seconds between two pings. Raises GatewayError."""
    try:
        known = views.instances(data_dir, time.time(), interval)
    except sqlite3.Error:
        raise GatewayError("the ledger of instances cannot be read just now") from None
    if overdue_only:
        known = [instance for instance in known if instance["overdue"]]
    if as_json:
        print(json.dumps(known, indent=2), file=out)
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
