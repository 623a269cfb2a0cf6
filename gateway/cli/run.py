"""`gateway run` starts the gateway and serves until a signal stops it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TextIO

from gateway.process.run import run as serve

EXAMPLE = "gateway run --config my.yaml"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--processes", metavar="N", choices=["auto", "1"], help="this version runs one process"
    )


def run(given: argparse.Namespace, environment: Mapping[str, str], _out: TextIO) -> int:
    """Raises ConfigurationError, StartError or JournalError."""
    return serve(given.config, environment)
