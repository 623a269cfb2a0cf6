"""What is older than the configuration lets it be is deleted: files whole, dead letters each.

The clock is the journal's: one that jumped ahead deletes nothing before the jump has lasted a day.
Nothing is deleted in the first week, so that nobody loses by an upgrade what they meant to keep.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Literal

import orjson
import structlog

from gateway import durable
from gateway.config.model import Retention as Settings
from gateway.errors import JournalError
from gateway.journal import Journal
from gateway.jsonl.expiry import expire
from gateway.jsonl.files import cause
from gateway.timestamps import timestamp

LOOK_SECONDS = 3600.0
FILE = "retention.json"
GRACE_SECONDS = 7 * 86_400.0
"""From the first start with retention to the first deletion."""

Part = Literal["events", "audit", "quarantine"]

log = structlog.get_logger(__name__)


def first_start(data_dir: FilePath, now: float) -> float:
    """When retention first ran in this folder: now, where it never did. Blocks.

    A full disk must not stop the start: then the week begins again with the next one.
    """
    file = data_dir / FILE
    try:
        return float(orjson.loads(file.read_bytes())["since"])
    except (OSError, ValueError, TypeError, KeyError):
        with suppress(OSError):
            durable.put(file, orjson.dumps({"since": now}), 0o640)
        return now


class Retention:
    """Looks every hour, from `start` to `stop`."""

    def __init__(
        self,
        journal: Journal,
        settings: Callable[[], Settings],
        folders: Mapping[FilePath, Part],
        *,
        since: float,
    ) -> None:
        """`settings`: those in force. `since`: see `first_start`."""
        self.begins_at = since + GRACE_SECONDS
        """Nothing is deleted before, in epoch seconds."""
        self.deleted: Counter[str] = Counter()
        """Files that were deleted since the start, by part."""
        self._journal = journal
        self._settings = settings
        self._folders = folders
        self._task: asyncio.Task[None] | None = None

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self._settings()

    def start(self) -> None:
        log.info(
            "what is older than `retention` is deleted",
            from_=timestamp(self.begins_at),
            **self.settings.shown(),
        )
        self._task = asyncio.create_task(self._run(), name="retention")

    def stop(self) -> None:
        if self._task:
            self._task.cancel()

    async def look(self) -> None:
        """Delete what is too old now."""
        settings, now = self.settings, self._journal.clock.certain()
        if now < self.begins_at:
            return
        kept: Mapping[str, float | str] = settings.model_dump()
        for folder, part in self._folders.items():
            age = kept[part]
            if isinstance(age, str):
                continue
            try:
                gone = await asyncio.to_thread(expire, folder, now - age, self._time_of(part))
            except OSError as error:
                log.warning("old files could not be deleted", part=part, cause=cause(error))
                continue
            self.deleted[part] += len(gone)
            if gone:
                log.info("old files were deleted", part=part, files=gone)
        age = settings.dead_letters
        if not isinstance(age, str):
            await self._expire_letters(now - age)

    def _time_of(self, part: Part) -> str | None:
        """Lines of the audit are chained."""
        now = datetime.fromtimestamp(self._journal.clock.now(), UTC)
        return now.isoformat() if part == "audit" else None

    async def _expire_letters(self, before: float) -> None:
        try:
            gone = await self._journal.expire(before)
        except JournalError as error:
            log.warning("old dead letters could not be discarded", cause=str(error))
            return
        if gone:
            log.info("old dead letters were discarded", letters=gone)

    async def _run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)
