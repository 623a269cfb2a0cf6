"""What was accepted is durable, in order, and given to every consumer from its own cursor.

The event loop encodes and awaits; one thread writes, and one thread reads what is not in
memory any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Self

from gateway.clock import Clock
from gateway.config.model import JournalSettings as Settings
from gateway.encryption import Keyring
from gateway.errors import JournalError
from gateway.event import StoredEvent
from gateway.journal.block import (
    AuditLine,
    EncodedBlock,
    Stream,
    audit_of,
    events_of,
    items,
)
from gateway.journal.contract import EXPIRED, Found, View, Without
from gateway.journal.cursor import Buried, Settlement, Step
from gateway.journal.seen_ids import SeenIds
from gateway.journal.sqlite import erasing, store
from gateway.journal.sqlite.erasing import Expire, Purge
from gateway.journal.sqlite.opening import open_file, opened_ids
from gateway.journal.sqlite.reader import Reader
from gateway.journal.sqlite.transaction import (
    Advance,
    Append,
    Discard,
    Follow,
    Revive,
    Settle,
    Work,
)
from gateway.journal.sqlite.writer import Job, Writer


class SqliteJournal:
    """The durable log. After `open`, everything is called from one event loop."""

    def __init__(self, writer: Writer, reader: Reader, clock: Clock, seen: SeenIds | None) -> None:
        """Use `open`."""
        self.has_seen: Callable[[bytes], bool] = seen.has if seen else _nothing
        """Whether the id with this digest was appended within the window."""
        self.clock = clock
        """The time to date files by, held against what earlier runs knew."""
        self._writer = writer
        self._reader = reader
        self._gathered: list[Job] = []
        self._closing = False

    @classmethod
    def open(
        cls, folder: Path, settings: Settings, window: float = 0, ring: Keyring | None = None
    ) -> Self:
        """Open the journal in `folder`, or make it. Blocks. One process at a time delivers from it.

        `window`: seconds for which ids are remembered; 0: none is. `ring`: the keys to encrypt
        with; what is not yet under the one of today is brought under it in the writing thread.

        Raises JournalError when it is damaged, empty, foreign, of a newer version or encrypted with
        a key that is not in the ring, OSError when the folder cannot be made.
        """
        opened = open_file(folder, ring)
        with ExitStack() as undo:
            undo.callback(opened.connection.close)
            with store.explained(opened.file):
                seen = opened_ids(opened, folder, window)
                writer = Writer(opened, folder, settings, seen)
                writer.start()
            undo.pop_all()
            undo.callback(writer.stop)
            reader = Reader(opened.file, store.connect(opened.file, ring), writer.damaged)
            undo.pop_all()
        return cls(writer, reader, opened.clock, seen)

    async def append(self, block: EncodedBlock) -> None:
        """As the contract says. Raises ValueError for a block whose items are not whole."""
        size = len(block.events) + len(block.audit)
        events, audit = items(block.events, "events"), items(block.audit, "audit")
        await self._do(Append(events, audit, block.counts, block.seen, size))

    def refusal(self) -> str | None:
        """Why nothing can be accepted just now, or None. Heals by itself, without traffic."""
        return "the gateway is stopping" if self._closing else self._writer.refusal()

    async def follow(self, consumers: Mapping[str, Stream]) -> None:
        """Name all the consumers there are; before that nothing is pruned and no cursor moves.

        A new one starts at the head of its stream. Items stay until all of these have passed them.
        """
        await self._do(Follow(dict(consumers)))

    async def advance(self, name: str, step: Step) -> None:
        """Move a cursor past the next items by what became of them. Durable on return.

        Raises JournalError when the cursor could not be moved; it may be tried again.
        """
        await self._do(Advance(name, step, self.clock.now()))

    async def events(self, after: int, *, most: int, size: int) -> list[StoredEvent]:
        """The events behind sequence `after`: up to `most`, and about `size` bytes of them.

        Raises JournalError when they cannot be read or are not there any more.
        """
        recent = self._writer.events.behind(after, most, size)
        head = self.view.heads["events"]
        return recent or await self._reader.read(
            "events", events_of, after, head, most=most, size=size
        )

    async def audit(self, after: int, *, most: int, size: int) -> list[AuditLine]:
        """As `events`, for the audit."""
        recent = self._writer.audit.behind(after, most, size)
        head = self.view.heads["audit"]
        return recent or await self._reader.read(
            "audit", audit_of, after, head, most=most, size=size
        )

    async def marked(self, names: Sequence[str]) -> set[str]:
        """Those of the counters whose names begin with MARK that have ever been counted.

        Raises JournalError when they cannot be read.
        """
        return await self._reader.marked(names)

    async def dead_letters(self, name: str | None, *, after: int, most: int) -> list[Buried]:
        """Up to `most` dead letters of a destination, or of all, oldest first, behind id `after`.

        Raises JournalError when they cannot be read.
        """
        return await self._reader.dead_letters(name, after, most, replaying=False)

    async def replays(self, name: str, *, after: int, most: int) -> list[Buried]:
        """As `dead_letters`, those of a destination that are to be tried again."""
        return await self._reader.dead_letters(name, after, most, replaying=True)

    async def revive(self, letters: Sequence[int]) -> None:
        """Have these dead letters tried again: they are pending then. Durable on return.

        Ids that are no dead letters are passed over. Raises JournalError, and then none is.
        """
        await self._do(Revive(tuple(letters)))

    async def discard(self, letters: Sequence[int]) -> None:
        """Delete these dead letters for good; they stay counted as dead. Durable on return.

        Ids that are no dead letters are passed over. Raises JournalError, and then none is deleted.
        """
        await self._do(Discard(tuple(letters)))

    async def settle(self, name: str, settlement: Settlement) -> None:
        """Tell what became of replayed letters of the consumer `name`. Durable on return.

        Raises JournalError when that could not be stored; it may be tried again.
        """
        await self._do(Settle(name, settlement, self.clock.now()))

    async def erase(self, without: Without, counter: str) -> None:
        """As the contract says. Raises JournalError."""
        at, head = 0, self.view.heads["events"]
        while at < head:
            read = partial(erasing.in_blocks, after=at, head=head, without=without, counter=counter)
            at, work = await self._reader.call(read)
            if work:
                await self._do(work)
        for replaying in (False, True):
            last: int | None = 0
            while last is not None:
                of_letters = partial(
                    erasing.in_letters,
                    after=last,
                    replaying=replaying,
                    without=without,
                    counter=counter,
                )
                last, work = await self._reader.call(of_letters)
                if work:
                    await self._do(work)

    async def seek(self, look: Callable[[StoredEvent], bool]) -> Found:
        """How many events and dead letters `look` is true of. Raises JournalError."""
        return await self._reader.call(partial(erasing.sought, look=look))

    async def expire(self, died_before: float) -> int:
        """Discard the dead letters that died before this time; how many. Raises JournalError."""
        before = self._expired()
        await self._do(Expire(died_before))
        return self._expired() - before

    def _expired(self) -> int:
        counters = self.view.counters.items()
        return sum(count for name, count in counters if name.startswith(f"{EXPIRED}/"))

    async def purge(self) -> None:
        """Leave nothing in the files that was deleted. Raises JournalError."""
        await self._do(Purge())

    async def replaying(self, name: str) -> None:
        """Wait until letters of the consumer `name` are to be tried again."""
        while not self.view.cursors[name].replaying:
            await self._writer.committed.wait()

    async def beyond(self, stream: Stream, sequence: int) -> None:
        """Wait until the stream holds something behind `sequence`."""
        while self.view.heads[stream] <= sequence:
            await self._writer.committed.wait()

    @property
    def view(self) -> View:
        """All the numbers of the journal, as of one commit."""
        return self._writer.view

    @property
    def used_bytes(self) -> int:
        """What the journal holds on disk, without the space that pruning freed within its file."""
        return self._writer.used_bytes

    @property
    def encryption_keys(self) -> frozenset[str]:
        """As the contract says."""
        return self._writer.keys

    async def close(self) -> None:
        """Write what was handed over before, then let go of the file."""
        self._closing = True
        self._hand_over()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._writer.stop)
        await loop.run_in_executor(None, self._reader.close)

    async def _do(self, work: Work) -> None:
        if self._closing:
            raise JournalError("the gateway is stopping")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if not self._gathered:
            loop.call_soon(self._hand_over)
        self._gathered.append(Job(work, done))
        await done

    def _hand_over(self) -> None:
        """What came in one turn of the loop wakes the writer once, and shares its commit."""
        if self._gathered:
            self._writer.put(self._gathered)
            self._gathered = []


def _nothing(_: bytes) -> bool:
    return False
