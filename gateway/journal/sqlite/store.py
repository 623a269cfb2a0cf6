"""The file of the journal: SQLite in WAL mode with synchronous=FULL, so a commit is an fsync.

Blocks are only ever added at the end and deleted at the front. A sequence is taken inside the
transaction that stores its event, and the last block always stays, so that none is given twice.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.encryption import PLAIN, Keyring
from gateway.errors import JournalError
from gateway.journal.sqlite import sealing
from gateway.journal.sqlite.sealing import Connection

FILE = "journal.db"
VERSION = 3
MARKED_SINCE = 3
"""The first version whose journals have a generation."""
ENCRYPTED = 1000
"""Added to the version of a file that holds something encrypted, so that a gateway that cannot
decrypt does not open it."""
SPARE_BYTES = 64 * 1024**2
"""Freed space that the file keeps for the next events; what is more goes back to the disk."""
RETURNED_BYTES = 4 * 1024**2
"""Space given back to the disk at once."""

_BUSY_SECONDS = 5
_PAGE_BYTES = 4096
_PROBE_BYTES = 64 * 1024
_SCHEMA = """
CREATE TABLE events (
  first INTEGER PRIMARY KEY, count INTEGER NOT NULL, lines BLOB NOT NULL, frames BLOB
);
CREATE TABLE audit (
  first INTEGER PRIMARY KEY, count INTEGER NOT NULL, lines BLOB NOT NULL, frames BLOB
);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (
  name TEXT PRIMARY KEY, stream TEXT NOT NULL, position INTEGER NOT NULL,
  started INTEGER NOT NULL, delivered INTEGER NOT NULL, filtered TEXT NOT NULL, dead TEXT NOT NULL,
  state TEXT, replaying INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, sequence INTEGER NOT NULL,
  reason TEXT NOT NULL, status INTEGER, detail TEXT NOT NULL, died_at REAL NOT NULL,
  lines BLOB NOT NULL, replaying INTEGER NOT NULL DEFAULT 0, checksum INTEGER
);
CREATE TABLE seen_ids (batch INTEGER PRIMARY KEY, digests BLOB NOT NULL);
CREATE TABLE generation (id TEXT NOT NULL);
CREATE TABLE probe (filler BLOB NOT NULL);
CREATE INDEX dead_letters_of ON dead_letters (destination, id);
CREATE INDEX replays_of ON dead_letters (destination, id) WHERE replaying = 1
"""
_KEYS = "CREATE TABLE IF NOT EXISTS encryption_keys (id TEXT PRIMARY KEY) WITHOUT ROWID"
"""The ids of the keys that rows may need, and PLAIN; only in a file that is ENCRYPTED."""
_FROM_VERSION_2 = """
ALTER TABLE events ADD COLUMN frames BLOB;
ALTER TABLE audit ADD COLUMN frames BLOB;
ALTER TABLE dead_letters ADD COLUMN checksum INTEGER;
CREATE TABLE seen_ids (batch INTEGER PRIMARY KEY, digests BLOB NOT NULL);
CREATE TABLE generation (id TEXT NOT NULL)
"""
"""What has been added since version 0.1.0."""


def create(folder: Path) -> Path:
    """The file of the journal in `folder`; both are made, for this user alone, where missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / FILE
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    return file


