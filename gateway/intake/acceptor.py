"""An event is decided once, under one set of rules, and durable when `take` returns."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from gateway.control import Control
from gateway.errors import JournalError
from gateway.event import Decision
from gateway.ingest import Intake
from gateway.ingest.fair_queue import Turns
from gateway.intake.accounting import block_of
from gateway.intake.dedup import Dedup
from gateway.intake.joins import Joins
from gateway.intake.slices import decided
from gateway.journal import AppendLog
from gateway.pipeline.decide import Rules

log = structlog.get_logger(__name__)

Take = Callable[[Intake], Awaitable[None]]
"""Decides events and makes the accepted ones durable. Raises JournalError."""
Screen = Callable[[Intake, Take], Awaitable[None]]
"""Hands on what may be taken of an intake, perhaps with marks. Raises what `Take` raises."""


class Acceptor:
    """Takes what ingest has read."""

    def __init__(
        self,
        control: Control,
        journal: AppendLog,
        dedup: Dedup,
        *,
        turns: Turns,
        screen: Screen,
        refused: Callable[[str, int], None],
        saw: Callable[[Sequence[Decision]], None],
    ) -> None:
        """`saw` gets what is durable, `refused` the reason and number of what cannot be stored."""
        self.changes: Counter[tuple[str, str]] = Counter()
        """What the policy changed since the start, by rule and action."""
        self._control = control
        self._journal = journal
        self._dedup = dedup
        self._joins = Joins(dedup.digest, dedup.has_seen)
        self._turns = turns
        self._screen = screen
        self._refused = refused
        self._saw = saw
        self._under_way: set[asyncio.Future[None]] = set()

    async def take(self, intake: Intake) -> None:
        """Decide the events and make the accepted ones durable. Raises JournalError."""
        rules = await self._control.settled_rules()
        done = asyncio.get_running_loop().create_future()
        self._under_way.add(done)
        try:
            await self._dedup.take(intake, partial(self._take_first_copies, rules))
        except JournalError as error:
            self._refused(str(error), len(intake.events))
            raise
        finally:
            self._under_way.discard(done)
            done.set_result(None)

    async def settled(self) -> None:
        """Wait until all that is being taken by now is in the journal, or is refused."""
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    async def add(self, intake: Intake) -> None:
        """As `take`, for events of the gateway's own, which come once. Raises JournalError."""
        await self._take(self._control.snapshot.rules, intake)

    async def _take_first_copies(self, rules: Rules, intake: Intake) -> None:
        await self._screen(intake, partial(self._take, rules))

    async def _take(self, rules: Rules, intake: Intake) -> None:
        decisions = await decided(intake.events, rules, self._turns)
        for decision in decisions:
            if decision.fault:
                log.error("the policy failed", source=decision.source, fault=decision.fault)
        with self._joins.beside(decisions, rules) as joins:
            block = block_of(intake, decisions, rules, time.time(), joins)
            if not (block.counts or block.audit):
                return
            await self._journal.append(block)
        self._saw(decisions)
        for decision in decisions:
            for change in decision.changes:
                self.changes[change.rule, change.action] += 1
