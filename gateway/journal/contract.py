"""What those who accept events and those who deliver them need of a journal, whatever its engine.

What is appended is bytes and counts, never objects: it may have been made in another process, and
the engine may be on another machine. It is durable, all or nothing, once `append` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.clock import Clock
from gateway.event import StoredEvent
from gateway.journal.block import AuditLine, EncodedBlock, Stream
from gateway.journal.cursor import Buried, Cursor, Settlement, Step

DIGEST_BYTES = 16
"""Of the digest of an event's id."""
MARK = "once/"
"""How the names of counters begin that only tell that something was; they are not in the view."""
DISCARDED = "discarded"
"""Counters `discarded/DESTINATION` tell how many of its dead letters were discarded."""
EXPIRED = "expired"
"""Counters `expired/DESTINATION` tell how many of those grew too old; they count as discarded."""

Without = Callable[[StoredEvent], StoredEvent | None]
"""What may stay of an event: itself, another event at its place, or nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """How many events and dead letters an erasure is about."""

    events: int = 0
    letters: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """What the journal holds as of one commit: all its numbers fit together."""

    heads: Mapping[Stream, int]
    counters: Mapping[str, int]
    cursors: Mapping[str, Cursor]
    followed: Mapping[str, Stream]
    """The consumers that the journal keeps items for; other cursors hold nothing back."""

    def pending(self, name: str) -> int:
        cursor = self.cursors[name]
        return self.heads[cursor.stream] - cursor.position + cursor.replaying

    def passed(self, stream: Stream) -> int:
        """The last sequence that no consumer needs any more; 0 for none."""
        following = [name for name, of in self.followed.items() if of == stream]
        return min((self.cursors[name].position for name in following), default=0)


class AppendLog(Protocol):
    """What those who accept events need."""

    async def append(self, block: EncodedBlock) -> None:
        """Store the block; it is durable on return.

        Raises JournalError when it cannot be kept, and then nothing of it is.
        """
        ...

    def has_seen(self, digest: bytes) -> bool:
        """Whether an event whose id has this digest was appended within the window."""
        ...

    async def marked(self, names: Sequence[str]) -> set[str]:
        """Those of the counters whose names begin with MARK that have ever been counted.

        Raises JournalError when they cannot be read.
        """
        ...

    def refusal(self) -> str | None:
        """Why nothing can be accepted just now, or None. Heals by itself, without traffic."""
        ...


class Journal(AppendLog, Protocol):
    """All of it: what those who deliver need, too. Called from one event loop."""

    @property
    def view(self) -> View:
        """All the numbers of the journal, as of one commit."""
        ...

    @property
    def used_bytes(self) -> int:
        """What the journal holds."""
        ...

    @property
    def encryption_keys(self) -> frozenset[str]:
        """The ids of the keys that what is stored may need, and `plain`; none: all of it is plain.

        A key that is gone from here is not needed any more.
        """
        ...

    @property
    def clock(self) -> Clock:
        """The time to date files by, held against what earlier runs knew."""
        ...

    async def follow(self, consumers: Mapping[str, Stream]) -> None:
        """Name all the consumers there are; before that nothing is pruned and no cursor moves.

        A new one starts at the head of its stream. Items stay until all of these have passed them.
        """
        ...

    async def events(self, after: int, *, most: int, size: int) -> list[StoredEvent]:
        """The events behind sequence `after`: up to `most`, and about `size` bytes of them.

        Raises JournalError when they cannot be read or are not there any more.
        """
        ...

    async def audit(self, after: int, *, most: int, size: int) -> list[AuditLine]:
        """As `events`, for the audit."""
        ...

    async def beyond(self, stream: Stream, sequence: int) -> None:
        """Wait until the stream holds something behind `sequence`."""
        ...

    async def advance(self, name: str, step: Step) -> None:
        """Move a cursor past the next items by what became of them. Durable on return.

        Raises JournalError when the cursor could not be moved; it may be tried again.
        """
        ...

    async def dead_letters(self, name: str | None, *, after: int, most: int) -> list[Buried]:
        """Up to `most` dead letters of a destination, or of all, oldest first, behind id `after`.

        Raises JournalError when they cannot be read.
        """
        ...

    async def revive(self, letters: Sequence[int]) -> None:
        """Have these dead letters tried again: they are pending then. Durable on return.

        Ids that are no dead letters are passed over. Raises JournalError, and then none is.
        """
        ...

    async def discard(self, letters: Sequence[int]) -> None:
        """Delete these dead letters for good; they stay counted as dead. Durable on return.

        Ids that are no dead letters are passed over. Raises JournalError, and then none is deleted.
        """
        ...

    async def replaying(self, name: str) -> None:
        """Wait until letters of the consumer `name` are to be tried again."""
        ...

    async def replays(self, name: str, *, after: int, most: int) -> list[Buried]:
        """As `dead_letters`, those of a destination that are to be tried again."""
        ...

    async def settle(self, name: str, settlement: Settlement) -> None:
        """Tell what became of replayed letters of the consumer `name`. Durable on return.

        Raises JournalError when that could not be stored; it may be tried again.
        """
        ...

    async def erase(self, without: Without, counter: str) -> None:
        """Take out of all that is held what `without` leaves out of each event. Durable on return.

        What is left of an event that is taken out is its place: each consumer passes it as
        `erased`. Dead letters are discarded. The counters `counter/events` and `counter/letters`
        grow by what was taken out, so they are right after a crash, too. Nobody may read meanwhile.
        Raises JournalError; what was erased by then stays erased.
        """
        ...

    async def seek(self, look: Callable[[StoredEvent], bool]) -> Found:
        """How many of the events and dead letters that are held `look` is true of.

        Raises JournalError.
        """
        ...

    async def expire(self, died_before: float) -> int:
        """Discard the dead letters that died before this time; returns how many. As `discard`."""
        ...

    async def purge(self) -> None:
        """Rewrite the files, so that nothing that was deleted can be read in them any more.

        What is appended meanwhile waits. Raises JournalError; it may be tried again.
        """
        ...

    async def close(self) -> None:
        """Write what was handed over before, then let go of everything."""
        ...
