"""What standard output gets: the lines that a file destination would write."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.destinations.jsonl.mapping import segment_line
from gateway.event import StoredEvent


def lines_of(events: Sequence[StoredEvent]) -> bytes:
    """One line for each event."""
    return b"".join([segment_line(event) + b"\n" for event in events])
