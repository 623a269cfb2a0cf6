"""A sample of Segment's: a message, or a batch. It reads whatever no other protocol knows."""

from __future__ import annotations

from typing import Any

from gateway.ingest import Intake
from gateway.ingest.protocol import Sample
from gateway.ingest.segment.parse import RequestContext, read


def read_sample(sample: Sample) -> Intake:
    """Raises RequestError."""
    facts = RequestContext(
        _type(sample.value), sample.sender, sample.received_at, sample.authorization
    )
    return read(sample.body, facts, sample.sources, sample.limits)


def _type(value: Any) -> str | None:
    """The message type of a single event; None for a batch. A missing type means track."""
    if isinstance(value, dict) and "batch" not in value:
        return str(value.get("type") or "track")
    return None
