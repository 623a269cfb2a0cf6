"""One thread reads for all consumers, a bounded piece each time, so that none waits long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from gateway.errors import JournalError
from gateway.event import StoredEvent
from gateway.journal import store
from gateway.journal.block import AuditLine, Stream
from gateway.journal.cursor import Buried

Item = TypeVar("Item", StoredEvent, AuditLine)
Result = TypeVar("Result")
Decode = Callable[[int, bytes], list[Item]]


class Reader:
    """Owns the reading connection."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection = store.connect(file)
        self._thread = ThreadPoolExecutor(1, "journal-reader")

    async def read(
        self, stream: Stream, decode: Decode[Item], after: int, most: int, size: int
    ) -> list[Item]:
        """Up to `most` items and about `size` bytes of them from behind `after`, in order.

        Raises JournalError when they cannot be read, or are not there any more.
        """

        def read() -> list[Item]:
            with closing(store.blocks(self._connection, stream, after)) as blocks:
                return _taken(blocks, decode, after, most, size)

        items = await self._in_thread(read)
        if items and items[0].sequence != after + 1:
            raise JournalError(f"the {stream} behind {after} are not in the journal any more")
        return items

    async def marked(self, names: Sequence[str]) -> set[str]:
        """Raises JournalError when they cannot be read."""
        return await self._in_thread(lambda: store.marked(self._connection, names))

    async def dead_letters(
        self, name: str | None, after: int, most: int, *, replaying: bool
    ) -> list[Buried]:
        """Raises JournalError when they cannot be read."""
        return await self._in_thread(
            lambda: list(
                store.dead_letters(self._connection, name, after, most, replaying=replaying)
            )
        )

    def close(self) -> None:
        self._thread.shutdown()
        self._connection.close()

    async def _in_thread(self, read: Callable[[], Result]) -> Result:
        def explained() -> Result:
            with store.explained(self._file):
                try:
                    return read()
                except (ValueError, KeyError, TypeError):
                    raise store.damaged(self._file) from None

        return await asyncio.get_running_loop().run_in_executor(self._thread, explained)


def _taken(
    blocks: Iterable[tuple[int, bytes]], decode: Decode[Item], after: int, most: int, size: int
) -> list[Item]:
    items: list[Item] = []
    for first, lines in blocks:
        for item in decode(first, lines)[max(0, after + 1 - first) :]:
            items.append(item)
            size -= len(item.body)
            if len(items) >= most or size <= 0:
                return items
    return items
