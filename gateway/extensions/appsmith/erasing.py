"""A person is taken out of the ledger and of reports; what was counted stays counted.

The rows of one person become those of one nobody, whom nothing leads back to the person.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import orjson

from gateway.extensions.appsmith import ledger

_BLOT = b'"erased"'
_MOVE = """
INSERT INTO usage SELECT hour, instance, origin, view, anonymous, ?, pulses FROM usage
WHERE user = ? ON CONFLICT DO UPDATE SET pulses = pulses + excluded.pulses
"""


def erase(data_dir: Path, ids: frozenset[str]) -> Mapping[str, int]:
    """How many entries were changed, by file. Raises sqlite3.Error."""
    found = {}
    if (file := ledger.path(data_dir)).exists():
        found["usage"] = _in_ledger(file, ids)
    if (file := file.with_name("outbox.db")).exists():
        found["usage_reports"] = _in_outbox(file, ids)
    return {place: count for place, count in found.items() if count}


def _in_ledger(file: Path, ids: frozenset[str]) -> int:
    nobody = secrets.token_bytes(8)
    changed = 0
    with closing(sqlite3.connect(file, timeout=5, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for one in ids:
            user = hashlib.blake2b(one.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            connection.execute(_MOVE, (nobody, user))
            changed += connection.execute("DELETE FROM usage WHERE user = ?", (user,)).rowcount
            changed += connection.execute("DELETE FROM instances WHERE id = ?", (one,)).rowcount
        connection.execute("COMMIT")
        _purge(connection)
    return changed


def _in_outbox(file: Path, ids: frozenset[str]) -> int:
    changed = 0
    with closing(sqlite3.connect(file, timeout=5, isolation_level=None)) as connection:
        for place, pulses in connection.execute("SELECT id, pulses FROM reports").fetchall():
            left = bytes(pulses)
            for one in ids:
                left = left.replace(orjson.dumps(one), _BLOT)
            if left != pulses:
                changed += 1
                connection.execute("UPDATE reports SET pulses = ? WHERE id = ?", (left, place))
        _purge(connection)
    return changed


def _purge(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
