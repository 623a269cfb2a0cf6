"""Keeps the table of fields beside the running gateway, and puts what people decide in force."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path as FilePath

import structlog

from gateway.control import Control
from gateway.errors import fault, file_problem
from gateway.event import Decision
from gateway.fields import store
from gateway.fields.listing import Listing
from gateway.fields.sightings import Sightings, expanded
from gateway.fields.table import FieldTable, Place, State
from gateway.pipeline.fields import FieldRules

log = structlog.get_logger(__name__)

_SECONDS = 15.0
"""Between two times that counts are written."""


class FieldReview:
    """One for a gateway."""

    def __init__(self, control: Control, table: FieldTable, data_dir: FilePath) -> None:
        self._control = control
        self._table = table
        self._data_dir = data_dir
        self._sightings = Sightings()
        self._changing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def saw(self, decisions: Sequence[Decision]) -> None:
        """Count the fields of events that are durable."""
        for decision in decisions:
            self._sightings.add(decision)

    def start(self) -> None:
        self._task = asyncio.create_task(self._now_and_then())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
        await self.write()

    async def listing(self) -> Listing:
        """All of it as of now."""
        await self.write()
        async with self._changing:
            return Listing.of(self._table, self._control.snapshot.rules.fields)

    async def judge(self, places: Sequence[Place], state: State) -> None:
        """Durable and in force on return. Raises OSError or KeyError; then nothing has changed."""
        async with self._changing:
            before = {place: self._table.rows[place].state for place in places}

            def change(rules: FieldRules) -> FieldRules:
                self._table.judge(places, state)
                try:
                    store.write(self._data_dir, self._table)
                except BaseException:
                    for place, was in before.items():
                        self._table.rows[place].state = was
                    raise
                return store.knowing(self._table, rules)

            await self._control.know_fields(change)

    async def write(self) -> None:
        """Take up what was seen. What cannot be written now is written later."""
        async with self._changing:
            entries, over = self._sightings.taken()
            if not (entries or over):
                return
            snapshot = self._control.snapshot
            plans, learn_for = snapshot.rules.catalogue.plans, snapshot.settings.fields.learn_for

            def change(rules: FieldRules) -> FieldRules:
                self._table.over += over
                self._table.add(expanded(entries, plans), learn_for)
                store.write(self._data_dir, self._table)
                return store.knowing(self._table, rules)

            try:
                await self._control.know_fields(change)
                self._failing = False
            except OSError as error:
                if not self._failing:
                    log.warning("counts of fields cannot be written", problem=file_problem(error))
                self._failing = True

    async def _now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            try:
                await self.write()
            except Exception as error:  # noqa: BLE001 (whatever it is, events go on)
                problem = fault(error)
                log.error("fields cannot be counted", fault=problem)  # noqa: TRY400 (no traceback)


def opened(data_dir: FilePath) -> FieldTable:
    """The table of a data folder, on disk when this returns. Raises ConfigurationError, OSError."""
    table = store.read(data_dir, time.time())
    if not (data_dir / store.FILE).exists():
        store.write(data_dir, table)
    return table
