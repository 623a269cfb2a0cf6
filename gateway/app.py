"""The one module that knows every room: it opens them, connects them, and closes them in order.

Nothing is acknowledged before `take` returns, and `take` returns after the journal's fsync.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path as FilePath
from typing import Any, Literal, Self

import structlog

from gateway import __version__, data_usage
from gateway.admin.status import DestinationStatus, Status
from gateway.config import Configuration
from gateway.config.appsmith import Appsmith
from gateway.config.model import AnalyticsJs, Limits
from gateway.config.routing import CloudSettings, Guarded, Vendor
from gateway.config.values import Network
from gateway.consumers import consumers_of
from gateway.contract import Catalogue
from gateway.dedup import Dedup
from gateway.delivery import Delivery, DeliveryOptions, Egress, Feed, Replay, Sink, VendorCare
from gateway.delivery.replay_policy import permitted, revised
from gateway.destinations import Rendered
from gateway.errors import JournalError
from gateway.event import Decision, Protocol, RawEvent, Reason, StoredEvent
from gateway.extensions.appsmith import pings, views
from gateway.extensions.appsmith.events import instance_of
from gateway.extensions.appsmith.setup import FirstTimes, Marks, is_setup
from gateway.health import Health
from gateway.health_watch import HealthWatch
from gateway.ingest import Admission, Intake, RateLimit, Sources
from gateway.ingest.fair_queue import SLICE_SECONDS, Turns
from gateway.journal import DISCARDED, Journal, encoded
from gateway.journal.sqlite import SqliteJournal
from gateway.pipeline import audit_line
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.telemetry_switch import Order
from gateway.privacy import Pseudonymizer
from gateway.process import logs
from gateway.process.connections import Connections
from gateway.process.data_dir_lock import explained
from gateway.process.watchdog import Watchdog
from gateway.snapshot import Snapshot, check_reloadable, compile_snapshot, entered
from gateway.telemetry import switch_history

log = structlog.get_logger(__name__)

VENDOR_BATCH = 400
"""Events in one request to a vendor: so many of 1 KB fit in Segment's batch."""
INSTANCES_AT_ONCE = 8
"""Lanes of usage reports: one licence that is refused holds up no other in another lane."""

_DECIDING = 0.00025
"""Seconds an event, about."""