def connect(file: Path, ring: Keyring | None = None) -> Connection:
    """A connection whose transactions are written out here, usable from any one thread at a time.

    Raises JournalError when the file is damaged or of a newer version, or needs a key that is not
    in the ring.
    """
    connection = sqlite3.connect(
        file,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=Connection,
    )
    connection.ring = ring
    try:
        _prepare(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def read_only(file: Path, ring: Keyring | None = None) -> Connection:
    """A connection that changes nothing. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"{file.resolve().as_uri()}?mode=ro",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        factory=Connection,
    )
    connection.ring = ring
    return connection


def version_of(connection: sqlite3.Connection) -> tuple[int, bool]:
    """The version of the file, and whether something in it is encrypted."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version % ENCRYPTED, version >= ENCRYPTED


def _prepare(connection: Connection, file: Path) -> None:
    with explained(file):
        version, is_encrypted = version_of(connection)
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
            bring_up_to_date(connection, version)
        if is_encrypted or connection.writes != PLAIN:
            _enter_key(connection, file, is_new=version == 0, is_encrypted=is_encrypted)


def keys_listed(connection: sqlite3.Connection) -> frozenset[str]:
    """The ids of the keys that rows of the file may need, and PLAIN; none where it has none."""
    if not version_of(connection)[1]:
        return frozenset()
    return frozenset(key for (key,) in connection.execute("SELECT id FROM encryption_keys"))


def check_keys(connection: Connection, file: Path) -> None:
    """Raises JournalError where the file needs a key that is not at hand. Changes nothing."""
    connection.listed = keys_listed(connection)
    at_hand = connection.ring.ids if connection.ring else frozenset()
    if lacking := connection.listed - at_hand - {PLAIN}:
        raise JournalError(f"{file}: {sealing.missing(lacking, connection.ring)}")


def list_keys(connection: Connection, ids: Iterable[str]) -> None:
    """Have the file list these keys. Inside a transaction of the caller's."""
    connection.execute(_KEYS)
    connection.executemany("INSERT OR IGNORE INTO encryption_keys VALUES (?)", [(i,) for i in ids])
    connection.execute(f"PRAGMA user_version = {VERSION + ENCRYPTED}")
    connection.listed = keys_listed(connection)


def unlist_keys(connection: Connection) -> None:
    """Let the file list only what new rows need, because no other row is left."""
    with transaction(connection):
        if connection.writes == PLAIN:
            connection.execute("DROP TABLE encryption_keys")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        else:
            connection.execute("DELETE FROM encryption_keys WHERE id != ?", (connection.writes,))
    connection.listed = keys_listed(connection)


def _enter_key(connection: Connection, file: Path, *, is_new: bool, is_encrypted: bool) -> None:
    """Before a row is written with a key, the file lists it."""
    check_keys(connection, file)
    if connection.writes in connection.listed:
        return
    others = () if is_new or is_encrypted else (PLAIN,)
    with transaction(connection):
        list_keys(connection, (connection.writes, *others))


def bring_up_to_date(connection: sqlite3.Connection, version: int) -> None:
    """Make the tables, or add what a journal of version 0.1.0 lacks."""
    with transaction(connection):
        for statement in (_FROM_VERSION_2 if version else _SCHEMA).strip().split(";\n"):
            connection.execute(statement)
        connection.execute("INSERT INTO generation VALUES (?)", (secrets.token_hex(8),))
        connection.execute(f"PRAGMA user_version = {VERSION}")
    # Without its WAL, the file of a new journal would be an empty one.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def generation(connection: sqlite3.Connection) -> str:
    """The id of this journal, which no copy of an earlier day shares once it was written to."""
    (found,) = connection.execute("SELECT id FROM generation").fetchone()
    return str(found)


def begin_generation(connection: sqlite3.Connection, new: str | None = None) -> str:
    """Give the journal a new id, durably."""
    new = new or secrets.token_hex(8)
    with transaction(connection):
        connection.execute("UPDATE generation SET id = ?", (new,))
    return new


def check(connection: sqlite3.Connection, file: Path) -> None:
    """Raises JournalError when the structure of the file is damaged."""
    with explained(file):
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise damaged(file)


def damaged(file: Path) -> JournalError:
    return JournalError(
        f"{file} is damaged; nothing was changed. Stop the gateway and run `gateway doctor "
        f"--repair`: it copies {file.parent} first, and then saves what can be read"
    )


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite found the file itself damaged."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another program holds the file."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turns what SQLite says about `file` into a JournalError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
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


def purge(connection: sqlite3.Connection, folder: Path) -> None:
    """Write the file again, so that nothing deleted is in it or in its WAL. Takes as much disk.

    Raises JournalError where a reader still needs what the WAL held before.
    """
    # SQLite would use /tmp, which may be small or not writable.
    quoted = str(folder).replace("'", "''")
    connection.execute(f"PRAGMA temp_store_directory = '{quoted}'")
    connection.execute("VACUUM")
    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise JournalError("something reads the journal for long; try again when it has ended")


def _spare_bytes(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(pages * _PAGE_BYTES)


def probe(connection: sqlite3.Connection) -> None:
    """Write as much as an ordinary request, and fsync it, to see whether the disk takes it."""
    with transaction(connection):
        connection.execute("INSERT INTO probe VALUES (zeroblob(?))", (_PROBE_BYTES,))
    with transaction(connection):
        connection.execute("DELETE FROM probe")
