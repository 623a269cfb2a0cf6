"""Segment, and whatever takes batches as Segment does."""

from __future__ import annotations

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import (
    BodyFormat,
    Deletion,
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


def _deletion(name: str, settings: SegmentSettings, outgoing: Outgoing) -> Deletion | None:
    from gateway.destinations.segment.deletion import Regulations  # noqa: PLC0415 (loads an HTTP client)

    return Regulations(name, settings.deletion, outgoing) if settings.deletion else None


DESTINATION = DestinationType(
    name="segment",
    settings=SegmentSettings,
    make=_make,
    probe=_probe,
    deletion=_deletion,
    integration=("Segment.io", "Segment"),
    body=BodyFormat.JSON,
    service=lambda settings: Service(lanes=settings.lanes, batch=_BATCH),
    secrets=frozenset({"writeKey"}),
    example=Example({"write_key": "segment-write-key"}, '{"success": true}'),
)
