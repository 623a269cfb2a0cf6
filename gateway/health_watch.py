"""Watches journal and disks while nobody asks.

Each outage is one log line at its beginning and one at its end. Disks and folders are looked at in
threads.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import structlog

from gateway import data_usage
from gateway.config.model import JournalSettings as Settings
from gateway.data_usage import Folders
from gateway.errors import JournalError
from gateway.health import STOPPING, Began, Ended, Health, Outages, remedy
from gateway.journal import Journal, encoded
from gateway.journal.capacity import Usage
from gateway.journal.forecast import EVERY_SECONDS, Forecast, Trend

LOOK_SECONDS = 1.0
TELL_SECONDS = 3600.0
"""How often the log warns of what fills up."""
_EFFORT = 50
"""Measuring rests so many times as long as it took."""

log = structlog.get_logger(__name__)


class HealthWatch:
    """Runs from `start` to `stop`."""

    def __init__(self, journal: Journal, settings: Settings, folders: Folders) -> None:
        self._journal = journal
        self._folders = folders
        self._trend = Trend(settings)
        self._outages = Outages()
        self._tasks: list[asyncio.Task[None]] = []
        self.is_stopping = False
        """Whether nothing new is accepted because the process is ending."""
        self.forecast = Forecast(None, None)
        self.usage = Usage({}, {}, None)

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._look(), name="watch the journal"),
            asyncio.create_task(self._touch(), name="touch the journal"),
            asyncio.create_task(self._weigh(), name="watch the disks"),
        ]

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def health(self) -> Health:
        """The answer to everybody who asks."""
        reason = STOPPING if self.is_stopping else self._journal.refusal()
        return Health(reason, self.forecast.warning)

    def refused(self, reason: str, events: int) -> None:
        """A request with so many events was answered 503."""
        if reason != STOPPING:
            self._outages.refused(reason, events)

    async def _look(self) -> None:
        while True:
            reason = await asyncio.to_thread(self._journal.refusal)
            if reason == STOPPING:
                return
            match self._outages.look(time.monotonic(), reason):
                case Began(cause):
                    log.error("events are refused", cause=cause, remedy=remedy(cause))
                case Ended(cause, seconds, requests, events):
                    log.warning(
                        "events are accepted again",
                        cause=cause,
                        refused_for=round(seconds, 1),
                        requests=requests,
                        events=events,
                    )
            await asyncio.sleep(LOOK_SECONDS)

    async def _touch(self) -> None:
        """Begin to write, and write nothing: without traffic nobody else would see a lock."""
        while True:
            with suppress(JournalError):
                await self._journal.append(encoded())
            await asyncio.sleep(LOOK_SECONDS)

    async def _weigh(self) -> None:
        told_at = -TELL_SECONDS
        while True:
            began = time.monotonic()
            with suppress(OSError):
                self.usage = await asyncio.to_thread(data_usage.measured, self._folders)
            self._trend.weigh(time.monotonic(), self._journal.used_bytes, self.usage)
            self.forecast = self._trend.forecast()
            if self.forecast.warning and time.monotonic() - told_at > TELL_SECONDS:
                told_at = time.monotonic()
                log.warning("space runs out", forecast=self.forecast.warning)
            await asyncio.sleep(max(EVERY_SECONDS, _EFFORT * (time.monotonic() - began)))
