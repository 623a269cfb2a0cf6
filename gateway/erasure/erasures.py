"""Carries erasures out, one after the other, from wherever an earlier life of the process left off.

The order is what makes `done` true: the person is refused first, where that was asked for; what is
being taken by then is awaited; no destination holds an event while the journal gives up the
person's. Only then are vendors asked: whatever was on its way to them has arrived.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import structlog

from gateway.erasure import places
from gateway.erasure.job import Job, Request, open_jobs, receipts
from gateway.erasure.places import Surroundings
from gateway.errors import GatewayError, UsageError, fault
from gateway.jsonl.files import cause
from gateway.privacy import suppression
from gateway.privacy.person import known
from gateway.privacy.person_ids import spellings
from gateway.privacy.placeholders import DEVICE
from gateway.timestamps import timestamp

ASK_SECONDS = 30.0
"""How long after it could not be asked a vendor is asked again, where it does not say."""
LOOK_SECONDS = 600.0
"""How often a vendor that accepted a deletion is asked how far it is."""
_AGAIN_SECONDS = 5.0
_MOST_SECONDS = 3600.0
_ID_BYTES = 8

log = structlog.get_logger(__name__)


class Erasures:
    """All erasures of one data folder."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._jobs: dict[str, Job] = {}
        self._wake = asyncio.Event()
        self._rounds = 0
        self._round_over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Go on with what is not finished, and take more. Raises OSError."""
        await self.read()
        self._task = asyncio.create_task(self._run(), name="erasures")

    async def read(self) -> None:
        """Learn what is not finished. Raises OSError."""
        for job in await asyncio.to_thread(lambda: [*open_jobs(self._around.data_dir)]):
            for request in job.requests.values():
                request.again_at = 0.0
            self._jobs.setdefault(job.id, job)

    async def stop(self) -> None:
        """Leave the rest to the next start."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def ask(self, ids: Sequence[str], *, suppress: bool, joined: bool) -> dict[str, Any]:
        """Begin an erasure, or begin that of the same ids again; its receipt so far.

        It is durable when this returns. Raises OSError, and UsageError for an id that is none.
        """
        texts = self._named(ids)
        job = await asyncio.to_thread(self._made, texts, suppress=suppress, joined=joined)
        if earlier := self._jobs.get(job.id):
            job.asked_at = earlier.asked_at
            job.suppress |= earlier.suppress
            job.joined |= earlier.joined
            job.files, job.more = earlier.files, earlier.more
        if suppress:
            await self._suppress(job.id, texts)
        await asyncio.to_thread(job.save, self._around.data_dir)
        self._jobs[job.id] = job
        self._wake.set()
        return job.receipt()

    async def unsuppress(self, ids: Sequence[str]) -> int:
        """Take people from the list of the suppressed; returns how many. Raises OSError."""
        around = self._around
        texts = _checked(ids)
        ever = around.pseudonymizer().ever
        texts += [token for text in texts for token in ever(text)]
        return int(await around.suppress(lambda: suppression.remove(around.data_dir, texts)))

    async def receipt(self, job: str) -> dict[str, Any] | None:
        """The receipt of an erasure as it is by now. Raises OSError."""
        if found := self._jobs.get(job):
            return found.receipt()
        written = await asyncio.to_thread(receipts, self._around.data_dir, job)
        return written[-1] if written else None

    async def try_now(self) -> list[dict[str, Any]]:
        """Go on at once with all that waits; the receipts as they are after that."""
        names = [*self._jobs]
        for job in self._jobs.values():
            for request in job.requests.values():
                request.again_at = 0.0
        tried = self._rounds + 2  # a round that goes on may be past a job
        while self._rounds < tried and self._jobs:
            self._wake.set()
            await self._round_over.wait()
        return [receipt for name in names if (receipt := await self.receipt(name))]

    def unfinished(self) -> list[dict[str, Any]]:
        """The receipts so far of what is not over."""
        return [job.receipt() for job in self._jobs.values()]

    async def dry_run(self, ids: Sequence[str], *, joined: bool) -> dict[str, Any]:
        """What an erasure would take out. Nothing is changed.

        Raises JournalError or OSError, and UsageError for an id that is none.
        """
        around = self._around
        job = await asyncio.to_thread(self._made, self._named(ids), suppress=False, joined=joined)
        given = places.person_of(job, around)
        with_joined = await places.joined(given, around)
        found, files = await places.counted(with_joined if joined else given, around)
        return {
            "id": job.id,
            "state": "dry run",
            "joined": joined,
            "joined_ids": len(with_joined.all - given.all),
            "erased": {
                "waiting_events": found.events,
                "dead_letters": found.letters,
                "files": files,
            },
            "destinations": {
                name: {"state": request.state, "detail": request.detail or None}
                for name, request in job.requests.items()
            },
        }

    async def carry_on(self) -> None:
        """Do what can be done now; what cannot is noted in its job."""
        for job in [*self._jobs.values()]:
            try:
                await self._advance(job)
            except OSError as error:
                self._note(job, cause(error))
            except GatewayError as error:
                self._note(job, str(error))
            except Exception as error:  # noqa: BLE001 (whatever it was, it must be tried again)
                self._note(job, fault(error))

    def _named(self, ids: Sequence[str]) -> list[str]:
        """Each id in each of its spellings. Raises UsageError, also for one that names nobody."""
        texts = _checked(ids)
        nobody = self._around.policy().placeholders
        for number, text in enumerate(ids, 1):
            if text in nobody:
                raise UsageError(
                    f"id {number} of {len(ids)} stands for nobody (`placeholders` in privacy.yaml) "
                    "and is refused, for events that have it are not one person's"
                )
        return texts

    @staticmethod
    def _note(job: Job, trouble: str) -> None:
        job.trouble = trouble
        log.error("an erasure waits and is tried again", erasure=job.id, cause=trouble)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            await self.carry_on()
            self._rounds += 1
            self._round_over.set()
            self._round_over.clear()
            try:
                async with asyncio.timeout(self.wait()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def wait(self) -> float | None:
        """Seconds until there is something to do; None where nothing is left."""
        now = time.time()
        waits = [
            _AGAIN_SECONDS
            if not job.is_local_done or job.trouble
            else max(0.0, job.next_request() - now)
            for job in self._jobs.values()
        ]
        return min(waits, default=None)

    async def _advance(self, job: Job) -> None:
        data_dir = self._around.data_dir
        if not job.is_local_done:
            await self._erase(job)
        job.trouble = ""
        now = time.time()
        for name, request in job.requests.items():
            if not request.is_over and request.again_at <= now:
                await self._request(name, request, job)
                await asyncio.to_thread(job.save, data_dir)
        if job.is_over:
            job.finished_at = time.time()
        await asyncio.to_thread(job.write_receipt, data_dir)
        if job.is_over and self._jobs.get(job.id) is job:  # nobody asked again meanwhile
            del self._jobs[job.id]
            await asyncio.to_thread(job.forget, data_dir)
            log.info("an erasure is done", erasure=job.id)

    async def _erase(self, job: Job) -> None:
        around = self._around
        await around.settled()
        person = places.person_of(job, around)
        if job.joined and not job.are_found:
            person = await places.joined(person, around)
            job.ids, job.devices = sorted(person.ids), sorted(person.devices)
            job.are_found = True
            await asyncio.to_thread(job.save, around.data_dir)
            if job.suppress:
                await self._suppress(job.id, person.all, joined=True)
                await around.settled()
        await places.erase(job, person, around)
        job.ids, job.devices, job.is_local_done = [], [], True
        await asyncio.to_thread(job.save, around.data_dir)

    def _made(self, ids: Sequence[str], *, suppress: bool, joined: bool) -> Job:
        """The erasure of these ids, with what each vendor calls the person."""
        around = self._around
        pseudonymizer = around.pseudonymizer()
        found = known(ids, around.policy(), pseudonymizer)
        name = blake2b(
            "\0".join(sorted(ids)).encode("utf-8", "surrogatepass"),
            digest_size=_ID_BYTES,
            key=pseudonymizer.secret("erasures"),
        ).hexdigest()
        job = Job(name, time.time(), suppress, joined, sorted(found.all))
        for destination, deletion in around.deletions.items():
            if isinstance(deletion, str):
                job.requests[destination] = Request("not asked", deletion)
                continue
            theirs = found.at(destination, pseudonymizer.domain(destination))
            job.requests[destination] = Request(ids=sorted(theirs))
        return job

    async def _suppress(self, job: str, texts: Iterable[str], *, joined: bool = False) -> None:
        folder, when = self._around.data_dir, timestamp(time.time())
        await self._around.suppress(
            lambda: suppression.add(folder, job, texts, when, joined=joined)
        )

    async def _request(self, name: str, request: Request, job: Job) -> None:
        deletion = self._around.deletions.get(name)
        if deletion is None or isinstance(deletion, str):
            request.state = "failed"
            request.detail = "its deletion settings are gone: put them back, or ask the vendor"
            request.again_at = time.time() + LOOK_SECONDS
            return
        if request.state == "accepted":
            answer = await deletion.status(request.job)
        else:
            answer = await deletion.ask(request.ids, suppress=job.suppress)
        is_unknown = answer.state == "pending"
        if not (is_unknown and request.state == "accepted"):
            request.state, request.job = answer.state, answer.job or request.job
        request.detail = answer.cause
        after = answer.after or (ASK_SECONDS if is_unknown else LOOK_SECONDS)
        request.again_at = time.time() + min(after, _MOST_SECONDS)
        if request.state in ("accepted", "done"):
            request.ids = []
        log.info("a vendor was asked to delete", destination=name, state=request.state)


def _checked(ids: Sequence[str]) -> list[str]:
    """Each id in each of its spellings. Raises UsageError."""
    texts = [text.strip().removeprefix(DEVICE) for text in ids]
    if not texts or not all(texts):
        raise UsageError("say who: --user ID, with an id that is not empty")
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        raise UsageError("an id is not UTF-8, as every id of an event is") from None
    return sorted({spelt for text in texts for spelt in spellings(text)})
