"""The two logs, the counters and the cursors, as they stand in the file.

Everything here runs inside a transaction of the caller's, or reads.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

import orjson

from gateway.errors import JournalError
from gateway.event import Reason
from gateway.journal.block import REASONS, STREAMS, Block, Stream, block_of, split
from gateway.journal.contract import MARK
from gateway.journal.cursor import Cursor
from gateway.journal.sqlite import sealing
from gateway.journal.sqlite.sealing import Connection

BLOCK_BYTES = 256 * 1024
"""A larger block would make every read of a few events carry it whole."""
PRUNED_AT_ONCE = 8192
"""Items deleted in one transaction, so that catching up after an outage delays nobody."""

_READ = """
SELECT first, count, lines, frames FROM {stream}
WHERE first >= coalesce((SELECT max(first) FROM {stream} WHERE first <= ?), 0)
ORDER BY first
"""
CURSORS = """
SELECT name, stream, started, delivered, filtered, dead, state, replaying, position FROM cursors
"""
_PRUNE = """
DELETE FROM {stream}
WHERE first <= :passed AND first + count - 1 <= :passed
  AND first < (SELECT max(first) FROM {stream})
"""


def head(connection: Connection, stream: Stream) -> int:
    """The last sequence given in the stream; 0 when there is none."""
    row = connection.execute(
        f"SELECT first + count - 1 FROM {stream} ORDER BY first DESC LIMIT 1"  # noqa: S608 (a Literal)
    ).fetchone()
    return int(row[0]) if row else 0


def add(connection: Connection, stream: Stream, lines: Sequence[bytes]) -> int:
    """Append `lines`, each one encoded item, and return the new head."""
    last = head(connection, stream)
    for run in split(lines, BLOCK_BYTES):
        put_block(connection, stream, block_of(last + 1, run))
        last += len(run)
    return last


def put_block(connection: Connection, stream: Stream, block: Block) -> None:
    lines, frames = sealing.block_columns(connection, stream, block)
    connection.execute(
        f"INSERT INTO {stream} (first, count, lines, frames) VALUES (?, ?, ?, ?)",  # noqa: S608 (a Literal)
        (block.first, block.count, lines, frames),
    )


def replace_block(connection: Connection, stream: Stream, block: Block) -> None:
    """Write another text for the items of a block; nothing where it was pruned meanwhile."""
    lines, frames = sealing.block_columns(connection, stream, block)
    connection.execute(
        f"UPDATE {stream} SET lines = ?, frames = ? WHERE first = ? AND count = ?",  # noqa: S608 (a Literal)
        (lines, frames, block.first, block.count),
    )


def blocks(connection: Connection, stream: Stream, after: int) -> Generator[Block, None, None]:
    """The blocks from the one that holds the item behind `after`."""
    with closing(connection.execute(_READ.format(stream=stream), (after + 1,))) as found:
        for row in found:
            yield sealing.block_of_row(connection, stream, row)


def prune(connection: Connection, stream: Stream, passed: int) -> None:
    """Delete blocks that end at or before `passed`, the oldest first."""
    at_once = oldest(connection, stream) - 1 + PRUNED_AT_ONCE
    connection.execute(_PRUNE.format(stream=stream), {"passed": min(passed, at_once)})


def oldest(connection: Connection, stream: Stream) -> int:
    """The lowest sequence still held; 1 while there has been none."""
    (first,) = connection.execute(f"SELECT min(first) FROM {stream}").fetchone()  # noqa: S608 (a Literal)
    return int(first or 1)


def count(connection: Connection, counts: Mapping[str, int]) -> None:
    """Add to the durable counters, in one statement whatever their number."""
    connection.execute(
        "INSERT INTO counters SELECT key, value FROM json_each(?) WHERE true "
        "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (orjson.dumps(counts).decode(),),
    )


def counters(connection: Connection) -> dict[str, int]:
    """All but the marks, of which there may be very many."""
    return dict(
        connection.execute("SELECT name, value FROM counters WHERE name NOT GLOB ?", (f"{MARK}*",))
    )


def marked(connection: Connection, names: Sequence[str]) -> set[str]:
    """Those of the marks that are there."""
    found = connection.execute(
        "SELECT name FROM counters WHERE name IN (SELECT value FROM json_each(?))",
        (orjson.dumps(names).decode(),),
    )
    return {name for (name,) in found}


def remember(connection: Connection, digests: bytes) -> None:
    """Keep digests of ids with the events they are of, until `forget`."""
    connection.execute("INSERT INTO seen_ids (digests) VALUES (?)", (digests,))


def remembered(connection: Connection) -> Iterator[bytes]:
    for (digests,) in connection.execute("SELECT digests FROM seen_ids ORDER BY batch"):
        yield digests


def newest_remembered(connection: Connection) -> int:
    """The batch that was kept last; 0 for none."""
    (batch,) = connection.execute("SELECT max(batch) FROM seen_ids").fetchone()
    return int(batch or 0)


def forget(connection: Connection, batch: int) -> None:
    """Let go of the digests up to this batch. The newest is kept, so that no number comes twice."""
    connection.execute(
        "DELETE FROM seen_ids WHERE batch <= ? AND batch < (SELECT max(batch) FROM seen_ids)",
        (batch,),
    )


def cursors(connection: Connection) -> dict[str, Cursor]:
    """Every cursor there is. Raises JournalError for one whose counts do not add up."""
    found = [cursor(row) for row in connection.execute(CURSORS)]
    return {each.name: each for each in found}


def cursor(row: tuple[Any, ...]) -> Cursor:
    """A row of CURSORS. Raises JournalError where its counts do not add up."""
    name, stream, started, delivered, filtered, dead, state, replaying, position = row
    with suppress(ValueError, KeyError, TypeError):
        found = Cursor(
            name, stream, started, delivered, _reasons(filtered), _reasons(dead), state, replaying
        )
        if found.position == position and stream in STREAMS:
            return found
    raise JournalError(
        f"the cursor of `{name}` does not add up; "
        "stop the gateway and run `gateway doctor --repair`"
    )


def put(connection: Connection, cursor: Cursor, moved_from: int | None) -> None:
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


def _reasons(text: str) -> dict[Reason, int]:
    return {REASONS[reason]: count for reason, count in orjson.loads(text).items()}
