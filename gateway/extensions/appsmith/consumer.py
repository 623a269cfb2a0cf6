"""The ledger follows the journal as every consumer does: what it could not take yet waits there."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from gateway.delivery import Feed, passed_over
from gateway.destinations import Delivered, Rendered, Request, RetryLater
from gateway.errors import DestinationError
from gateway.event import Reason, StoredEvent
from gateway.extensions.appsmith.ledger import EVENTS, Ledger, RecordedReport
from gateway.journal import Journal

LEDGER = "appsmith/"
"""The consumer that keeps the ledger; no destination can be called so."""

TOLD_A_MINUTE = 10
"""Odd reports that the log names at most; `gateway usage` has them all."""

log = structlog.get_logger(__name__)


def ledger_feed(journal: Journal) -> Feed[StoredEvent]:
    """What instances do, with the installation's own pseudonyms."""

    def filtered(event: StoredEvent) -> Reason | None:
        header = event.header
        is_ours = header.protocol == "appsmith" or header.name in EVENTS
        return None if is_ours else Reason.NO_ROUTE

    return Feed(LEDGER, "events", journal.events, filtered, lambda event: event, _user, passed_over)


class LedgerSink:
    """Writes the ledger in a thread of its own. Its state is the last sequence in the ledger."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._ledger: Ledger | None = None
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._told_at: deque[float] = deque(maxlen=TOLD_A_MINUTE)

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        places = tuple([event.sequence for event in events])
        return Rendered((Request("COUNT", "ledger:", b"", events=places, context=events),))

    async def send(self, request: Request) -> Delivered | RetryLater:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._apply, request.context)
        except (OSError, sqlite3.Error) as error:
            return RetryLater(f"the ledger failed ({type(error).__name__})")
        return Delivered(str(request.events[-1]))

    async def open(self, state: str | None) -> str:
        """Raises DestinationError."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._open, state)
        except (OSError, sqlite3.Error) as error:
            raise DestinationError(f"the ledger failed ({type(error).__name__})") from None

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)

    def _open(self, state: str | None) -> str:
        self._close()
        self._ledger = Ledger.open(self._data_dir)
        if state is None:
            self._ledger.reset()
        return str(self._ledger.place())

    def _apply(self, events: Sequence[StoredEvent]) -> None:
        assert self._ledger is not None  # noqa: S101 (delivery opens before it sends)
        for report in self._ledger.apply(events):
            if report.is_odd:
                self._tell(report)

    def _tell(self, report: RecordedReport) -> None:
        now = time.monotonic()
        if len(self._told_at) < TOLD_A_MINUTE or now - self._told_at[0] > 60:
            self._told_at.append(now)
            log.warning("a usage report is suspicious", **report._asdict())

    def _close(self) -> None:
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.close()


def _user(event: StoredEvent) -> str:
    return event.header.user
