"""`gateway usage` tells how many people used an instance and what was reported, not who."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from gateway.cli.output import since, since_option, write_json
from gateway.config import load
from gateway.errors import GatewayError
from gateway.extensions.appsmith import views
from gateway.extensions.appsmith.views import Period

EXAMPLE = "gateway usage --since 31d --csv"


def options(parser: argparse.ArgumentParser) -> None:
    since_option(parser, "31d")
    parser.add_argument("--hourly", action="store_true", help="by hour instead of day")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print a table for spreadsheets")
    form.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Print usage from `--since` on. Raises UsageError, ConfigurationError or GatewayError."""
    start = since(given)
    assert start is not None  # noqa: S101 (it has a default)
    data_dir = load(given.config, environment).gateway.data_dir
    try:
        figures = views.usage(data_dir, start.timestamp())
    except sqlite3.Error:
        raise GatewayError("the ledger of usage cannot be read just now") from None
    period: Period = "hour" if given.hourly else "day"
    if given.json:
        write_json(figures, out)
    elif given.csv:
        out.write(views.as_csv(figures, period))
    else:
        _text(figures[f"{period}s"], period, figures["reports"], out)
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
