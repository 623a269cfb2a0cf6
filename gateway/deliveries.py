"""Each consumer of the journal gets a delivery with the options and the care of its destination."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.config.routing import CloudSettings, Guarded, Vendor
from gateway.config.routing import Destination as AnyDestination
from gateway.delivery import Delivery, DeliveryOptions, Egress, Feed, Replay, Sink, VendorCare
from gateway.delivery.replay_policy import permitted, revised
from gateway.destinations import Rendered
from gateway.event import Reason, StoredEvent
from gateway.extensions.appsmith.events import instance_of
from gateway.journal import Journal
from gateway.snapshot import Snapshot

VENDOR_BATCH = 400
"""Events in one request to a vendor: so many of 1 KB fit in Segment's batch."""
INSTANCES_AT_ONCE = 8
"""Lanes of usage reports: one licence that is refused holds up no other in another lane."""


class Deliveries:
    """All of them, from `start` to `stop`."""

    def __init__(
        self,
        journal: Journal,
        consumers: Iterable[tuple[Feed[Any], Sink[Any]]],
        destinations: Mapping[str, AnyDestination],
        snapshot: Callable[[], Snapshot],
    ) -> None:
        """`destinations`: the settings of those consumers that are destinations."""
        self._journal = journal
        self._destinations = destinations
        self._snapshot = snapshot
        self._all = [self._delivery(feed, sink) for feed, sink in consumers]

    def __iter__(self) -> Iterator[tuple[Delivery[Any], AnyDestination]]:
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

    def try_now(self, destination: str) -> bool:
        """End all waits of a destination; False where there is none of this name."""
        for delivery, _ in self:
            if delivery.name == destination:
                delivery.try_now()
                return True
        return False

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
            lambda: self._snapshot().guard,
            lambda event: permitted(event, self._snapshot().rules),
        )

        def revise(event: StoredEvent) -> StoredEvent | Reason:
            return revised(event, name, self._snapshot().rules)

        def render(events: Sequence[StoredEvent]) -> Rendered:
            return sink.render([feed.localise(event) for event in events])

        care = VendorCare(egress, Replay(revise, render))
        return Delivery(self._journal, feed, sink, _pace(settings), care=care)


def _pace(settings: Guarded) -> DeliveryOptions:
    if isinstance(settings, CloudSettings):
        return DeliveryOptions(
            lanes=INSTANCES_AT_ONCE, pieces=200, interval=settings.interval, gives_up=False
        )
    return DeliveryOptions(
        lanes=settings.lanes if isinstance(settings, Vendor) else 1, batch=VENDOR_BATCH
    )
