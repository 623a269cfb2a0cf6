"""What is known of instances and of usage comes from clean events, each of them counted once.

One SQLite file, `appsmith/ledger.db` in the data folder. It follows the journal; were it lost, no
event would be, so it may be deleted. Users are in it as a short hash of their pseudonym, only to
tell them apart. Everything older than 400 days goes, and so do the longest silent of more than
10,000 instances.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from gateway.event import Header, Message, StoredEvent
from gateway.extensions.appsmith.classes import KEEP_ALIVE, SETUP_EVENTS
from gateway.timestamps import read_time

KEEP_DAYS = 400
MOST_INSTANCES = 10_000
EVENTS = frozenset({KEEP_ALIVE, *SETUP_EVENTS})
"""The Segment events that say something about an instance."""

UNKNOWN = "unknown"
"""The instance of a report that names none."""

Origin = Literal["gateway", "instance"]
"""Who counted a pulse, and who reported."""
Standing = Literal["new", "repeated", "replayed", "tampered"]
"""How a report stands to an earlier one with the same random text: none was there; the same pulses,
which had not been accepted; which had; other pulses."""

_DAY = 86400
_AHEAD_HOURS = 24
_SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
  id TEXT PRIMARY KEY, first_seen REAL NOT NULL, last_ping REAL, version TEXT, edition TEXT,
  pings INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS usage (
  hour INTEGER, instance TEXT, origin TEXT, view INTEGER, anonymous INTEGER, user BLOB,
  pulses INTEGER NOT NULL, PRIMARY KEY (hour, instance, origin, view, anonymous, user)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reports (
  id INTEGER PRIMARY KEY, time REAL NOT NULL, instance TEXT NOT NULL, origin TEXT NOT NULL,
  pulses INTEGER NOT NULL, accepted INTEGER NOT NULL, signature TEXT NOT NULL,
  standing TEXT NOT NULL, nonce TEXT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS reports_by_nonce ON reports (nonce);
CREATE TABLE IF NOT EXISTS place (sequence INTEGER NOT NULL);
PRAGMA user_version = 1;
"""
_PING = """
INSERT INTO instances (id, first_seen, last_ping, version, edition, pings)
VALUES (?1, ?2, ?2, ?3, ?4, 1)
ON CONFLICT (id) DO UPDATE SET
  last_ping = max(coalesce(last_ping, 0), excluded.last_ping), pings = pings + 1,
  version = coalesce(excluded.version, version), edition = coalesce(excluded.edition, edition)
"""
_SETUP = """
INSERT INTO instances (id, first_seen, version, edition, pings) VALUES (?, ?, ?, ?, 0)
ON CONFLICT (id) DO UPDATE SET
  version = coalesce(version, excluded.version), edition = coalesce(edition, excluded.edition)
"""
_PULSE = """
INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, 1)
ON CONFLICT DO UPDATE SET pulses = pulses + 1
"""
_REPORT = """
INSERT INTO reports (time, instance, origin, pulses, accepted, signature, standing, nonce, data)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_OWN_REPORT = "SELECT 1 FROM reports WHERE nonce = ? AND origin = 'gateway'"
_SILENT = """
DELETE FROM instances WHERE id IN (
  SELECT id FROM instances ORDER BY coalesce(last_ping, first_seen) DESC LIMIT -1 OFFSET ?
)
"""


class RecordedReport(NamedTuple):
    """A report of an instance, and how honest it is."""

    instance: str
    standing: Standing
    signature: str
    digest: str

    @property
    def is_odd(self) -> bool:
        return self.standing in ("replayed", "tampered") or self.signature == "invalid"


class Ledger:
    """One connection that writes. Everything here blocks; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use `open`."""
        self._connection = connection
        self._pruned_day = 0

    @classmethod
    def open(cls, data_dir: Path) -> Self:
        """Open the file, or make it. Raises OSError or sqlite3.Error."""
        file = path(data_dir)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(file, timeout=5, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
        return cls(connection)

    def place(self) -> int:
        """The sequence of the last event in it."""
        row = self._connection.execute("SELECT sequence FROM place").fetchone()
        return row[0] if row else 0

    def reset(self) -> None:
        """Take the next event whatever its sequence is: the journal is a new one."""
        with self._transaction():
            self._put_place(0)

    def apply(self, events: Sequence[StoredEvent]) -> list[RecordedReport]:
        """Count the events behind `place`. Returns each report."""
        reports: list[RecordedReport] = []
        with self._transaction():
            place = self.place()
            for event in events:
                if event.sequence <= place:
                    continue
                place = event.sequence
                if event.header.type == "usage_report":
                    reports.append(self._report(event.header, event.message))
                elif event.header.type == "usage_pulse":
                    message = event.message
                    self._pulse(event.header, message, message.get("instanceId"), "gateway")
                else:
                    self._instance(event.header, event.message)
            self._put_place(place)
            if events:
                self._prune(events[-1].header.received_at)
        return reports

    def reported(self, time: float, instance: str, pulses: int, nonce: str, data: str) -> None:
        """The cloud services have a report of the gateway's own; sent again, it is kept once."""
        with self._transaction():
            known = self._connection.execute(_OWN_REPORT, (nonce,)).fetchone()
            if known is None:
                values = (time, instance, "gateway", pulses, 1, "valid", "new", nonce, data)
                self._connection.execute(_REPORT, values)

    def close(self) -> None:
        self._connection.close()

    def _instance(self, header: Header, message: Message) -> None:
        properties = message.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        instance = _text(properties.get("instanceId")) or header.user
        if not instance:
            return
        values = (
            instance,
            header.received_at,
            _text(properties.get("version")),
            _text(properties.get("edition")),
        )
        self._connection.execute(_PING if header.name == KEEP_ALIVE else _SETUP, values)
        (count,) = self._connection.execute("SELECT count(*) FROM instances").fetchone()
        if count > MOST_INSTANCES:
            self._connection.execute(_SILENT, (MOST_INSTANCES,))

    def _pulse(self, header: Header, pulse: Message, instance: Any, origin: Origin) -> None:
        latest = int(header.received_at) // 3600
        moment = read_time(pulse.get("createdAt"))
        hour = latest if moment is None else moment // 3_600_000
        if hour > latest + _AHEAD_HOURS:
            hour = latest
        if type(pulse.get("viewMode")) is not bool:
            return
        user = str(pulse.get("user") or "")
        values = (
            hour,
            _text(instance) or UNKNOWN,
            origin,
            pulse.get("viewMode") is True,
            pulse.get("isAnonymousUser") is True,
            hashlib.blake2b(user.encode(), digest_size=8).digest(),
        )
        self._connection.execute(_PULSE, values)

    def _report(self, header: Header, message: Message) -> RecordedReport:
        nonce, data = str(message.get("messageDigest")), str(message.get("dataDigest"))
        accepted = message.get("accepted") is True
        standing = self._standing(nonce, data)
        instance = _text(message.get("instanceId")) or _text(message.get("hashedInstanceId"))
        instance = instance or UNKNOWN
        if accepted and standing != "replayed":
            for pulse in message.get("usageData", ()):
                self._pulse(header, pulse, instance, "instance")
        signature = str(message.get("signature"))
        pulses = int(message.get("pulses") or 0)
        at = header.received_at
        values = (at, instance, "instance", pulses, accepted, signature, standing, nonce, data)
        self._connection.execute(_REPORT, values)
        return RecordedReport(instance, standing, signature, data)

    def _standing(self, nonce: str, data: str) -> Standing:
        rows = self._connection.execute(
            "SELECT data, accepted FROM reports WHERE nonce = ?", (nonce,)
        ).fetchall()
        if not rows:
            return "new"
        if any(earlier != data for earlier, _ in rows):
            return "tampered"
        return "replayed" if any(accepted for _, accepted in rows) else "repeated"

    def _prune(self, now: float) -> None:
        day = int(now) // _DAY
        if day == self._pruned_day:
            return
        self._pruned_day = day
        oldest = (day - KEEP_DAYS) * _DAY
        self._connection.execute("DELETE FROM usage WHERE hour < ?", (oldest // 3600,))
        self._connection.execute("DELETE FROM reports WHERE time < ?", (oldest,))
        self._connection.execute(
            "DELETE FROM instances WHERE coalesce(last_ping, first_seen) < ?", (oldest,)
        )

    def _put_place(self, sequence: int) -> None:
        self._connection.execute("DELETE FROM place")
        self._connection.execute("INSERT INTO place VALUES (?)", (sequence,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def path(data_dir: Path) -> Path:
    return data_dir / "appsmith" / "ledger.db"


@contextmanager
def reading(data_dir: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection that only reads, beside a running gateway too; None where there is no ledger."""
    file = path(data_dir)
    if not file.exists():
        yield None
        return
    with closing(
        sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
    ) as one:
        (version,) = one.execute("PRAGMA user_version").fetchone()
        yield one if version else None  # it is just being made


def _text(value: Any) -> str | None:
    """A text that a terminal and a table can show, or None."""
    return value if isinstance(value, str) and value and value.isprintable() else None
