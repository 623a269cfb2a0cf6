"""Which ids came within the window: looked up in files of 8 bytes a slot, whatever their number.

An id is a digest of 16 bytes. Half of it says where to look in a hash table, half of it is kept
there; to take a new id for a known one, both would have to agree by chance (1 in 10^18 for each
event). The tables of a quarter of the window are one segment, deleted as a whole when its last id
has passed the window. A table is filled to 60 %, so that an id costs 13 bytes, and a chain of them
27 at most.

The journal keeps the digests with the events until the tables that hold them are on the disk, so
that none is forgotten by a crash, and none is remembered whose event was not kept.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog

from gateway.clock import Clock
from gateway.journal.contract import DIGEST_BYTES

SYNC_IDS = 65_536
"""Ids after which the tables are made durable and the journal lets go of their digests."""

_SEGMENTS = 4
_FEWEST_SLOTS, _MOST_SLOTS = 2**13, 2**26
_FULL, _OVERFULL = 0.6, 0.9
_COUNTED_SLOTS = 2**20
_HEADER = struct.Struct("<8s16sQddQ")
_HEADER_BYTES = 64
_SLOT_BYTES = 8
_MAGIC = b"seenids1"
_NAME = re.compile(r"(\d{10})\.ids")
_digest = struct.Struct("<QQ")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Segment:
    """A quarter of the window; times are epoch seconds that had surely come."""

    number: int
    began: float
    ended: float  # when its last id was added


@dataclass(slots=True)
class _Table:
    file: Path
    handle: int
    memory: mmap.mmap
    slots: memoryview
    segment: _Segment
    count: int


@dataclass(slots=True)
class Sync:
    """How far making the tables durable has come."""

    is_over: bool = False
    is_durable: bool = False


class SeenIds:
    """One thread adds; any thread may ask."""

    def __init__(self, folder: Path, window: float, generation: str, clock: Clock) -> None:
        """Use `open`."""
        self._folder = folder
        self._window = window
        self._generation = generation.encode()
        self._clock = clock
        self._where: tuple[tuple[memoryview, int, _Segment], ...] = ()
        self._tables: list[_Table] = []
        self._is_full = False

    @classmethod
    def open(cls, folder: Path, window: float, generation: str, clock: Clock) -> Self:
        """Open the tables in `folder`, without those of another generation. Raises OSError.

        `window`: seconds. `generation`: of the journal that the ids belong to.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = cls(folder, window, generation, clock)
        seen._tables = list(seen._opened())
        seen._look_in()
        return seen

    def has(self, digest: bytes) -> bool:
        """Whether the id came within the window. Costs about a microsecond."""
        place, value = _digest.unpack(digest)
        value = value or 1
        for slots, mask, segment in self._where:
            at = place & mask
            while found := slots[at]:
                if found == value:
                    return segment.ended + self._window >= self._clock.certain()
                at = (at + 1) & mask
        return False

    def add(self, digests: bytes) -> None:
        """Remember ids whose events were just made durable. `digests`: 16 bytes each."""
        now = self._clock.certain()
        table = self._table_for(now)
        if table is None:
            return
        for digest in _digest.iter_unpack(digests):
            if table.count >= _FULL * len(table.slots):
                self._write_header(table)
                table = self._table_for(now)
                if table is None:
                    return
            _put(table.slots, *digest)
            table.count += 1
        table.segment.ended = now
        self._write_header(table)

    def add_unless_there(self, digests: bytes) -> None:
        """As `add`, for ids that may be in the tables already."""
        pieces = (digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES))
        self.add(b"".join(digest for digest in pieces if not self.has(digest)))

    def sync(self) -> Sync:
        """Make what was added durable, in a thread of its own."""
        done = Sync()
        handles = [os.dup(table.handle) for table in self._tables]

        def sync() -> None:
            try:
                for handle in handles:
                    os.fdatasync(handle)
                done.is_durable = True
            except OSError as error:
                cause = os.strerror(error.errno or 0)
                log.warning("ids of accepted events cannot be synced to disk", cause=cause)
            finally:
                done.is_over = True
                for handle in handles:
                    os.close(handle)

        threading.Thread(target=sync, name="seen-ids", daemon=True).start()
        return done

    def close(self) -> None:
        self._where = ()
        for table in self._tables:
            os.close(table.handle)
        self._tables = []

    def _write_header(self, table: _Table) -> None:
        _HEADER.pack_into(
            table.memory, 0, _MAGIC, self._generation,
            table.segment.number, table.segment.began, table.segment.ended, table.count,
        )  # fmt: skip

    def _opened(self) -> Iterator[_Table]:
        """The tables that may be used, oldest first; others are deleted: they only hold digests."""
        segments: dict[int, _Segment] = {}
        for file in sorted(self._folder.iterdir()):
            if _NAME.fullmatch(file.name) is None:
                continue
            table = _open(file, segments)
            if table is None or table.memory[8:24] != self._generation:
                log.warning("a table of seen ids is of another journal", file=file.name)
                if table:
                    os.close(table.handle)
                file.unlink()
            else:
                yield table

    def _look_in(self) -> None:
        """The newest first: retries come soon."""
        self._where = tuple(
            (table.slots, len(table.slots) - 1, table.segment) for table in reversed(self._tables)
        )

    def _table_for(self, now: float) -> _Table | None:
        """The table to add to; None while there is no room on the disk for one."""
        last = self._tables[-1] if self._tables else None
        is_due = last is None or now - last.segment.began >= self._window / _SEGMENTS
        if last is not None and not is_due and last.count < _FULL * len(last.slots):
            return last
        self._expire(now)
        try:
            if last is None or is_due:
                number = last.segment.number if last else 0
                table = self._create(_Segment(number + 1, now, now), self._expected(number))
            else:
                table = self._create(last.segment, min(2 * len(last.slots), _MOST_SLOTS))
        except OSError as error:
            if not self._is_full:
                self._is_full = True
                cause = os.strerror(error.errno or 0)
                log.warning("no room to remember ids: repeats are accepted", cause=cause)
            usable = last is not None and last.count < _OVERFULL * len(last.slots)
            return last if usable else None
        self._is_full = False
        self._tables.append(table)
        self._look_in()
        return table

    def _expected(self, segment: int) -> int:
        """Slots for as many ids as the segment before had."""
        count = sum(table.count for table in self._tables if table.segment.number == segment)
        slots = _FEWEST_SLOTS
        while slots * _FULL < count and slots < _MOST_SLOTS:
            slots *= 2
        return slots

    def _expire(self, now: float) -> None:
        old = [table for table in self._tables if table.segment.ended + self._window < now]
        if not old:
            return
        self._tables = [table for table in self._tables if table not in old]
        self._look_in()
        for table in old:  # its memory is freed when nobody looks in it any more
            os.close(table.handle)
            with suppress(OSError):
                table.file.unlink()

    def _create(self, segment: _Segment, slots: int) -> _Table:
        numbers = [int(table.file.stem) for table in self._tables]
        file = self._folder / f"{max(numbers, default=0) + 1:010}.ids"
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Space that is not there would end the process when its page is written.
            os.posix_fallocate(handle, 0, _HEADER_BYTES + slots * _SLOT_BYTES)
            memory = mmap.mmap(handle, 0)
        except OSError:
            os.close(handle)
            file.unlink(missing_ok=True)
            raise
        table = _Table(file, handle, memory, _slots(memory), segment, 0)
        self._write_header(table)
        return table


def _open(file: Path, segments: dict[int, _Segment]) -> _Table | None:
    """The table in a file; None where it is none. `segments`: those found. Raises OSError."""
    handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    slots = (os.fstat(handle).st_size - _HEADER_BYTES) // _SLOT_BYTES
    memory = mmap.mmap(handle, 0) if slots > 0 and not slots & (slots - 1) else None
    if memory is None or memory[: len(_MAGIC)] != _MAGIC:
        os.close(handle)
        return None
    _, _, number, began, ended, count = _HEADER.unpack_from(memory)
    segment = segments.setdefault(number, _Segment(number, began, ended))
    segment.ended = max(segment.ended, ended)
    view = _slots(memory)
    if slots <= _COUNTED_SLOTS:  # a table that is fuller than it says would be searched forever
        count = sum(map(bool, view))
    return _Table(file, handle, memory, view, segment, count)


def _slots(memory: mmap.mmap) -> memoryview:
    return memoryview(memory)[_HEADER_BYTES:].cast("Q")


def _put(slots: memoryview, place: int, value: int) -> None:
    mask = len(slots) - 1
    at = place & mask
    while slots[at]:
        at = (at + 1) & mask
    slots[at] = value or 1
