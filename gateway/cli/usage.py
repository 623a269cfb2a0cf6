"""`gateway usage` tells how many people used an instance and what was reported, not who."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any, Literal, TextIO

from gateway.errors import GatewayError
from gateway.extensions.appsmith import views
from gateway.extensions.appsmith.views import Period

Form = Literal["text", "csv", "json"]


def run(data_dir: FilePath, since: float, *, hourly: bool, form: Form, out: TextIO) -> int:
    """Print usage from `since` (epoch seconds) on. Raises GatewayError."""
    try:
        told = views.usage(data_dir, since)
    except sqlite3.Error:
        raise GatewayError("the ledger of usage cannot be read just now") from None
    period: Period = "hour" if hourly else "day"
    if form == "json":
        print(json.dumps(told, indent=2), file=out)
    elif form == "csv":
        out.write(views.as_csv(told, period))
    else:
        _text(told[f"{period}s"], period, told["reports"], out)
    return 0


def _text(
    rows: Sequence[dict[str, Any]], period: str, reports: Sequence[dict[str, Any]], out: TextIO
) -> None:
    if not rows and not reports:
        print("No usage was seen.", file=out)
        return
    _columns([period, *views.KEYS], rows, out)
    if reports:
        print("\nreports", file=out)
        keys = ["time", "instance", "origin", "pulses", "accepted", "signature", "standing"]
        _columns(keys, reports, out)


def _columns(keys: Sequence[str], rows: Sequence[dict[str, Any]], out: TextIO) -> None:
    cells = [list(keys), *([str(row[key]) for key in keys] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip(), file=out)