class Gateway:
    """All rooms, open. Implements what ingest (`IngestBackend`) and admin (`Observed`) ask for."""

    def __init__(
        self,
        configuration: Configuration,
        environment: Mapping[str, str],
        snapshot: Snapshot,
        pseudonymizer: Pseudonymizer,
        journal: Journal,
    ) -> None:
        """Use `open`."""
        self.snapshot = snapshot
        """What is in force. Whoever needs two things of it reads it once."""
        self.closing = False
        self.admission = Admission(configuration.gateway.limits.bodies_bytes)
        self.rate_limit = RateLimit()
        self.watchdog = Watchdog()
        self._environment = environment
        self._pseudonymizer = pseudonymizer
        self._journal = journal
        self._configuration = configuration
        self._data_dir = configuration.gateway.data_dir
        self._works_in = str(self._data_dir.resolve())
        self._changing = asyncio.Lock()
        self.outgoing = configuration.outgoing.marked(pseudonymizer.mark)
        self._destinations = configuration.routing.destinations
        self._deliveries = [
            self._delivery(feed, sink)
            for feed, sink in consumers_of(configuration, pseudonymizer, journal)
        ]
        self._health = HealthWatch(
            journal, configuration.gateway.journal, data_usage.folders(configuration)
        )
        self._pinging: asyncio.Task[None] | None = None
        self._first_times = FirstTimes(pseudonymizer.pseudonym, journal.marked)
        self._dedup = Dedup(journal.has_seen, pseudonymizer.secret("ids of events"))
        self.seal = pseudonymizer.secret("ids of Mixpanel events")
        self._changes: Counter[tuple[str, str]] = Counter()
        self._refusals: Counter[tuple[str, str]] = Counter()
        self.connections: dict[str, Connections] = {}
        """Of each kind of listener."""
        self.forwarded: Counter[str] = Counter()
        """Connections to the forward proxy since the start, by what became of them."""

    @classmethod
    async def open(cls, configuration: Configuration, environment: Mapping[str, str]) -> Self:
        """Open every room. Raises ConfigurationError, JournalError or UnusableError."""
        gateway = configuration.gateway
        with explained(gateway.data_dir):
            pseudonymizer = Pseudonymizer.open(
                gateway.data_dir / "keys", configuration.policy.pseudonyms.form
            )
            snapshot = compile_snapshot(configuration, environment, pseudonymizer)
            journal = await asyncio.to_thread(
                SqliteJournal.open,
                gateway.data_dir / "journal",
                gateway.journal,
                gateway.dedup.window,
            )
            try:
                snapshot = entered(snapshot, gateway.data_dir, environment, time.time())
            except BaseException:
                await journal.close()
                raise
        opened = cls(configuration, environment, snapshot, pseudonymizer, journal)
        await opened._start()
        return opened

    async def _start(self) -> None:
        await self._journal.follow({each.name: each.stream for each in self._deliveries})
        for delivery in self._deliveries:
            delivery.start()
        self._health.start()
        self._pinging = asyncio.create_task(
            pings.send_when_due(
                lambda: self.appsmith,
                lambda: self._journal.view.counters,
                self._pseudonymizer.pseudonym,
                lambda intake, marks: self._take(self.snapshot.rules, intake, marks),
            ),
            name="ping",
        )

    def _delivery(self, feed: Feed[Any], sink: Sink[Any]) -> Delivery[Any]:
        settings = self._destinations.get(feed.name)
        if not isinstance(settings, Guarded):
            return Delivery(self._journal, feed, sink)
        if isinstance(settings, CloudSettings):
            feed = replace(feed, user=instance_of)
        name = feed.name
        egress = Egress(
            name,
            settings.egress,
            lambda: self.snapshot.guard,
            lambda event: permitted(event, self.snapshot.rules),
        )

        def revise(event: StoredEvent) -> StoredEvent | Reason:
            return revised(event, name, self.snapshot.rules)

        def render(events: Sequence[StoredEvent]) -> Rendered:
            return sink.render([feed.localise(event) for event in events])

        care = VendorCare(egress, Replay(revise, render))
        return Delivery(self._journal, feed, sink, _pace(settings), care=care)

    async def close(self, grace: float) -> None:
        """Deliver for at most `grace` seconds what works at once; what remains waits on disk."""
        self._health.stop()
        if self._pinging:
            self._pinging.cancel()
        await asyncio.gather(*(delivery.stop(grace) for delivery in self._deliveries))
        await self._journal.close()

    async def reload(self, configuration: Configuration) -> None:
        """Take up policy, schemas, routes, sources, limits, switches and certificates, all or none.

        Raises ConfigurationError, OSError or what nobody foresaw; then nothing has changed.
        """
        check_reloadable(configuration, self._configuration)
        new = await asyncio.to_thread(
            compile_snapshot, configuration, self._environment, self._pseudonymizer
        )
        await self._put_in_force(lambda: new)

    async def order(self, order: Order) -> None:
        """Switch a class, durably and at once. Raises OSError or ConfigurationError."""
        await self._put_in_force(lambda: self.snapshot, order)

    async def _put_in_force(self, chosen: Callable[[], Snapshot], *orders: Order) -> None:
        """One change after the other; each is in the durable history before it is in force."""
        async with self._changing:
            self.snapshot = await asyncio.to_thread(
                entered, chosen(), self._data_dir, self._environment, self.now(), *orders
            )

    async def telemetry(self) -> switch_history.Standing:
        """The switches, who set them, and the proof. Raises ConfigurationError."""
        async with self._changing:
            past = await asyncio.to_thread(switch_history.read, self._data_dir)
            return switch_history.standing(
                past, self.snapshot.rules.switches, self._journal.view.counters
            )

    @property
    def sources(self) -> Sources:
        return self.snapshot.sources

    @property
    def limits(self) -> Limits:
        return self.snapshot.limits

    @property
    def trusted_proxies(self) -> Sequence[Network]:
        return self.snapshot.trusted_proxies

    @property
    def analytics_js(self) -> AnalyticsJs:
        return self.snapshot.analytics_js

    @property
    def analytics_js_path(self) -> FilePath | None:
        return self.snapshot.analytics_js_path

    @property
    def appsmith(self) -> Appsmith:
        return self.snapshot.appsmith

    @property
    def browser_stop(self) -> str | None:
        """The script that tells analytics.js what to keep to itself."""
        return self.snapshot.browser_stop

    @property
    def catalogue(self) -> Catalogue:
        """The documented events."""
        return self.snapshot.rules.catalogue

    @staticmethod
    def now() -> float:
        """Epoch seconds."""
        return time.time()

    async def take(self, intake: Intake) -> None:
        """Decide the events and make the accepted ones durable. Raises JournalError."""
        if self._changing.locked():  # an event that comes behind an order is decided by it
            async with self._changing:
                pass
        rules = self.snapshot.rules
        try:
            await self._dedup.take(intake, partial(self._take_first_copies, rules))
        except JournalError as error:
            self._health.refused(str(error), len(intake.events))
            raise

    async def _take_first_copies(self, rules: Rules, intake: Intake) -> None:
        if is_setup(intake):
            await self._first_times.take(intake, partial(self._take, rules))
        else:
            await self._take(rules, intake, {})

    async def _take(self, rules: Rules, intake: Intake, marks: Marks) -> None:
        decisions = await _decided(intake.events, rules, self.admission.turns)
        changes: Counter[tuple[str, str]] = Counter()
        counts: Counter[str] = Counter()
        for place, decision in enumerate(decisions):
            if place in marks and decision.event:
                counter, growth = marks[place]
                counts[counter] += growth
            counts[f"received/{decision.source}"] += 1
            if counted := switch_history.counter(decision, rules.switches.period):
                counts[counted] += 1
            if decision.event is None:
                counts[f"rejected/{decision.reason}"] += 1
            for change in decision.changes:
                changes[change.rule, change.action] += 1
            if decision.fault:
                log.error("the policy failed", source=decision.source, fault=decision.fault)
        for refusal in intake.refusals:
            counts[f"received/{refusal.source}"] += refusal.count
            counts[f"rejected/{refusal.reason}"] += refusal.count
        if counts:
            await self._journal.append(
                encoded(
                    events=[decision.event for decision in decisions if decision.event],
                    audit=[line for line in map(audit_line.line, decisions) if line],
                    counts=counts,
                    seen=_seen(intake.digests, decisions),
                )
            )
        self._changes.update(changes)

    def refused(self, protocol: Protocol | Literal["http"], code: str) -> None:
        """Count a request that was answered with an error."""
        self._refusals[protocol, code] += 1

    def health(self) -> Health:
        """Whether events can be accepted just now, and what is to be done."""
        return self._health.health(is_stopping=self.closing)

    def try_now(self, destination: str) -> bool:
        """End all waits of a destination; False where there is none of this name."""
        if destination not in self._destinations:
            return False
        for delivery in self._deliveries:
            if delivery.name == destination:
                delivery.try_now()
        return True

    async def replay(self, letters: Sequence[int]) -> None:
        """Have dead letters tried again, by their ids. Raises JournalError."""
        await self._journal.revive(letters)

    async def discard(self, letters: Sequence[int]) -> None:
        """Delete dead letters for good, by their ids. Raises JournalError."""
        await self._journal.discard(letters)

    async def status(self) -> Status:
        """One look at everything; its numbers are of one commit."""
        view = self._journal.view
        health, forecast, usage = self.health(), self._health.forecast, self._health.usage
        home = usage.disks.get(usage.home) if usage.home is not None else None
        return Status(
            version=__version__,
            data_dir=self._works_in,
            ready=health.ready,
            refusal=health.reason,
            remedy=health.remedy,
            received=_under("received", view.counters),
            accepted=view.heads["events"],
            rejected=_under("rejected", view.counters),
            destinations=tuple(
                self._destination(delivery)
                for delivery in self._deliveries
                if delivery.name in self._destinations
            ),
            journal_bytes=self._journal.used_bytes,
            journal_full_in=forecast.seconds,
            warning=health.warning,
            disk_free_bytes=home.free if home else None,
            data_bytes=usage.by_part,
            data_growth=dict(forecast.growth),
            changes=dict(self._changes),
            refused_requests=dict(self._refusals),
            forwarded=dict(self.forwarded),
            event_loop=self.watchdog.stalls,
            log_lines_dropped=logs.dropped(),
            connections={name: len(each) for name, each in self.connections.items()},
            ended_connections={
                (name, cause): count
                for name, each in self.connections.items()
                for cause, count in each.ended.items()
            },
            **await self._appsmith_counts(),
        )

    async def _appsmith_counts(self) -> dict[str, Mapping[Any, int]]:
        try:
            known = await self.instances()
            reports = await asyncio.to_thread(views.standings, self._data_dir)
        except sqlite3.Error:
            return {}
        overdue = sum(instance["overdue"] for instance in known)
        return {"instances": {"known": len(known), "overdue": overdue}, "reports": reports}

    async def instances(self) -> list[dict[str, Any]]:
        """What is known of Appsmith's instances. Raises sqlite3.Error."""
        interval = self.appsmith.ping_interval
        return await asyncio.to_thread(views.instances, self._data_dir, self.now(), interval)

    async def usage(self, since: float) -> dict[str, Any]:
        """Usage and reports from `since` (epoch seconds) on. Raises sqlite3.Error."""
        return await asyncio.to_thread(views.usage, self._data_dir, since)

    def _destination(self, delivery: Delivery[Any]) -> DestinationStatus:
        view = self._journal.view
        cursor = view.cursors[delivery.name]
        status = delivery.status
        return DestinationStatus(
            name=delivery.name,
            type=self._destinations[delivery.name].type,
            accepted=view.heads[cursor.stream] - cursor.started,
            delivered=cursor.delivered,
            pending=view.pending(delivery.name),
            filtered={str(reason): count for reason, count in cursor.filtered.items()},
            dead={str(reason): count for reason, count in cursor.dead.items()},
            replaying=cursor.replaying,
            discarded=view.counters.get(f"{DISCARDED}/{delivery.name}", 0),
            state=status.doing,
            waiting=status.wait.cause if status.wait else None,
            waiting_since=status.wait.since if status.wait else None,
            next_try=status.wait.next_try if status.wait else None,
            requests_at_once=delivery.requests_at_once,
            leaks=dict(delivery.leaks),
        )


