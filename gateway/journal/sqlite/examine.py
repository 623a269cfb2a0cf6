"""Every item of the journal that waits is read as its consumers will read it.

Blocks come in pieces, so that memory stays small and the gateway beside is not held up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import orjson

from gateway.event import StoredEvent
from gateway.journal.block import Block, Stream
from gateway.journal.sqlite.letters import dead_letters
from gateway.journal.sqlite.sealing import Connection, block_of_row

BLOCKS = 16
"""Blocks of one piece: 4 MiB of events."""
LETTERS = 256
"""Dead letters of one piece."""

_BLOCKS = """
SELECT first, count, lines, frames FROM {stream}
WHERE first >= coalesce((SELECT max(first) FROM {stream} WHERE first <= ?), 0)
ORDER BY first LIMIT ?
"""


class Item(Protocol):
    """An event, or a line of the audit."""

    @property
    def sequence(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def is_readable(self) -> bool: ...


ItemT = TypeVar("ItemT", bound=Item)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Items in a row that are damaged, or of which nothing is left."""

    first: int
    count: int

    @property
    def end(self) -> int:
        """The sequence of the last."""
        return self.first + self.count - 1


@dataclass(frozen=True, slots=True)
class Examined(Generic[ItemT]):
    """What a block holds, or what is missing between two."""

    end: int
    """The sequence of the last item."""
    readable: Sequence[ItemT]
    unreadable: Sequence[Unreadable]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter."""

    id: int
    destination: str
    reason: str
    is_replaying: bool
    event: StoredEvent


def examined(
    blocks: Iterable[Block], decode: Callable[[Block], Sequence[ItemT]]
) -> Iterator[Examined[ItemT]]:
    """What is in each block, and between them. They follow each other."""
    expected = None
    for block in blocks:
        if expected is not None and block.first > expected:
            gap = Unreadable(expected, block.first - expected)
            yield Examined(gap.end, (), (gap,))
        expected = block.end
        readable = [item for item in decode(block) if _can_be_read(item, block)]
        unreadable = [*_runs(block, {item.sequence for item in readable})]
        yield Examined(block.end - 1, readable, unreadable)


def _can_be_read(item: Item, block: Block) -> bool:
    if not item.is_readable or block.frames is not None:
        return item.is_readable
    try:
        orjson.loads(item.body)  # it has no checksum
    except ValueError:
        return False
    return True


def _runs(block: Block, readable: set[int]) -> Iterator[Unreadable]:
    if len(readable) == block.count:
        return
    first = None
    for sequence in range(block.first, block.end + 1):
        is_bad = sequence < block.end and sequence not in readable
        if is_bad and first is None:
            first = sequence
        elif not is_bad and first is not None:
            yield Unreadable(first, sequence - first)
            first = None


def stream_examined(
    connection: Connection,
    stream: Stream,
    after: int,
    decode: Callable[[Block], Sequence[ItemT]],
) -> Iterator[Examined[ItemT]]:
    """As `examined`, all blocks from the one that holds the item behind `after`."""
    known = after
    for piece in _pieces(connection, stream, after + 1):
        for found in examined(piece, decode):
            if found.end > known:
                known = found.end
                yield found


def _pieces(connection: Connection, stream: Stream, at: int) -> Iterator[list[Block]]:
    """Each of one commit, and from the last block of the piece before on.

    So a gap is seen wherever it is, and is none where the gateway pruned that block meanwhile.
    """
    while True:
        found = connection.execute(_BLOCKS.format(stream=stream), (at, BLOCKS)).fetchall()
        piece = [block_of_row(connection, stream, row) for row in found]
        yield piece
        if len(piece) < BLOCKS:
            return
        at = piece[-1].first


def letters_examined(connection: Connection) -> Iterator[Letter]:
    """Every dead letter, also of those that are to be tried again."""
    for is_replaying in (False, True):
        last = 0
        while found := [*dead_letters(connection, None, last, LETTERS, replaying=is_replaying)]:
            for one in found:
                reason = str(one.letter.reason)
                yield Letter(one.id, one.destination, reason, is_replaying, one.letter.event)
            last = found[-1].id
