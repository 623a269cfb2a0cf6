"""A person is out of the ledger and the outbox; what was counted stays counted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.event import CleanText, StoredEvent
from gateway.extensions import registry
from gateway.extensions.appsmith.ledger import Ledger
from gateway.extensions.appsmith.outbox import Outbox, Report
from tests.clean import clean_event
from tests.journal.building import event

ANN = frozenset({"token-of-ann", 'the "other" ännchen'})


def pulse(sequence: int, user: str) -> StoredEvent:
    header = replace(event("p").header, type="usage_pulse", received_at=1_795_000_000.0)
    message: dict[str, Any] = {"instanceId": "i-1", "viewMode": True, "user": CleanText(user)}
    return clean_event(header, message).stored(sequence)


def test_a_person_is_taken_out_of_what_is_kept_of_usage(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    users = [*ANN, *ANN, "ben"]
    ledger.apply([pulse(n, user) for n, user in enumerate(users, 1)])
    ledger.close()
    outbox = Outbox.open(tmp_path, "cloud")
    pulses = {f"p{n}": pulse(n, user).message for n, user in enumerate(users)}
    outbox.begin(Report("m", "i-1", pulses))
    erases = [hooks.erase for hooks in registry.hooks()]
    found: dict[str, int] = {}
    outbox.close()

    for erase in erases:
        found |= erase(tmp_path, ANN)

    assert found == {"usage": 2, "usage_reports": 1}
    with closing(sqlite3.connect(tmp_path / "appsmith/ledger.db")) as connection:
        rows = connection.execute("SELECT user, pulses FROM usage ORDER BY pulses").fetchall()
    assert [count for _, count in rows] == [1, 4]
    outbox = Outbox.open(tmp_path, "cloud")
    left = outbox.begun()["p0"].pulses
    assert [one["user"] for one in left.values()] == ["erased"] * 4 + ["ben"]
    outbox.close()
    content = b"".join(file.read_bytes() for file in (tmp_path / "appsmith").iterdir())
    assert not [one for one in (*ANN, "ännchen") if one.encode() in content]
    assert not [kept for erase in erases for kept in erase(tmp_path, ANN)]
