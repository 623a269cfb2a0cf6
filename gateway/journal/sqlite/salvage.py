"""Reading around damage: what can be read is given back, what cannot is counted as missing.

SQLite reads no further at a damaged page. What lies behind it is found again by its key, in a
number of steps that is logarithmic in the length of the table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from gateway.journal.block import Block, Stream, missing
from gateway.journal.sqlite import store
from gateway.journal.sqlite.sealing import Connection, block_of_row

_BLOCK_AT = """
SELECT first, count FROM {stream}
WHERE first >= coalesce((SELECT max(first) FROM {stream} WHERE first <= :at), 0)
  AND first + count > :at
ORDER BY first LIMIT 1
"""
_LINES = "SELECT lines, frames FROM {stream} WHERE first = ?"
_LETTER_AT = """
SELECT id, destination, sequence, reason, status, detail, died_at, lines, replaying, checksum
FROM dead_letters NOT INDEXED WHERE id >= ? ORDER BY id LIMIT 1
"""
_NO_LIMIT = 2**60

Found = TypeVar("Found")
Probe = Callable[[int], Found | None]
"""What stands at a key or next behind it; None where there is nothing or where it is damaged."""


def blocks(connection: Connection, stream: Stream, after: int, head: int) -> Iterator[Block]:
    """Blocks that hold every sequence behind `after` up to `head`, in order and without a gap."""

    def probe(at: int) -> tuple[int, int] | None:
        return _one(connection, _BLOCK_AT.format(stream=stream), {"at": at})

    at = after + 1
    while at <= head:
        first, count = _next(probe, at, head) or (head + 1, 0)
        if first > at:
            yield missing(at, min(first, head + 1) - at)
        if first > head:
            return
        lines, frames = _one(connection, _LINES.format(stream=stream), (first,)) or (b"", b"")
        yield block_of_row(connection, stream, (first, count, lines, frames))
        at = first + count


def last(connection: Connection, stream: Stream, known: int) -> int:
    """The last sequence of the stream that can be found, at least `known`."""

    def probe(at: int) -> tuple[int, int] | None:
        return _one(connection, _BLOCK_AT.format(stream=stream), {"at": at})

    while found := _next(probe, known + 1, _NO_LIMIT):
        known = found[0] + found[1] - 1
    return known


def letters(connection: Connection) -> Iterator[tuple[Any, ...]]:
    """Every dead letter that can be read, as a row, in the order of the ids."""

    def probe(at: int) -> tuple[Any, ...] | None:
        return _one(connection, _LETTER_AT, (at,))

    at = 0
    while found := _next(probe, at + 1, _NO_LIMIT):
        yield found
        at = found[0]


def table(connection: Connection, query: str) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows of a small table up to where it is damaged, and whether it is whole."""
    found: list[tuple[Any, ...]] = []
    try:
        for row in connection.execute(query):
            found.append(row)  # noqa: PERF402 (what was read before the damage counts)
    except sqlite3.DatabaseError as error:
        if not _is_lost(error):
            raise
        return found, False
    return found, True


def _next(probe: Probe[Found], at: int, limit: int) -> Found | None:
    """What can be found first, at `at` or behind it."""
    if found := probe(at):
        return found
    low, step = at, 1
    while not (found := probe(low + step)):
        low, step = low + step, step * 2
        if low > limit:
            return None
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        if better := probe(middle):
            found, high = better, middle
        else:
            low = middle
    return found


def _one(connection: Connection, query: str, given: Any) -> tuple[Any, ...] | None:
    try:
        row: tuple[Any, ...] | None = connection.execute(query, given).fetchone()
    except sqlite3.DatabaseError as error:
        if not _is_lost(error):
            raise
        return None
    return row


def _is_lost(error: sqlite3.DatabaseError) -> bool:
    """Damaged, or a table that a damaged schema does not name any more."""
    return store.is_damage(error) or str(error).startswith("no such table")
