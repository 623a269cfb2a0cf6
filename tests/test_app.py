"""What wires the rooms does nothing else: files, threads and sockets are left to `start`."""

from __future__ import annotations

import builtins
import io
import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.app import Gateway
from gateway.config import load
from gateway.destinations.mixpanel import client as mixpanel
from gateway.destinations.segment import client as segment
from gateway.extensions.appsmith.cloud import client as cloud
from gateway.fields.table import FieldTable
from gateway.journal.sqlite import SqliteJournal
from gateway.privacy import Pseudonymizer
from gateway.snapshot import compile_snapshot
from tests.fault.small import write_schema

LAZY = (cloud, mixpanel, segment)
"""Imported when the first destination of their kind is made."""
AWAY = "http://127.0.0.1:1"
ROUTING = {
    "destinations": {
        "local": {"type": "file", "path": "events"},
        "segment": {"type": "segment", "write_key": "k", "host": AWAY},
        "mixpanel": {"type": "mixpanel", "token": "t", "host": AWAY},
        "cloud": {"type": "cloud", "license_key": "k", "host": AWAY},
    },
    "routes": [{"name": "all", "match": {}, "to": ["local", "segment", "mixpanel", "cloud"]}],
}
DOORS = [
    (builtins, "open"),
    (io, "open"),
    (os, "open"),
    (os, "mkdir"),
    (os, "statvfs"),
    (sqlite3, "connect"),
    (threading.Thread, "start"),
    (socket, "getaddrinfo"),
    (socket.socket, "bind"),
    (socket.socket, "connect"),
]
"""What I/O begins with."""


async def test_constructors_do_no_io(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_schema(tmp_path / "schemas")
    (tmp_path / "privacy.yaml").write_text("rules: []\n")
    (tmp_path / "routing.yaml").write_text(yaml.safe_dump(ROUTING))
    settings = {
        "data_dir": str(tmp_path / "data"),
        "schemas": {"path": "schemas"},
        "unknown_keys": "accept",
    }
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(settings))
    configuration = load(tmp_path / "gateway.yaml", {})
    pseudonymizer = Pseudonymizer(bytes(range(32)))
    compiled = compile_snapshot(configuration, {}, pseudonymizer)
    journal = SqliteJournal.open(tmp_path / "journal", configuration.gateway.journal)
    used: list[str] = []
    here = threading.get_ident()

    def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def note(*given: Any, **named: Any) -> Any:
            if threading.get_ident() == here:
                used.append(name)
            return call(*given, **named)

        return note

    with monkeypatch.context() as patched:
        for owner, name in DOORS:
            patched.setattr(owner, name, noted(name, getattr(owner, name)))
        Gateway(
            configuration,
            {},
            pseudonymizer,
            compiled,
            journal,
            works_in="",
            fields=FieldTable(0.0),
            kept_since=0.0,
        )
    await journal.close()
    assert used == []
    assert not (tmp_path / "data").exists()
