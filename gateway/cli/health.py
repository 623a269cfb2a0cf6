"""`gateway health` asks the gateway that runs here whether it is alive, wherever it listens.

It reads no more of the configuration than where that is, so that an edited policy makes no healthy
gateway look dead.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TextIO

from pydantic import ValidationError

from gateway.cli.admin_client import ask_at
from gateway.config import pair_of
from gateway.config.model import Admin
from gateway.config.source import load
from gateway.errors import ConfigurationError

EXAMPLE = "gateway health --config my.yaml"
SECONDS = 2.0


def options(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """0 when it is alive. Raises ConfigurationError or AskingError."""
    document = load(given.config, environment)
    value = document.value if isinstance(document.value, dict) else {}
    section = value.get("admin")
    section = dict(section) if isinstance(section, dict) else {}
    if listen := environment.get("GATEWAY_ADMIN_LISTEN"):
        section["listen"] = listen
    try:
        admin = Admin.model_validate(section)
    except ValidationError:
        mistake = document.mistake(("admin",), "it cannot be read; `gateway check` says why")
        raise ConfigurationError([mistake]) from None
    ask_at(admin, pair_of(document, admin.tls), "GET", "/healthz", seconds=SECONDS)
    print("alive", file=out)
    return 0
