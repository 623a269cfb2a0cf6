"""The extensions of one gateway that runs: their hooks, with what this gateway offers to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import structlog
from aiohttp import web

from gateway.admin.html import PageLink
from gateway.admin.metrics import Metric
from gateway.config.model import GatewaySettings
from gateway.control import Control
from gateway.delivery import Feed, Sink
from gateway.errors import fault
from gateway.event import StoredEvent
from gateway.extensions.hooks import Hooks
from gateway.ingest import IngestBackend, Intake
from gateway.intake import Screen, Take
from gateway.journal import Journal
from gateway.samples import Counts

log = structlog.get_logger(__name__)


class RunningExtensions:
    """Their `Host`, from `start` to `stop`."""

    def __init__(
        self,
        hooks: Sequence[Hooks],
        control: Control,
        journal: Journal,
        data_dir: FilePath,
    ) -> None:
        self.data_dir = data_dir
        self.marked = journal.marked
        self._hooks = hooks
        self._control = control
        self._journal = journal
        self._screens = [each.screen(self) for each in hooks if each.screen]
        self._tasks: list[asyncio.Task[None]] = []
        self._add: Take | None = None

    def start(self, add: Take) -> None:
        """Begin their tasks. `add` takes events of their own."""
        self._add = add
        self._tasks = [
            asyncio.create_task(_watched(name, work), name=name)
            for each in self._hooks
            for name, work in each.tasks(self).items()
        ]

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def pseudonym(self, text: str) -> str:
        return self._control.pseudonymizer.lasting(text)

    @property
    def settings(self) -> GatewaySettings:
        return self._control.snapshot.settings

    @property
    def counters(self) -> Mapping[str, int]:
        return self._journal.view.counters

    @staticmethod
    def now() -> float:
        return time.time()

    async def add(self, intake: Intake) -> None:
        assert self._add is not None  # noqa: S101 (tasks run from `start` on)
        await self._add(intake)

    async def screen(self, intake: Intake, take: Take) -> None:
        """Hand on what every extension lets through. Raises what `take` raises."""
        for screen in self._screens:
            take = _behind(screen, take)
        await take(intake)

    def add_routes(self, app: web.Application, backend: IngestBackend) -> None:
        """Their routes of SDK traffic."""
        for each in self._hooks:
            each.routes(app, backend)

    @property
    def admin_routes(self) -> Sequence[web.RouteDef]:
        return [route for each in self._hooks for route in each.admin(self)]

    @property
    def pages(self) -> Sequence[PageLink]:
        return [page for each in self._hooks for page in each.pages]

    @property
    def metrics(self) -> Sequence[Metric]:
        return [metric for each in self._hooks for metric in each.metrics]

    @property
    def consumers(self) -> Sequence[tuple[Feed[StoredEvent], Sink[StoredEvent]]]:
        """What they read the journal with."""
        return [
            consumer.make(self._journal, self.data_dir)
            for each in self._hooks
            for consumer in each.consumers
        ]

    @property
    def erase(self) -> Sequence[Callable[[FilePath, frozenset[str]], Mapping[str, int]]]:
        """What takes a person out of what they keep."""
        return [each.erase for each in self._hooks]

    @property
    def folders(self) -> Mapping[FilePath, str]:
        """Where they write, and the part of the data that each is counted as."""
        return {
            self.data_dir / folder: part
            for each in self._hooks
            for folder, part in each.folders.items()
        }

    async def counts(self) -> Counts:
        """What they add to one look."""
        found = [await each.counts(self) for each in self._hooks]
        return Counts(
            {key: value for one in found for key, value in one.status.items()},
            {name: values for one in found for name, values in one.samples.items()},
        )


async def _watched(name: str, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 (whatever it is, the gateway goes on)
        log.error(  # noqa: TRY400 (a traceback may quote an event)
            "a task of an extension failed; restart the gateway to run it again",
            task=name,
            fault=fault(error),
        )


def _behind(screen: Screen, take: Take) -> Take:
    async def hand_on(intake: Intake) -> None:
        await screen(intake, take)

    return hand_on
