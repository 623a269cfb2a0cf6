"""From one cursor on: read ahead, carry in lanes, commit behind; order and memory are bounded.

All items of one user go through one lane, in order. At most `pieces` of the journal are read and
not yet settled. The cursor is committed behind the lowest item without an outcome.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic
from zlib import crc32

import structlog

from gateway.delivery.ack_window import AckWindow
from gateway.delivery.backoff import Backoff
from gateway.delivery.batch import ItemT, Prepare, Send, as_they_are, carry
from gateway.delivery.feed import Feed
from gateway.destinations import Rendered
from gateway.event import Reason
from gateway.journal import Journal, Step

log = structlog.get_logger(__name__)


class Stop(Exception):  # noqa: N818 (not an error)
    """Stopped while something could not be done; what is not settled stays in the journal."""


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How a consumer is served."""

    lanes: int = 1
    """Batches on their way at once. A sink that keeps a state needs one lane."""
    batch: int = 500
    """Items that are rendered together at most."""
    piece_bytes: int = 1024**2
    """About what is read at once."""
    pieces: int = 8
    """Pieces read and not yet settled at most: what a consumer may hold in memory."""
    linger: float = 0.1
    """Seconds that new items wait for company, so that a trickle does not cost an fsync each."""
    interval: float = 0
    """Seconds between two deliveries: what comes meanwhile waits, and then leaves in batches as
    full as `pieces` allows. 0: as it comes. A start and a stop deliver what they find at once."""
    gives_up: bool = True
    """Whether what alone keeps failing is set aside."""
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True)
class SessionCalls(Generic[ItemT]):
    """What a session does to the world. All but `render` try until they succeed, or raise Stop."""

    read: Callable[[int], Awaitable[Sequence[ItemT]]]
    """The items behind a sequence, at least one."""
    render: Callable[[Sequence[ItemT]], Rendered]
    send: Send[ItemT]
    advance: Callable[[Step], Awaitable[None]]
    prepare: Prepare[ItemT] = as_they_are
    left_out: Callable[[str, Reason], None] = lambda _part, _reason: None
    """Gets each part of an item that was not sent."""


class Session(Generic[ItemT]):
    """Runs once."""

    def __init__(
        self,
        journal: Journal,
        feed: Feed[ItemT],
        ways: SessionCalls[ItemT],
        pace: DeliveryOptions,
        stopping: asyncio.Event,
        *,
        due: int = 0,
    ) -> None:
        """`due`: the last sequence that a start delivers without waiting for the interval."""
        self._journal = journal
        self._feed = feed
        self._ways = ways
        self._pace = pace
        self._stopping = stopping
        self._window = AckWindow(journal.view.cursors[feed.name].position)
        self._pieces: deque[int] = deque()  # the last sequence of each
        self._newest = (0, 0)  # items and bytes of the newest one
        self._lanes: list[deque[ItemT]] = [deque() for _ in range(pace.lanes)]
        self._filled = [asyncio.Event() for _ in range(pace.lanes)]
        self._settled = asyncio.Event()
        self._passed = asyncio.Event()
        self._waits_first = bool(pace.interval) and self._window.position >= due
        self._all_read = self._all_carried = self._given_up = self._is_reading = False

    async def run(self) -> None:
        """Until `stop`, or until something breaks; what is settled by then is committed."""
        committing = asyncio.create_task(self._commit())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_stop(self._read()))
                for lane, filled in zip(self._lanes, self._filled, strict=True):
                    tasks.create_task(self._until_stop(self._carry(lane, filled)))
        finally:
            self._all_carried = True
            self._settled.set()
            with suppress(Stop):
                await committing

    async def _until_stop(self, work: Coroutine[Any, Any, None]) -> None:
        """One lane that gives up lets the others finish what they have in hand."""
        try:
            await work
        except Stop:
            self._given_up = True
            self._passed.set()

    async def _read(self) -> None:
        position = self._window.position
        try:
            while await self._more(position):
                self._is_reading = True
                items = await self._ways.read(position)
                position = items[-1].sequence
                self._note_piece(items)
                self._hand_out(items)
        finally:
            self._all_read = True
            self._rest()

    def _note_piece(self, items: Sequence[ItemT]) -> None:
        """A trickle fills the piece before: one event that is stuck must not stop what follows."""
        size = sum(len(item.body) for item in items)
        count, held = self._newest
        count, held = count + len(items), held + size
        fits = count <= self._pace.batch and held <= self._pace.piece_bytes
        if self._pieces and fits:
            self._pieces.pop()
            self._newest = count, held
        else:
            self._newest = len(items), size
        self._pieces.append(items[-1].sequence)

    def _rest(self) -> None:
        """Nothing more is read for now, so the lanes need not wait for it."""
        self._is_reading = False
        for filled in self._filled:
            filled.set()

    async def _more(self, position: int) -> bool:
        """Wait until there is something to read and room for it; False when it is time to end."""
        while len(self._pieces) >= self._pace.pieces:
            if self._given_up:
                return False
            self._rest()
            self._passed.clear()
            await self._passed.wait()
        stream = self._feed.stream
        if self._journal.view.heads[stream] > position and not self._waits_first:
            return True
        self._waits_first = False
        self._rest()
        await either(self._journal.beyond(stream, position), self._stopping.wait())
        interval = self._pace.interval
        if interval or self._journal.view.heads[stream] < position + self._pace.batch:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), interval or self._pace.linger)
        return self._journal.view.heads[stream] > position

    def _hand_out(self, items: Sequence[ItemT]) -> None:
        feed, lanes = self._feed, self._lanes
        unreadable = 0
        for item in items:
            if not item.is_readable:
                unreadable += 1
                self._window.settle(item.sequence, feed.unreadable(item))
                continue
            reason = feed.filtered(item)
            if reason is not None:
                self._window.settle(item.sequence, reason)
                continue
            lane = crc32(feed.user(item).encode()) % len(lanes) if len(lanes) > 1 else 0
            lanes[lane].append(item)
        if unreadable:
            log.error("the journal holds what cannot be read", consumer=feed.name, items=unreadable)
        for filled in self._filled:
            filled.set()
        self._settled.set()

    async def _carry(self, lane: deque[ItemT], filled: asyncio.Event) -> None:
        while True:
            while not lane or self._gathers(lane):
                if self._all_read:
                    return
                filled.clear()
                await filled.wait()
            await self._deliver([lane.popleft() for _ in range(min(len(lane), self._pace.batch))])

    def _gathers(self, lane: deque[ItemT]) -> bool:
        """Whether more may come that leaves together with what the lane has."""
        return bool(self._pace.interval) and self._is_reading and len(lane) < self._pace.batch

    async def _deliver(self, items: Sequence[ItemT]) -> None:
        batches = deque([items])
        while batches:
            batch = batches.popleft()
            result = await carry(batch, self._ways.render, self._ways.send, self._ways.prepare)
            for sequence, outcome in result.outcomes.items():
                self._window.settle(sequence, outcome)
            for parts in result.left_out.values():
                for part, reason in parts.items():
                    self._ways.left_out(part, reason)
            if result.state is not None:
                self._window.keep(result.state, batch[-1].sequence)
            batches.extendleft(reversed(result.again))
            self._settled.set()

    async def _commit(self) -> None:
        while True:
            is_last = self._all_carried
            self._settled.clear()
            if step := self._window.step():
                await self._ways.advance(step)
                while self._pieces and self._pieces[0] <= self._window.position:
                    self._pieces.popleft()
                self._passed.set()
            elif is_last:
                return
            else:
                await self._settled.wait()


async def either(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait for the first of them."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
