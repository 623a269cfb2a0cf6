"""One thread reads for all consumers, a bounded piece each time, so that none waits long.

Every sequence that was asked for is given back, at its place: as it was written, or marked as not
readable. So damage in the file costs the items it hit, and no consumer waits for them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TypeVar

from gateway.errors import JournalError
from gateway.event import StoredEvent
from gateway.journal.block import AuditLine, Block, Stream, missing
from gateway.journal.cursor import Buried
from gateway.journal.sqlite import letters, rows, salvage, store
from gateway.journal.sqlite.sealing import Connection

Item = TypeVar("Item", StoredEvent, AuditLine)
Result = TypeVar("Result")
Decode = Callable[[Block], list[Item]]


class Reader:
    """Owns the reading connection."""

    def __init__(self, file: Path, connection: Connection, damaged: Callable[[], None]) -> None:
        """`damaged` is called, in the reading thread, when the file is found to be."""
        self._file = file
        self._damaged = damaged
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, "journal-reader")

    async def read(
        self, stream: Stream, decode: Decode[Item], after: int, head: int, *, most: int, size: int
    ) -> list[Item]:
        """Up to `most` items and about `size` bytes of them from behind `after`, in order.

        `head`: the last sequence that was committed. Raises JournalError when they are not there
        any more, or the file cannot be reached.
        """

        def read() -> list[Item]:
            try:
                with closing(rows.blocks(self._connection, stream, after)) as found:
                    return _taken(_whole(found, after), decode, after, most, size)
            except sqlite3.DatabaseError as error:
                if not store.is_damage(error):
                    raise
            self._damaged()
            blocks = salvage.blocks(self._connection, stream, after, head)
            return _taken(blocks, decode, after, most, size)

        return await self._in_thread(read)

    async def marked(self, names: Sequence[str]) -> set[str]:
        """Raises JournalError when they cannot be read."""
        return await self._in_thread(lambda: rows.marked(self._connection, names))

    async def dead_letters(
        self, name: str | None, after: int, most: int, *, replaying: bool
    ) -> list[Buried]:
        """Raises JournalError when they cannot be read."""
        return await self._in_thread(
            lambda: list(
                letters.dead_letters(self._connection, name, after, most, replaying=replaying)
            )
        )

    async def call(self, read: Callable[[Connection], Result]) -> Result:
        """Whatever `read` finds. Raises JournalError."""
        return await self._in_thread(lambda: read(self._connection))

    def close(self) -> None:
        self._thread.shutdown()
        self._connection.close()

    async def _in_thread(self, read: Callable[[], Result]) -> Result:
        def explained() -> Result:
            with store.explained(self._file):
                return read()

        return await asyncio.get_running_loop().run_in_executor(self._thread, explained)


def _whole(blocks: Iterable[Block], after: int) -> Iterable[Block]:
    """The blocks, with what is missing between them. Raises JournalError if the first is gone."""
    expected = None
    for block in blocks:
        if expected is None and block.first > after + 1:
            raise JournalError(f"what stands behind {after} is not in the journal any more")
        if expected is not None and block.first > expected:
            yield missing(expected, block.first - expected)
        yield block
        expected = block.end


def _taken(
    blocks: Iterable[Block], decode: Decode[Item], after: int, most: int, size: int
) -> list[Item]:
    items: list[Item] = []
    for item in chain.from_iterable(map(decode, blocks)):
        if item.sequence <= after:
            continue
        items.append(item)
        size -= len(item.body)
        if len(items) >= most or size <= 0:
            break
    return items
