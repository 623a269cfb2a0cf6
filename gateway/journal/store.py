"""The file of the journal: SQLite in WAL mode with synchronous=FULL, so a commit is an fsync.

Blocks are only ever added at the end and deleted at the front. A sequence is taken inside the
transaction that stores its event, and the last block always stays, so that none is given twice.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import orjson

from gateway.errors import JournalError
from gateway.event import Reason
from gateway.journal.block import REASONS, Stream, decode, encode_stored, split
from gateway.journal.cursor import Buried, Cursor, DeadLetter, Settlement

VERSION = 2
MARK = "once/"
"""How the names of counters begin that only tell that something was."""
BLOCK_BYTES = 256 * 1024
"""A larger block would make every read of a few events carry it whole."""
PRUNED_AT_ONCE = 8192
"""Items deleted in one transaction, so that catching up after an outage delays nobody."""
SPARE_BYTES = 64 * 1024**2
"""Freed space that the file keeps for the next events; what is more goes back to the disk."""
RETURNED_BYTES = 4 * 1024**2
"""Space given back to the disk at once."""

_BUSY_SECONDS = 5
_PAGE_BYTES = 4096
_PROBE_BYTES = 64 * 1024
_SCHEMA = f"""
CREATE TABLE events (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, lines BLOB NOT NULL);
CREATE TABLE audit (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, lines BLOB NOT NULL);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (
  name TEXT PRIMARY KEY, stream TEXT NOT NULL, position INTEGER NOT NULL,
  started INTEGER NOT NULL, delivered INTEGER NOT NULL, filtered TEXT NOT NULL, dead TEXT NOT NULL,
  state TEXT, replaying INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, sequence INTEGER NOT NULL,
  reason TEXT NOT NULL, status INTEGER, detail TEXT NOT NULL, died_at REAL NOT NULL,
  lines BLOB NOT NULL, replaying INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE probe (filler BLOB NOT NULL);
CREATE INDEX dead_letters_of ON dead_letters (destination, id);
CREATE INDEX replays_of ON dead_letters (destination, id) WHERE replaying = 1;
PRAGMA user_version = {VERSION};
"""
_FROM_VERSION_1 = f"""
ALTER TABLE cursors ADD COLUMN replaying INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dead_letters ADD COLUMN replaying INTEGER NOT NULL DEFAULT 0;
CREATE INDEX replays_of ON dead_letters (destination, id) WHERE replaying = 1;
PRAGMA user_version = {VERSION};
"""
_READ = """
SELECT first, lines FROM {stream}
WHERE first >= coalesce((SELECT max(first) FROM {stream} WHERE first <= ?), 0)
ORDER BY first
"""
_LETTERS = """
SELECT id, destination, died_at, sequence, reason, status, detail, lines FROM dead_letters
WHERE replaying = {replaying} AND {of} AND id > :after ORDER BY id LIMIT :most
"""
_PRUNE = """
DELETE FROM {stream}
WHERE first <= :passed AND first + count - 1 <= :passed
  AND first < (SELECT max(first) FROM {stream})
"""


def create(folder: Path) -> Path:
    """The file of the journal in `folder`; both are made, for this user alone, where missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "journal.db"
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    return file


def connect(file: Path) -> sqlite3.Connection:
    """A connection whose transactions are written out here, usable from any one thread at a time.

    Raises JournalError when the file is damaged or of a newer version.
    """
    connection = sqlite3.connect(
        file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    with explained(file):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise JournalError(
                f"{file} was written by a newer gateway (version {version}, this one reads "
                f"{VERSION}); start that one, or give this one another data_dir"
            )
        if version == 0:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if version < VERSION:
            with transaction(connection):
                for statement in (_FROM_VERSION_1 if version else _SCHEMA).strip().split(";\n"):
                    connection.execute(statement)


def check(connection: sqlite3.Connection, file: Path) -> None:
    """Raises JournalError when the structure of the file is damaged."""
    with explained(file):
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise damaged(file)


def damaged(file: Path) -> JournalError:
    return JournalError(
        f"{file} is damaged; nothing was changed. Move {file.parent} away and start again: new "
        f"events are taken at once, and `sqlite3 {file.name} .recover` saves what waited in it"
    )


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turns what SQLite says about `file` into a JournalError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None) or 0
        if code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise damaged(file) from error
        raise JournalError(f"{file}: {cause(error)}") from error


def cause(error: Exception) -> str:
    """Why a transaction failed, bounded and without a value."""
    match (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "the disk is full"
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN:
            return f"the disk is failing ({getattr(error, 'sqlite_errorname', '')})"
        case sqlite3.SQLITE_READONLY:
            return "the journal is read-only"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another program holds the journal locked"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return "the journal is damaged"
    return f"the journal failed ({getattr(error, 'sqlite_errorname', type(error).__name__)})"


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction, all or nothing; the lock is taken first, so that it cannot deadlock."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def head(connection: sqlite3.Connection, stream: Stream) -> int:
    """The last sequence given in the stream; 0 when there is none."""
    row = connection.execute(
        f"SELECT first + count - 1 FROM {stream} ORDER BY first DESC LIMIT 1"  # noqa: S608 (a Literal)
    ).fetchone()
    return int(row[0]) if row else 0


def add(connection: sqlite3.Connection, stream: Stream, lines: Sequence[bytes]) -> int:
    """Append `lines`, each one encoded item, and return the new head."""
    last = head(connection, stream)
    for run in split(lines, BLOCK_BYTES):
        connection.execute(
            f"INSERT INTO {stream} VALUES (?, ?, ?)",  # noqa: S608 (a Literal)
            (last + 1, len(run), b"".join(run)),
        )
        last += len(run)
    return last


def blocks(
    connection: sqlite3.Connection, stream: Stream, after: int
) -> Generator[tuple[int, bytes], None, None]:
    """The blocks from the one that holds the item behind `after`: first sequence and lines."""
    with closing(connection.execute(_READ.format(stream=stream), (after + 1,))) as rows:
        yield from rows


def prune(connection: sqlite3.Connection, stream: Stream, passed: int) -> None:
    """Delete blocks that end at or before `passed`, the oldest first."""
    at_once = oldest(connection, stream) - 1 + PRUNED_AT_ONCE
    connection.execute(_PRUNE.format(stream=stream), {"passed": min(passed, at_once)})


def oldest(connection: sqlite3.Connection, stream: Stream) -> int:
    """The lowest sequence still held; 1 while there has been none."""
    (first,) = connection.execute(f"SELECT min(first) FROM {stream}").fetchone()  # noqa: S608 (a Literal)
    return int(first or 1)


def count(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Add to the durable counters, in one statement whatever their number."""
    connection.execute(
        "INSERT INTO counters SELECT key, value FROM json_each(?) WHERE true "
        "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (orjson.dumps(counts).decode(),),
    )


def counters(connection: sqlite3.Connection) -> dict[str, int]:
    """All but the marks, of which there may be very many."""
    return dict(
        connection.execute("SELECT name, value FROM counters WHERE name NOT GLOB ?", (f"{MARK}*",))
    )


def marked(connection: sqlite3.Connection, names: Sequence[str]) -> set[str]:
    """Those of the marks that are there."""
    found = connection.execute(
        "SELECT name FROM counters WHERE name IN (SELECT value FROM json_each(?))",
        (orjson.dumps(names).decode(),),
    )
    return {name for (name,) in found}


def cursors(connection: sqlite3.Connection) -> dict[str, Cursor]:
    """Every cursor there is. Raises JournalError for one whose counts do not add up."""
    found = {}
    rows = connection.execute(
        "SELECT name, stream, started, delivered, filtered, dead, state, replaying, position "
        "FROM cursors"
    )
    for name, stream, started, delivered, filtered, dead, state, replaying, position in rows:
        cursor = Cursor(
            name, stream, started, delivered, _reasons(filtered), _reasons(dead), state, replaying
        )
        if cursor.position != position:
            raise JournalError(f"the cursor of `{name}` does not add up; restore the journal")
        found[name] = cursor
    return found


def put(connection: sqlite3.Connection, cursor: Cursor, moved_from: int | None) -> None:
    """Store a cursor, new or `moved_from` the position it must still be at."""
    row = {
        "name": cursor.name,
        "stream": cursor.stream,
        "position": cursor.position,
        "started": cursor.started,
        "delivered": cursor.delivered,
        "filtered": orjson.dumps({str(k): v for k, v in cursor.filtered.items()}).decode(),
        "dead": orjson.dumps({str(k): v for k, v in cursor.dead.items()}).decode(),
        "state": cursor.state,
        "replaying": cursor.replaying,
        "moved_from": moved_from,
    }
    if moved_from is None:
        connection.execute(
            "INSERT INTO cursors VALUES (:name, :stream, :position, :started, :delivered, "
            ":filtered, :dead, :state, :replaying)",
            row,
        )
        return
    written = connection.execute(
        "UPDATE cursors SET position = :position, delivered = :delivered, filtered = :filtered, "
        "dead = :dead, state = :state, replaying = :replaying "
        "WHERE name = :name AND position = :moved_from",
        row,
    )
    if written.rowcount != 1:
        raise JournalError(f"another process moved the cursor of `{cursor.name}`")


def bury(connection: sqlite3.Connection, name: str, letters: Iterable[DeadLetter]) -> None:
    now = time.time()
    connection.executemany(
        "INSERT INTO dead_letters (destination, sequence, reason, status, detail, died_at, lines) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                name,
                letter.event.sequence,
                str(letter.reason),
                letter.status,
                letter.detail,
                now,
                encode_stored(letter.event),
            )
            for letter in letters
        ],
    )


def dead_letters(
    connection: sqlite3.Connection, name: str | None, after: int, most: int, *, replaying: bool
) -> Iterator[Buried]:
    """The dead letters behind the id `after`, of one destination or of all.

    Raises ValueError or KeyError.
    """
    of = "destination = :name" if name else "true"
    rows = connection.execute(
        _LETTERS.format(replaying=int(replaying), of=of),
        {"name": name, "after": after, "most": most},
    )
    for place, destination, died_at, sequence, reason, status, detail, lines in rows:
        [event] = decode(sequence, lines)
        letter = DeadLetter(event, REASONS[reason], status, detail)
        yield Buried(place, destination, died_at, letter)


def revive(
    connection: sqlite3.Connection, letters: Sequence[int]
) -> Mapping[str, Mapping[Reason, int]]:
    """Mark these dead letters as to be tried again; how many they are, by destination and reason.

    Those that are replayed already, or are gone, do not count.
    """
    found: dict[str, dict[Reason, int]] = {}
    rows = connection.execute(
        "UPDATE dead_letters SET replaying = 1 "
        "WHERE replaying = 0 AND id IN (SELECT value FROM json_each(?)) "
        "RETURNING destination, reason",
        (orjson.dumps(letters).decode(),),
    ).fetchall()
    for destination, reason in rows:
        of = found.setdefault(destination, {})
        of[REASONS[reason]] = of.get(REASONS[reason], 0) + 1
    return found


def discard(connection: sqlite3.Connection, letters: Sequence[int]) -> Mapping[str, int]:
    """Delete these dead letters for good; how many they were, by destination."""
    found: dict[str, int] = {}
    rows = connection.execute(
        "DELETE FROM dead_letters "
        "WHERE replaying = 0 AND id IN (SELECT value FROM json_each(?)) RETURNING destination",
        (orjson.dumps(letters).decode(),),
    ).fetchall()
    for (destination,) in rows:
        found[destination] = found.get(destination, 0) + 1
    return found


def settle(connection: sqlite3.Connection, settlement: Settlement) -> None:
    """Delete the replayed letters that are done with; the others are dead again, as they were."""
    now = time.time()
    died_again = []
    done = []
    for place, outcome in settlement.outcomes.items():
        if isinstance(outcome, DeadLetter):
            died_again.append((str(outcome.reason), outcome.status, outcome.detail, now, place))
        else:
            done.append(place)
    changed = connection.executemany(
        "UPDATE dead_letters SET replaying = 0, reason = ?, status = ?, detail = ?, died_at = ? "
        "WHERE id = ? AND replaying = 1",
        died_again,
    ).rowcount
    changed = max(changed, 0)
    changed += connection.execute(
        "DELETE FROM dead_letters WHERE replaying = 1 AND id IN (SELECT value FROM json_each(?))",
        (orjson.dumps(done).decode(),),
    ).rowcount
    if changed != len(settlement.outcomes):
        raise JournalError("a letter was settled that is not replayed")


def used_bytes(connection: sqlite3.Connection) -> int:
    """What the journal holds: pages in use, not those that pruning freed for the next events."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    return int(pages * _PAGE_BYTES) - _spare_bytes(connection)


def shrink(connection: sqlite3.Connection, *, spare: int) -> None:
    """Give some of the freed space back to the disk, where there is more than `spare` bytes."""
    if _spare_bytes(connection) > spare:
        pages = RETURNED_BYTES // _PAGE_BYTES
        connection.executescript(f"PRAGMA incremental_vacuum({pages})")  # `execute` frees one page
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _spare_bytes(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(pages * _PAGE_BYTES)


def probe(connection: sqlite3.Connection) -> None:
    """Write as much as an ordinary request, and fsync it, to see whether the disk takes it."""
    with transaction(connection):
        connection.execute("INSERT INTO probe VALUES (zeroblob(?))", (_PROBE_BYTES,))
    with transaction(connection):
        connection.execute("DELETE FROM probe")


def _reasons(text: str) -> dict[Reason, int]:
    return {REASONS[reason]: count for reason, count in orjson.loads(text).items()}
