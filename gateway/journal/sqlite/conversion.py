"""What the file holds comes under the key that new rows are written with, piece by piece.

A row is changed in one transaction, and another key is taken off the list of the file only when no
row needs it any more; so it may stop at any instant, and begins again at the next start. What was
never encrypted stays listed until the file is rewritten, so that nothing of it is left between the
rows or in the WAL.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from gateway.encryption import PLAIN, key_of
from gateway.journal.block import STREAMS, Stream
from gateway.journal.sqlite import sealing, store
from gateway.journal.sqlite.sealing import Connection

PIECE_BYTES = 1024**2
"""What one transaction changes at most, beyond one row."""
REWRITTEN_BYTES = 64 * 1024**2
"""Up to this size the file is rewritten while events wait, which takes less than a second."""
SHARE = 0.25
"""Of the writing thread's time."""
TRY_SECONDS = 30.0

_BLOCKS = "SELECT first, count, lines, frames FROM {stream} WHERE first > ? ORDER BY first"
_LETTERS = """
SELECT id, destination, sequence, lines, checksum, detail FROM dead_letters
WHERE id > ? ORDER BY id
"""

log = structlog.get_logger(__name__)

Piece = Callable[[Connection, int], int | None]
"""Changes rows behind a place and returns the next place; None where there are no more."""


class Conversion:
    """Used by the thread that writes."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._steps = self._all_steps()
        self._place = 0
        self._next_at = 0.0
        self._step = next(self._steps) if self.is_due else None
        if self.is_due:
            connection.execute("PRAGMA secure_delete = ON")

    @property
    def is_due(self) -> bool:
        """Whether something is not as new rows are written."""
        listed = self._connection.listed
        return bool(listed) and listed != {self._connection.writes}

    def wait(self) -> float | None:
        """Seconds until there is something to do; None for never."""
        return max(0.0, self._next_at - time.monotonic()) if self._step else None

    def work(self) -> None:
        """Do a piece, where it is time to. Raises sqlite3.Error; it is tried again."""
        began = time.monotonic()
        if self._step is None or began < self._next_at:
            return
        self._next_at = began + TRY_SECONDS
        with store.transaction(self._connection):
            following = self._step(self._connection, self._place)
        taken = time.monotonic() - began
        self._place = following or 0
        if following is None and (step := next(self._steps, None)) is not None:
            self._step = step
        elif following is None and not self._finished():
            return
        self._next_at = time.monotonic() + taken * (1 / SHARE - 1)

    def _all_steps(self) -> Iterator[Piece]:
        for stream in STREAMS:
            yield _blocks_of(stream)
        yield _letters

    def _finished(self) -> bool:
        connection = self._connection
        was_plain = PLAIN in connection.listed and connection.writes != PLAIN
        if was_plain and not _rewritten(connection, self._folder):
            return False
        store.unlist_keys(connection)
        connection.execute("PRAGMA secure_delete = OFF")
        self._step = None
        log.info("all that the journal holds is under one encryption key", key=connection.writes)
        return True


def _rewritten(connection: Connection, folder: Path) -> bool:
    """Leave nothing of what was plain in the file; False where it is too large for now."""
    if store.used_bytes(connection) > REWRITTEN_BYTES:
        return False
    # SQLite would use /tmp, which may be small or not writable.
    quoted = str(folder).replace("'", "''")
    connection.execute(f"PRAGMA temp_store_directory = '{quoted}'")
    connection.execute("VACUUM")
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _blocks_of(stream: Stream) -> Piece:
    def piece(connection: Connection, after: int) -> int | None:
        size, changed = 0, []
        last = None
        found = connection.execute(_BLOCKS.format(stream=stream), (after,))
        for first, count, lines, frames in found:
            last = first
            size += len(lines)
            if _is_to_change(connection, lines):
                changed.append(
                    sealing.block_of_row(connection, stream, (first, count, lines, frames))
                )
            if size > PIECE_BYTES:
                break
        found.close()
        for block in changed:
            connection.execute(
                f"UPDATE {stream} SET lines = ?, frames = ? WHERE first = ?",  # noqa: S608 (a Literal)
                (*sealing.block_columns(connection, stream, block), block.first),
            )
        return last

    return piece


def _letters(connection: Connection, after: int) -> int | None:
    size, last, changed = 0, None, []
    found = connection.execute(_LETTERS, (after,))
    for place, destination, sequence, lines, checksum, detail in found:
        last = place
        size += len(lines)
        if _is_to_change(connection, lines) or _is_to_change(connection, detail):
            changed.append((place, destination, sequence, lines, checksum, detail))
        if size > PIECE_BYTES:
            break
    found.close()
    for place, destination, sequence, lines, checksum, detail in changed:
        of = connection, destination, sequence
        read = sealing.letter_of_row(*of, lines, checksum)
        said = sealing.detail_of_row(*of, detail)
        connection.execute(
            "UPDATE dead_letters SET lines = ?, checksum = ?, detail = ? WHERE id = ?",
            (*sealing.letter_columns(*of, *read), sealing.detail_column(*of, said), place),
        )
    return last


def _is_to_change(connection: Connection, column: object) -> bool:
    """Whether it is not as new rows are written, and can be read."""
    read = sealing.as_bytes(column) or b""
    return key_of(read) != connection.writes and not sealing.is_foreign(connection, read)
