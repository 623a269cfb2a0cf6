"""What a webhook gets: the lines that a file destination would write, in one JSON object."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.destinations.jsonl.mapping import segment_line
from gateway.event import StoredEvent


def body_of(events: Sequence[StoredEvent]) -> bytes:
    """`{"batch": […]}`."""
    return b'{"batch":[' + b",".join([segment_line(event) for event in events]) + b"]}"
