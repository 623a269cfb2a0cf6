"""Segment, and whatever takes batches as Segment does."""

from __future__ import annotations

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import (
    BodyFormat,
    Destination,
    DestinationType,
    Example,
    Opening,
    Probe,
    Service,
)
from gateway.destinations.segment.settings import SegmentSettings

_BATCH = 400
"""So many events of 1 KB fit in Segment's batch."""


def _make(opening: Opening[SegmentSettings]) -> Destination:
    from gateway.destinations.segment.client import SegmentDestination  # noqa: PLC0415 (8 MiB)

    return SegmentDestination(opening.name, opening.settings, opening.outgoing)


async def _probe(settings: SegmentSettings, outgoing: Outgoing) -> Probe:
    from gateway.destinations.segment.health import probe  # noqa: PLC0415 (loads an HTTP client)

    return await probe(settings, outgoing)


DESTINATION = DestinationType(
    name="segment",
    settings=SegmentSettings,
    make=_make,
    probe=_probe,
    integration=("Segment.io", "Segment"),
    body=BodyFormat.JSON,
    service=lambda settings: Service(lanes=settings.lanes, batch=_BATCH),
    secrets=frozenset({"writeKey"}),
    example=Example({"write_key": "segment-write-key"}, '{"success": true}'),
)
