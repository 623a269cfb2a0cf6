"""A sample of Mixpanel's is known by the fields that only Mixpanel's SDKs write."""

from __future__ import annotations

from typing import Any, Literal

from gateway.ingest import Intake
from gateway.ingest.mixpanel.parse import MixpanelContext, read
from gateway.ingest.mixpanel.unpack import Call
from gateway.ingest.protocol import Sample


def read_sample(sample: Sample) -> Intake | None:
    """Raises RequestError."""
    kind = _kind(sample.value)
    if kind is None:
        return None
    facts = MixpanelContext(
        kind, is_import=True, sender=sample.sender, received_at=sample.received_at, seal=b"",
        authorization=sample.authorization,
    )  # fmt: skip
    call = Call(data=sample.body, is_bare=True)
    return read(call, facts, sample.sources, sample.limits).intake


def _kind(value: Any) -> Literal["event", "people", "groups"] | None:
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict) or "type" in first:
        return None
    if "$group_key" in first:
        return "groups"
    if "$distinct_id" in first or "$token" in first:
        return "people"
    properties = first.get("properties")
    names = properties.keys() if isinstance(properties, dict) else set[str]()
    return "event" if {"token", "distinct_id", "$insert_id"} & names else None
