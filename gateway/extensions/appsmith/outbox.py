"""A report that was begun is finished as it was begun: the same pulses under the same random text.

Before it is first sent, its pulses are on disk; behind a success, that it was one. So a crash in
between sends the very same report again, which the cloud services can know by its `message`, and a
crash behind it sends none. It is signed when it leaves, since a licence key may change meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

from gateway.event import Message

KEPT = 300
"""Finished reports remembered, which one of another instance may hold back from being settled."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS reports (
  id INTEGER PRIMARY KEY, destination TEXT NOT NULL, message TEXT NOT NULL, instance TEXT NOT NULL,
  pulses BLOB NOT NULL, is_done INTEGER NOT NULL DEFAULT 0,
  UNIQUE (destination, message)
);
PRAGMA user_version = 1;
"""
_BEGIN = """
INSERT INTO reports (destination, message, instance, pulses) VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_FORGET = """
DELETE FROM reports WHERE destination = ?1 AND is_done AND id NOT IN (
  SELECT id FROM reports WHERE destination = ?1 AND is_done ORDER BY id DESC LIMIT ?2
)
"""


@dataclass(frozen=True, slots=True)
class Report:
    """One page of pulses as it leaves."""

    message: str
    instance: str
    pulses: Mapping[str, Message]  # by their ids, in order
    is_done: bool = False


class Outbox:
    """The reports of one destination. Everything blocks; threads take turns."""

    def __init__(self, connection: sqlite3.Connection, destination: str) -> None:
        """Use `open`."""
        self._connection = connection
        self._destination = destination
        self._turn = threading.Lock()

    @classmethod
    def open(cls, data_dir: Path, destination: str) -> Self:
        """Open the file, or make it. Raises OSError or sqlite3.Error."""
        file = data_dir / "appsmith" / "outbox.db"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(file, timeout=5, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        return cls(connection, destination)

    def begun(self) -> Mapping[str, Report]:
        """Each report that was begun, under the id of each of its pulses."""
        rows = self._connection.execute(
            "SELECT message, instance, pulses, is_done FROM reports WHERE destination = ?",
            (self._destination,),
        )
        reports = [
            Report(message, instance, orjson.loads(pulses), bool(is_done))
            for message, instance, pulses, is_done in rows
        ]
        return {pulse: report for report in reports for pulse in report.pulses}

    def forget(self) -> None:
        """What was begun for a journal that is no more."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM reports WHERE destination = ?", (self._destination,))

    def begin(self, report: Report) -> None:
        """Keep it until it is done. Raises sqlite3.Error."""
        row = (self._destination, report.message, report.instance, orjson.dumps(report.pulses))
        with self._transaction() as connection:
            connection.execute(_BEGIN, row)

    def done(self, report: Report) -> None:
        """The cloud services have it. Raises sqlite3.Error."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE reports SET is_done = 1 WHERE destination = ? AND message = ?",
                (self._destination, report.message),
            )
            connection.execute(_FORGET, (self._destination, KEPT))

    def close(self) -> None:
        with self._turn:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
