"""Each consumer is carried by itself: what one waits for holds up no other.

A failure waits and tries again, forever: what is in the journal is not given up. Whatever else
breaks begins a new session at the cursor.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import structlog

from gateway.delivery.backoff import MOST_ASKED_SECONDS
from gateway.delivery.batch import OUTDATED, Item, ItemT, Outdated, as_they_are
from gateway.delivery.concurrency import Limit, Slots
from gateway.delivery.egress import Egress
from gateway.delivery.feed import Feed
from gateway.delivery.poison_requests import PoisonWatch, Successes
from gateway.delivery.replay import Replay
from gateway.delivery.rescrub import Policing
from gateway.delivery.session import DeliveryOptions, Session, SessionCalls, Stop, either
from gateway.delivery.waiting import Sleeper, Wait, Waiting
from gateway.destinations import (
    Delivered,
    Draft,
    Rejected,
    Rendered,
    Request,
    RetryLater,
    Verdict,
    finished,
)
from gateway.errors import DestinationError, JournalError, fault
from gateway.event import Reason, StoredEvent
from gateway.journal import Journal, Settlement, Step, Stream
from gateway.timestamps import timestamp

CAUSE_LENGTH = 200
"""Characters kept of a cause."""
TELL_SECONDS = 60.0
"""How often the log says at most that a consumer waits."""

log = structlog.get_logger(__name__)

REPLAYED_AT_ONCE = 100
"""Dead letters that are tried again together, beside new events."""

Item_contra = TypeVar("Item_contra", bound=Item, contravariant=True)
Done = TypeVar("Done")


class Sink(Protocol[Item_contra]):
    """A destination, or what writes the audit; see `gateway.destinations.Destination`."""

    def render(self, events: Sequence[Item_contra], /) -> Rendered: ...
    async def send(self, request: Request, /) -> Verdict: ...
    async def open(self, state: str | None, /) -> str | None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class VendorCare:
    """What a vendor's destination has beyond others: a guard, and dead letters to try again."""

    egress: Egress
    replay: Replay


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What a consumer is doing, for people."""

    doing: Literal["stopped", "idle", "delivering", "waiting"]
    pending: int
    wait: Wait | None


class Delivery(Generic[ItemT]):
    """Carries the items of one feed to its sink, from `start` to `stop`."""

    def __init__(
        self,
        journal: Journal,
        feed: Feed[ItemT],
        sink: Sink[ItemT],
        pace: DeliveryOptions = DeliveryOptions(),  # noqa: B008 (frozen)
        *,
        policing: Policing[ItemT] | None = None,
        care: VendorCare | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """The journal must follow the feed by `start`. `draw` gives the jitter, in [0, 1).

        Without `policing`, items leave as they are stored.
        """
        self.name = feed.name
        self._journal = journal
        self._feed = feed
        self._sink = sink
        self._pace = pace
        self._policing = policing
        self._care = care
        self._draw = draw
        self._limit = Limit(pace.lanes)
        self._slots = Slots(self._limit)
        self._successes = Successes()
        self._asked: tuple[float, str] = (0.0, "")  # not before this monotonic time, and why
        self._stopping = asyncio.Event()
        self._halted = False
        self._due = 0
        self._waiting = Waiting()
        self._logged_at = -TELL_SECONDS
        self._logged: Wait | None = None  # what the log says that it waits for
        self._task: asyncio.Task[None] | None = None
        self.left_out: Counter[tuple[str, Reason]] = Counter()
        """Parts of events that were not sent since the start, and why; the others of them were."""

    @property
    def stream(self) -> Stream:
        return self._feed.stream

    @property
    def requests_at_once(self) -> int:
        """How many the destination bears just now, at most one for each lane."""
        return int(self._limit.value)

    @property
    def leaks(self) -> Mapping[str, int]:
        """What its guard found since the start, by kind."""
        return self._care.egress.leaks if self._care else {}

    @property
    def scrubbed_again(self) -> int:
        """Events from which a later policy removed more before they left, since the start."""
        return self._policing.scrubbed if self._policing else 0

    @property
    def status(self) -> DeliveryStatus:
        pending = self._journal.view.pending(self.name)
        wait = self._waiting.wait
        doing: Literal["stopped", "idle", "delivering", "waiting"] = "idle"
        if self._task is None or self._task.done():
            doing = "stopped"
        elif wait:
            doing = "waiting"
        elif pending:
            doing = "delivering"
        return DeliveryStatus(doing, pending, wait)

    def start(self) -> None:
        """Begin, or go on after `halt`."""
        self._halted = False
        self._stopping.clear()
        self._due = self._journal.view.heads[self.stream]
        self._task = asyncio.create_task(self._run(), name=f"delivery of {self.name}")

    def try_now(self) -> None:
        """End all waits, also one that the destination asked for: somebody knows better."""
        self._asked = (0.0, "")
        self._waiting.wake()

    async def halt(self, grace: float) -> None:
        """Begin no request any more, and hold no event once this returns.

        Requests that are on their way have `grace` seconds; what they settle is committed.
        """
        self._halted = True
        await self.stop(grace)

    async def stop(self, grace: float) -> None:
        """Deliver what the journal holds while that works at once, for `grace` seconds at most."""
        self._stopping.set()
        self._waiting.wake()
        if self._task is None:
            return
        await asyncio.wait([self._task], timeout=grace)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        with suppress(Stop):
            await self._until_done(self._session)

    async def _session(self) -> None:
        """Carry on from the cursor until `stop`, or until something breaks."""
        kept = self._journal.view.cursors[self.name].state
        state = await self._sink.open(kept)
        try:
            if state is not None and state != kept:
                await self._journal.advance(self.name, Step(state=state))
            ways = SessionCalls(
                self._read,
                self._render,
                self._send,
                self._advance,
                self._policing.prepare if self._policing else as_they_are,
                self._note_left_out,
            )
            session = Session(
                self._journal, self._feed, ways, self._pace, self._stopping, due=self._due
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.run())
                if self._care:
                    tasks.create_task(self._replay(self._care))
        finally:
            await self._sink.close()

    def _note_left_out(self, part: str, reason: Reason) -> None:
        if not self.left_out[part, reason]:
            log.warning(
                "a part of an event cannot be sent; the metric counts further ones",
                destination=self.name,
                part=part,
                reason=reason,
            )
        self.left_out[part, reason] += 1

    async def _read(self, after: int) -> Sequence[ItemT]:
        if self._halted:
            raise Stop
        return await self._until_done(
            lambda: self._feed.read(after, most=self._pace.batch, size=self._pace.piece_bytes)
        )

    def _render(self, items: Sequence[ItemT]) -> Rendered:
        """A dead letter keeps the event as the journal has it; only requests are localised."""
        return self._sink.render([self._feed.localise(item) for item in items])

    async def _advance(self, step: Step) -> None:
        await self._until_done(lambda: self._journal.advance(self.name, step))

    async def _send(
        self, request: Request | Draft, items: Sequence[Any]
    ) -> Delivered | Rejected | Outdated:
        if self._halted:
            raise Stop
        others = self._successes if self._pace.gives_up else Successes()
        patience = PoisonWatch(request, others)
        sleeper = Sleeper()
        return await self._until_done(
            lambda: self._attempt(request, items, patience, sleeper), sleeper
        )

    async def _attempt(
        self,
        request: Request | Draft,
        items: Sequence[Any],
        patience: PoisonWatch,
        sleeper: Sleeper,
    ) -> Verdict | Outdated:
        """One attempt when there is a slot for it; none while the destination asked for a pause."""
        async with self._slots.one():
            until, cause = self._asked
            began = time.monotonic()
            if until > began:
                return RetryLater(cause, until - began)
            ready = await self._ready(request, items)
            if not isinstance(ready, Request):
                patience.ended()
                return ready
            began = time.monotonic()
            verdict = await self._sink.send(ready)
            now = time.monotonic()
            if not isinstance(verdict, RetryLater):
                self._limit.answered(began, now)
                self._successes.at[request.url] += 1
                patience.ended()
                self._waiting.succeeded(sleeper)
                return verdict
            self._limit.failed(began, now)
        if verdict.after:
            self._asked = now + min(verdict.after, MOST_ASKED_SECONDS), verdict.cause
        return patience.failed(verdict, now)

    async def _ready(
        self, request: Request | Draft, items: Sequence[Any]
    ) -> Request | Rejected | Outdated:
        """The request as it leaves in this attempt: what the guard reads is what is sent."""
        if self._is_outdated(items):
            return OUTDATED
        if not self._care:
            return finished(request)
        events = [item for item in items if isinstance(item, StoredEvent)]
        ready = await self._care.egress.passed(request, events)
        return OUTDATED if self._is_outdated(items) else ready

    def _is_outdated(self, items: Sequence[Any]) -> bool:
        return self._policing is not None and not self._policing.is_current(items)

    async def _replay(self, care: VendorCare) -> None:
        """Carry the dead letters that are to be tried again, until `stop`."""
        with suppress(Stop):
            while True:
                await either(self._journal.replaying(self.name), self._stopping.wait())
                if self._stopping.is_set():
                    return
                letters = await self._until_done(
                    lambda: self._journal.replays(self.name, after=0, most=REPLAYED_AT_ONCE)
                )
                if not letters:
                    log.error("letters to be tried again are missing", destination=self.name)
                    return
                settlement = Settlement(await care.replay(letters, self._send))
                await self._settle(settlement)

    async def _settle(self, settlement: Settlement) -> None:
        await self._until_done(lambda: self._journal.settle(self.name, settlement))

    async def _until_done(
        self, attempt: Callable[[], Awaitable[Done | RetryLater]], sleeper: Sleeper | None = None
    ) -> Done:
        """Try again and again, with growing waits. Raises Stop instead of a wait when stopping."""
        sleeper = sleeper or Sleeper()
        try:
            while isinstance(outcome := await self._tried(attempt), RetryLater):
                if self._stopping.is_set():
                    raise Stop
                sleeper.failures += 1
                sleeper.since = sleeper.since or time.time()
                delay = self._pace.backoff.delay(sleeper.failures, self._draw(), outcome.after)
                cause = outcome.cause[:CAUSE_LENGTH]
                sleeper.wait = Wait(cause, sleeper.since, time.time() + delay)
                self._waiting.add(sleeper)
                self._log_wait()
                await sleeper.sleep(delay)
                if self._stopping.is_set():
                    raise Stop
        finally:
            self._waiting.discard(sleeper)
        if sleeper.failures and not self._waiting:
            self._log_recovery()
        return outcome

    def _log_wait(self) -> None:
        """Once for all that wait, and again for another cause; once a minute at most."""
        wait = self._waiting.wait
        is_new = wait is not None and (not self._logged or self._logged.cause != wait.cause)
        if wait and is_new and time.monotonic() - self._logged_at > TELL_SECONDS:
            self._logged_at, self._logged = time.monotonic(), wait
            log.warning(
                "delivery waits",
                destination=self.name,
                cause=wait.cause,
                since=timestamp(wait.since),
                next_try=timestamp(wait.next_try),
            )

    def _log_recovery(self) -> None:
        logged, self._logged = self._logged, None
        if logged:
            log.info(
                "delivery continues",
                destination=self.name,
                cause=logged.cause,
                since=timestamp(logged.since),
                waited=round(time.time() - logged.since, 1),
            )

    async def _tried(
        self, attempt: Callable[[], Awaitable[Done | RetryLater]]
    ) -> Done | RetryLater:
        try:
            return await attempt()
        except Stop:
            raise
        except (JournalError, DestinationError) as error:
            return RetryLater(str(error))
        except Exception as error:
            log.exception("delivery broke", destination=self.name)
            return RetryLater(fault(_first(error)))


def _first(error: Exception) -> Exception:
    """The first of the errors that a task group collected."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
