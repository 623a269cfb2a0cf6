"""One thread writes, and whatever waits for it shares one transaction and one fsync.

A job is settled once: its future is resolved after the commit that holds it, or with the error that
kept it out. A group that fails is tried again job by job, so that no job fails for its neighbour.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway import health
from gateway.config.model import JournalSettings as Settings
from gateway.errors import JournalError
from gateway.event import StoredEvent
from gateway.journal.block import AuditLine, Stream, event_of, line_of
from gateway.journal.contract import DIGEST_BYTES
from gateway.journal.recent_events import Tail
from gateway.journal.seen_ids import SYNC_IDS, SeenIds, Sync
from gateway.journal.sqlite import high_water, rows, store
from gateway.journal.sqlite.conversion import Conversion
from gateway.journal.sqlite.erasing import Erase, Purge
from gateway.journal.sqlite.high_water import Mark
from gateway.journal.sqlite.opening import Opened
from gateway.journal.sqlite.transaction import Append, Work, apply, look, seen_in
from gateway.journal.sqlite.whereabouts import Whereabouts

GROUP_BYTES = 8 * 1024**2
"""What one transaction takes; the rest waits for the next."""
MARK_SECONDS = 1.0
"""How often the mark beside the journal is written at most."""
TRY_SECONDS = 0.25
"""How often a journal that refuses tries to make room, and whether it still must refuse."""
log = structlog.get_logger(__name__)

_WEIGH_BYTES = 1024**2
_WEIGH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    work: Work
    done: asyncio.Future[None]


class Writer:
    """Owns the writing connection, and with it `view`, `used_bytes`, `events` and `audit`."""

    def __init__(
        self, opened: Opened, folder: Path, settings: Settings, seen: SeenIds | None
    ) -> None:
        """Use `start` before anything else."""
        self._opened = opened
        self._connection = opened.connection
        self._settings = settings
        self.committed = asyncio.Event()
        self.events: Tail[StoredEvent] = Tail(event_of)
        self.audit: Tail[AuditLine] = Tail(line_of)
        self._jobs: list[Job] = []
        self._stopping = False
        self._wake = threading.Condition()
        self._fault: str | None = None
        self._is_damaged = False
        self._seen = seen
        self._unsynced = 0
        self._syncing: tuple[int, Sync] | None = None
        self._unweighed = 0
        self._marked_at = -MARK_SECONDS
        self._marked: Mapping[Stream, int] = {}
        self._whereabouts = Whereabouts(folder)
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)

    def start(self) -> None:
        """Look at what the file holds, and begin to write. Blocks. Raises sqlite3.Error."""
        self._conversion = Conversion(self._connection, self._opened.file.parent)
        self._weigh()
        self.view = look(self._connection)
        self._mark()
        self._whereabouts.start()
        self._thread.start()

    def put(self, jobs: Sequence[Job]) -> None:
        with self._wake:
            self._jobs += jobs
            self._wake.notify()

    def stop(self) -> None:
        """Write what was put before, end the thread and close the connection. Blocks."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    @property
    def keys(self) -> frozenset[str]:
        """The ids of the encryption keys that what is stored may need, and PLAIN. Any thread."""
        return self._connection.listed

    def refusal(self) -> str | None:
        """Why nothing can be appended just now, or None. From any thread."""
        facts = health.HealthFacts(
            used=self.used_bytes,
            max_bytes=self._settings.max_bytes,
            disk=self._whereabouts.disk,
            min_free_bytes=self._settings.min_free_bytes,
            is_replaced=self._whereabouts.is_replaced,
            fault=health.DAMAGED if self._is_damaged else self._fault,
        )
        return health.reason(facts)

    def damaged(self) -> None:
        """Take no more into a file that is damaged. From any thread."""
        self._is_damaged = True

    def _run(self) -> None:
        while (group := self._take()) is not None:
            if group:
                self._settle(group)
            self._tidy()
        self._whereabouts.stop()
        self._mark()
        if self._seen:
            self._seen.close()
        self._connection.close()

    def _take(self) -> list[Job] | None:
        """The jobs that wait, in order; none when it is time to tidy; None to stop."""
        with self._wake:
            self._wake.wait_for(lambda: self._jobs or self._stopping, self._longest_wait())
            if self._stopping and not self._jobs:
                return None
            size = taken = 0
            while taken < len(self._jobs) and size < GROUP_BYTES:
                work = self._jobs[taken].work
                if isinstance(work, Purge) and taken:
                    break
                size += work.size if isinstance(work, Append) else 0
                taken += 1
                if isinstance(work, Purge):
                    break
            self._unweighed += size
            group, self._jobs = self._jobs[:taken], self._jobs[taken:]
            return group

    def _longest_wait(self) -> float | None:
        if self.refusal():
            return TRY_SECONDS
        waits = [MARK_SECONDS] if self._marked != self.view.heads else []
        if (wait := self._conversion.wait()) is not None:
            waits.append(wait)
        return min(waits, default=None)

    def _settle(self, group: Sequence[Job]) -> None:
        error: JournalError | None = None
        is_of_all = False  # not of one job, so that trying each would only take longer
        heads = self.view.heads
        try:
            self._commit([job.work for job in group])
        except JournalError as refused:
            error = refused
        except sqlite3.Error as failed:
            if store.is_damage(failed):
                self.damaged()
            self._fault = store.cause(failed)
            error = JournalError(self._fault)
            is_of_all = store.is_locked(failed)
        except Exception as failed:  # noqa: BLE001 (the thread outlives whatever a job brings)
            error = JournalError(store.cause(failed))
        if error and len(group) > 1 and not is_of_all:
            for job in group:
                self._settle([job])
        else:
            self._resolve(group, heads, error)

    def _commit(self, works: Sequence[Work]) -> None:
        if isinstance(works[0], Purge):  # stands alone, for it is no part of a transaction
            store.purge(self._connection, self._opened.file.parent)
            return
        appending = any(isinstance(work, Append) for work in works)
        if appending and (refusal := self.refusal()):
            raise JournalError(refusal)
        if appending and self._whereabouts.are_files_gone():  # what is acknowledged must be there
            raise JournalError(health.REPLACED)
        self.view = apply(self._connection, self.view, works, self.damaged)
        if self._seen and (digests := seen_in(works)):
            with suppress(OSError):  # the events are kept: what comes behind is no error of theirs
                self._seen.add(digests)
            self._unsynced += len(digests) // DIGEST_BYTES

    def _resolve(
        self, group: Sequence[Job], heads: Mapping[Stream, int], error: JournalError | None
    ) -> None:
        def resolve() -> None:
            for job in group:
                if job.done.done():  # its caller was cancelled
                    continue
                if error:
                    job.done.set_exception(error)
                else:
                    job.done.set_result(None)
            if not error:
                self._remember([job.work for job in group], heads)
            self.committed.set()
            self.committed.clear()  # whoever waited wakes up all the same

        with suppress(RuntimeError):  # the loop is closed, so nobody waits
            group[0].done.get_loop().call_soon_threadsafe(resolve)

    def _remember(self, works: Sequence[Work], heads: Mapping[Stream, int]) -> None:
        """Keep the tails at what was committed behind `heads` and not yet passed by all."""
        appends = [work for work in works if isinstance(work, Append)]
        self.events.add(heads["events"] + 1, [item for append in appends for item in append.events])
        self.audit.add(heads["audit"] + 1, [item for append in appends for item in append.audit])
        for work in works:
            if isinstance(work, Erase):
                self.events.replace(work.items)
        if len(appends) < len(works):
            self.events.forget(self.view.passed("events"))
            self.audit.forget(self.view.passed("audit"))

    def _mark(self) -> None:
        """Write down how far the journal has come; a mark that lags is still true."""
        self._marked_at = time.monotonic()
        if self._marked == self.view.heads:
            return
        heads = self.view.heads
        opened = self._opened
        certain = opened.clock.certain()
        mark = Mark(opened.generation, heads["events"], heads["audit"], certain, opened.former)
        with suppress(OSError):  # the disk is full; the next one is as good
            high_water.write(self._opened.mark, mark)
            self._marked = heads

    def _let_go_of_seen(self) -> None:
        """What the tables of seen ids hold durably, the journal need not keep as well."""
        if self._seen and self._syncing is None and self._unsynced >= SYNC_IDS:
            self._unsynced = 0
            self._syncing = rows.newest_remembered(self._connection), self._seen.sync()
        elif self._syncing and self._syncing[1].is_over:
            (batch, synced), self._syncing = self._syncing, None
            if not synced.is_durable:
                self._unsynced = SYNC_IDS // 2  # tried again, and not at once
                return
            with store.transaction(self._connection):
                rows.forget(self._connection, batch)

    def _tidy(self) -> None:
        with suppress(sqlite3.Error, OSError, RuntimeError):  # the thread outlives it
            self._let_go_of_seen()
        if time.monotonic() - self._marked_at > MARK_SECONDS:
            self._mark()
        self._convert()
        is_stale = time.monotonic() - self._weighed_at > _WEIGH_SECONDS
        refusal = self.refusal()
        if not (is_stale or refusal or self._unweighed > _WEIGH_BYTES):
            return
        try:
            if self._fault:
                store.probe(self._connection)
            store.shrink(self._connection, spare=0 if refusal else store.SPARE_BYTES)
            self._weigh()
            self._fault = None
        except sqlite3.Error as error:
            self._fault = store.cause(error)

    def _convert(self) -> None:
        """A piece of what is not yet under the key of today, while the journal takes events."""
        if self._conversion.wait() is None or self.refusal():
            return
        try:
            self._conversion.work()
        except sqlite3.Error as failed:
            if store.is_damage(failed):
                self.damaged()
        except JournalError as error:
            log.error("rows of the journal stay under their key", fault=str(error))  # noqa: TRY400

    def _weigh(self) -> None:
        self.used_bytes = store.used_bytes(self._connection)
        self._unweighed = 0
        self._weighed_at = time.monotonic()
