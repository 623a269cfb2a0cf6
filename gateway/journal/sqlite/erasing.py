"""A person is taken out of the file event by event, and every other event keeps its place.

What is read here is decided by the caller, in pieces; what is written is a few blocks and letters
of one transaction. An event that is taken out leaves its place behind, so that no cursor is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from gateway.event import NO_TEXT, CleanBytes, Reason, StoredEvent
from gateway.journal.block import Block, events_of, rewritten
from gateway.journal.contract import DISCARDED, Found, Without
from gateway.journal.sqlite import letters, rows
from gateway.journal.sqlite.examine import LETTERS
from gateway.journal.sqlite.sealing import Connection

PIECE_BYTES = 4 * 1024**2
"""About what is read and decided at once."""


@dataclass(frozen=True, slots=True)
class Erase:
    """Blocks and dead letters as they are to be, in one transaction."""

    counter: str
    blocks: Sequence[Block] = ()
    items: Mapping[int, StoredEvent] = field(default_factory=dict)
    """The events that differ, by their sequence."""
    events: int = 0
    letters: Sequence[int] = ()
    """The ids of those that go."""
    letters_changed: Mapping[int, StoredEvent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expire:
    """Dead letters that died before a time."""

    died_before: float


@dataclass(frozen=True, slots=True)
class Purge:
    """Leave nothing in the file that was deleted."""


def place_of(event: StoredEvent) -> StoredEvent:
    """What is left of an event: its place, and when it came."""
    header = event.header
    reasons = {
        name: Reason.ERASED if reason is Reason.QUARANTINED else reason
        for name, reason in header.filtered.items()
    }
    empty = replace(
        header,
        message_id=NO_TEXT,
        protocol="segment",
        type="erased",
        name=None,
        user=NO_TEXT,
        pseudonyms=(),
        to=(),
        filtered={**reasons, **dict.fromkeys(header.to, Reason.ERASED)},
        hops=(),
    )
    return StoredEvent(event.sequence, empty, CleanBytes(b"{}"))


def in_blocks(
    connection: Connection, after: int, head: int, without: Without, counter: str
) -> tuple[int, Erase | None]:
    """What one piece of the events behind `after` becomes, and where it ends."""
    changed: list[Block] = []
    items: dict[int, StoredEvent] = {}
    erased = size = 0
    with closing(rows.blocks(connection, "events", after)) as blocks:
        for block in blocks:
            here: dict[int, StoredEvent] = {}
            for event in events_of(block):
                left = without(event)
                if left is not event:
                    erased += left is None
                    here[event.sequence] = place_of(event) if left is None else left
            if here:
                changed.append(rewritten(block, here))
                items |= here
            after = block.end - 1
            size += len(block.lines)
            if size >= PIECE_BYTES or after >= head:
                break
        else:
            after = head
    return after, Erase(counter, changed, items, erased) if changed else None


def in_letters(
    connection: Connection,
    after: int,
    without: Without,
    counter: str,
    *,
    replaying: bool,
) -> tuple[int | None, Erase | None]:
    """As `in_blocks`, for dead letters; None where none is behind `after`."""
    gone: list[int] = []
    changed: dict[int, StoredEvent] = {}
    last = None
    for letter in letters.dead_letters(connection, None, after, LETTERS, replaying=replaying):
        last = letter.id
        event = letter.letter.event
        left = without(event)
        if left is None:
            gone.append(letter.id)
        elif left is not event:
            changed[letter.id] = left
    work = Erase(counter, letters=gone, letters_changed=changed) if gone or changed else None
    return last, work


def sought(connection: Connection, look: Callable[[StoredEvent], bool]) -> Found:
    """How many events and dead letters `look` is true of."""
    events = sum(
        look(event) for block in rows.blocks(connection, "events", 0) for event in events_of(block)
    )
    dead = sum(
        look(letter.letter.event)
        for replaying in (False, True)
        for letter in letters.dead_letters(connection, None, 0, -1, replaying=replaying)
    )
    return Found(events, dead)


def erase(connection: Connection, work: Erase) -> tuple[Counter[str], Counter[str]]:
    """Write it; the counters that grow, and how many letters were being replayed, by destination.

    Blocks and letters that are gone by now are passed over.
    """
    for block in work.blocks:
        rows.replace_block(connection, "events", block)
    letters.change(connection, work.letters_changed)
    discarded, replayed = letters.erase(connection, work.letters)
    counts = Counter({f"{work.counter}/events": work.events})
    counts[f"{work.counter}/letters"] = discarded.total() + replayed.total()
    return +counts + Counter({f"{DISCARDED}/{name}": n for name, n in discarded.items()}), replayed
