"""`gateway health` asks the gateway that runs here whether it is alive, wherever it listens.

It reads no more of the configuration than where that is, so that an edited policy makes no healthy
gateway look dead.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TextIO

from gateway.cli.admin_client import ask_at
from gateway.config import admin_alone, pair_of

EXAMPLE = "gateway health --config my.yaml"
SECONDS = 2.0


def options(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """0 when it is alive. Raises ConfigurationError or AskingError."""
    admin, document = admin_alone(given.config, environment)
    ask_at(admin, pair_of(document, admin.tls), "GET", "/healthz", seconds=SECONDS)
    print("alive", file=out)
    return 0
