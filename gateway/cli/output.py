"""What commands print for machines, and the options that several of them share."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any, TextIO

from gateway.errors import UsageError
from gateway.timestamps import read_since

WHEN = "7d, 12h, 30m, a date or a time; UTC"


def write_json(value: Any, out: TextIO) -> None:
    """For machines, and easy on the eye."""
    print(json.dumps(value, ensure_ascii=False, indent=2), file=out)


def json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def since_option(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    shown = f"{WHEN} (default: {default})" if default else WHEN
    parser.add_argument("--since", metavar="WHEN", default=default, help=shown)


def since(given: argparse.Namespace) -> datetime | None:
    """What `--since` says; None where it was not given. Raises UsageError."""
    return moment(given.since, "--since")


def moment(text: str | None, option: str) -> datetime | None:
    """When that is; None where it was not given. Raises UsageError."""
    if text is None:
        return None
    try:
        return read_since(text, datetime.now(UTC))
    except ValueError:
        raise UsageError(f"{option} takes 7d, 12h, 30m, a date or a time") from None
