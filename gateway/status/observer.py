"""Puts a `Status` together. What it tells of events is of one commit of the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway import __version__
from gateway.config.routing import Common
from gateway.deliveries import Deliveries
from gateway.delivery import Delivery
from gateway.encryption import PLAIN
from gateway.health_watch import HealthWatch
from gateway.journal import DISCARDED, EXPIRED, Journal, View
from gateway.pipeline.decide import Rules
from gateway.process import logs
from gateway.process.connections import Connections
from gateway.process.watchdog import Watchdog
from gateway.retention import Retention
from gateway.samples import Counts
from gateway.status.report import DestinationStatus, Encryption, Status


@dataclass(frozen=True, slots=True)
class ListenerCounts:
    """What the process counts for its listeners."""

    connections: dict[str, Connections] = field(default_factory=dict)
    """Of each kind of listener."""
    forwarded: Counter[str] = field(default_factory=Counter)
    """Connections to the forward proxy since the start, by what became of them."""


@dataclass(frozen=True, slots=True)
class Observer:
    """Looks at rooms that are open; all counts but the journal's are since the start."""

    works_in: str
    """The data folder, resolved."""
    journal: Journal
    deliveries: Deliveries
    watch: HealthWatch
    watchdog: Watchdog
    listeners: ListenerCounts
    changes: Mapping[tuple[str, str], int]
    refusals: Mapping[tuple[str, str], int]
    refused_paths: Mapping[tuple[str, str, str], int]
    rules: Callable[[], Rules]
    """What is in force."""
    retention: Retention
    more: Callable[[], Awaitable[Counts]]
    """What extensions have to add."""
    keys: Callable[[], tuple[str, frozenset[str]]] = lambda: (PLAIN, frozenset())
    """What new events are encrypted with, and all that what is stored may need."""

    async def status(self) -> Status:
        more = await self.more()
        view = self.journal.view
        health, forecast, usage = self.watch.health(), self.watch.forecast, self.watch.usage
        home = usage.disks.get(usage.home) if usage.home is not None else None
        connections = self.listeners.connections
        return Status(
            version=__version__,
            data_dir=self.works_in,
            ready=health.ready,
            refusal=health.reason,
            remedy=health.remedy,
            received=_under("received", view.counters),
            accepted=view.heads["events"],
            rejected=_under("rejected", view.counters),
            destinations=tuple(
                _destination(delivery, settings, view) for delivery, settings in self.deliveries
            ),
            journal_bytes=self.journal.used_bytes,
            journal_full_in=forecast.seconds,
            warning=health.warning,
            disk_free_bytes=home.free if home else None,
            data_bytes=usage.by_part,
            retention=self.retention.settings.model_dump(),
            expired={
                **self.retention.deleted,
                "dead_letters": sum(_under(EXPIRED, view.counters).values()),
            },
            data_growth=dict(forecast.growth),
            changes=dict(self.changes),
            refused_requests=dict(self.refusals),
            refused_paths=dict(self.refused_paths),
            forwarded=dict(self.listeners.forwarded),
            event_loop=self.watchdog.stalls,
            log_lines_dropped=logs.dropped(),
            connections={name: len(each) for name, each in connections.items()},
            ended_connections={
                (name, cause): count
                for name, each in connections.items()
                for cause, count in each.ended.items()
            },
            revisions=self.rules().revisions,
            encryption=Encryption.of(*self.keys()),
            more=more,
        )


def _destination(delivery: Delivery[Any], settings: Common, view: View) -> DestinationStatus:
    cursor = view.cursors[delivery.name]
    status = delivery.status
    return DestinationStatus(
        name=delivery.name,
        type=settings.type,
        accepted=view.heads[cursor.stream] - cursor.started,
        delivered=cursor.delivered,
        pending=view.pending(delivery.name),
        filtered={str(reason): count for reason, count in cursor.filtered.items()},
        dead={str(reason): count for reason, count in cursor.dead.items()},
        replaying=cursor.replaying,
        expired=view.counters.get(f"{EXPIRED}/{delivery.name}", 0),
        discarded=view.counters.get(f"{DISCARDED}/{delivery.name}", 0),
        state=status.doing,
        waiting=status.wait.cause if status.wait else None,
        waiting_since=status.wait.since if status.wait else None,
        next_try=status.wait.next_try if status.wait else None,
        requests_at_once=delivery.requests_at_once,
        leaks=dict(delivery.leaks),
        scrubbed_again=delivery.scrubbed_again,
        left_out={(part, str(reason)): n for (part, reason), n in delivery.left_out.items()},
    )


def _under(word: str, counters: Mapping[str, int]) -> dict[str, int]:
    """Counters `word/name`, by name."""
    return {
        name.removeprefix(f"{word}/"): count
        for name, count in counters.items()
        if name.startswith(f"{word}/")
    }
