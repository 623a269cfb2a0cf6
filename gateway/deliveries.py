"""Each consumer of the journal gets a delivery with the options and the care of its destination."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from gateway.config.routing import Common, Guarded
from gateway.delivery import Delivery, DeliveryOptions, Egress, Feed, Replay, Sink, VendorCare
from gateway.delivery.feed import own_overlays
from gateway.delivery.policy_in_force import permitted, rerouted
from gateway.delivery.rescrub import Rescrub
from gateway.destinations import Rendered, Service
from gateway.destinations.egress_guard import texts_in
from gateway.destinations.registry import type_of
from gateway.event import Reason, StoredEvent
from gateway.journal import Journal
from gateway.snapshot import Snapshot

HALT_SECONDS = 20.0
"""How long requests that are on their way may take to end; then they are cut, and sent again."""


class Deliveries:
    """All of them, from `start` to `stop`."""

    def __init__(
        self,
        journal: Journal,
        consumers: Iterable[tuple[Feed[Any], Sink[Any]]],
        destinations: Mapping[str, Common],
        snapshot: Callable[[], Snapshot],
    ) -> None:
        """`destinations`: the settings of those consumers that are destinations."""
        self._journal = journal
        self._destinations = destinations
        self._snapshot = snapshot
        self._all = [self._delivery(feed, sink) for feed, sink in consumers]

    def __iter__(self) -> Iterator[tuple[Delivery[Any], Common]]:
        """Those of destinations, with their settings."""
        for delivery in self._all:
            if settings := self._destinations.get(delivery.name):
                yield delivery, settings

    async def start(self) -> None:
        """Raises JournalError."""
        await self._journal.follow({each.name: each.stream for each in self._all})
        for delivery in self._all:
            delivery.start()

    async def stop(self, grace: float) -> None:
        """Deliver for at most `grace` seconds what works at once; what remains waits on disk."""
        await asyncio.gather(*(delivery.stop(grace) for delivery in self._all))

    @asynccontextmanager
    async def halted(self, names: Iterable[str] | None = None) -> AsyncIterator[None]:
        """Meanwhile none of these, or none at all, sends or holds an event.

        Requests that are on their way when it begins are awaited, for a bounded time.
        """
        chosen = set(self.names if names is None else names)
        halted = [delivery for delivery in self._all if delivery.name in chosen]
        await asyncio.gather(*(delivery.halt(HALT_SECONDS) for delivery in halted))
        try:
            yield
        finally:
            for delivery in halted:
                delivery.start()

    @property
    def names(self) -> Sequence[str]:
        """Of all of them."""
        return [delivery.name for delivery in self._all]

    def try_now(self, destination: str) -> bool:
        """End all waits of a destination; False where there is none of this name."""
        for delivery, _ in self:
            if delivery.name == destination:
                delivery.try_now()
                return True
        return False

    def _delivery(self, feed: Feed[Any], sink: Sink[Any]) -> Delivery[Any]:
        if feed.stream == "audit":
            return Delivery(self._journal, feed, sink)
        policing = Rescrub(
            feed.name, lambda: self._snapshot().rules, self._journal, feed.unreadable
        )
        feed = own_overlays(feed)
        settings = self._destinations.get(feed.name)
        if settings is None:
            return Delivery(self._journal, feed, sink, policing=policing)
        kind = type_of(settings)
        service = kind.service(settings)
        feed = replace(feed, user=service.user or feed.user)
        if not isinstance(settings, Guarded) or kind.body is None:
            return Delivery(self._journal, feed, sink, _options(service), policing=policing)
        name = feed.name
        egress = Egress(
            name,
            settings.egress,
            kind.body,
            guard=lambda: self._snapshot().guards.of(name),
            permits=lambda event: permitted(event, name, self._snapshot().rules),
            configured=texts_in(settings.model_dump()),
        )

        def revise(event: StoredEvent) -> StoredEvent | Reason:
            return rerouted(event, name, self._snapshot().rules) or event

        def render(events: Sequence[StoredEvent]) -> Rendered:
            return sink.render([feed.localise(event) for event in events])

        care = VendorCare(egress, Replay(revise, render, policing.prepare))
        return Delivery(self._journal, feed, sink, _options(service), policing=policing, care=care)


def _options(service: Service) -> DeliveryOptions:
    return DeliveryOptions(
        lanes=service.lanes,
        batch=service.batch,
        pieces=service.pieces,
        interval=service.interval,
        gives_up=service.gives_up,
    )