def _pace(settings: Guarded) -> DeliveryOptions:
    if isinstance(settings, CloudSettings):
        return DeliveryOptions(
            lanes=INSTANCES_AT_ONCE, pieces=200, interval=settings.interval, gives_up=False
        )
    return DeliveryOptions(
        lanes=settings.lanes if isinstance(settings, Vendor) else 1, batch=VENDOR_BATCH
    )


async def _decided(events: Sequence[RawEvent], rules: Rules, turns: Turns) -> list[Decision]:
    """In slices, each in its source's turn, so that no request holds up another for long.

    What came together is decided in one go, after one round of the loop: what deciding takes then
    stays in the processor's caches, which saves an eighth of all time.
    """
    decisions: list[Decision] = []
    rest = iter(events)
    if events:
        await asyncio.sleep(0)
    while left := len(events) - len(decisions):
        await turns.turn(events[0].source, min(left * _DECIDING, SLICE_SECONDS))
        until = time.perf_counter() + SLICE_SECONDS
        for raw in rest:
            decisions.append(decide(raw, rules))
            if time.perf_counter() > until:
                break
    return decisions


def _seen(digests: Sequence[bytes | None], decisions: Sequence[Decision]) -> bytes:
    """The digests of what is accepted: only that is kept, so only that is remembered."""
    return b"".join(
        [
            digest
            for digest, decision in zip(digests, decisions, strict=False)
            if digest and decision.event
        ]
    )


def _under(word: str, counters: Mapping[str, int]) -> dict[str, int]:
    """Counters `word/name`, by name."""
    return {
        name.removeprefix(f"{word}/"): count
        for name, count in counters.items()
        if name.startswith(f"{word}/")
    }
