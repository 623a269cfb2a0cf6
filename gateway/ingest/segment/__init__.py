"""Segment's wire format: routes, what a request holds, and the answer each SDK expects."""

from __future__ import annotations

from gateway.ingest.protocol import ProtocolIngest
from gateway.ingest.segment.routes import add_routes
from gateway.ingest.segment.sample import read_sample

INGEST = ProtocolIngest(
    protocol="segment",
    add_routes=add_routes,
    read_sample=read_sample,
    example=b'{"type": "track", "event": "Signed Up", "userId": "u1"}',
    takes_the_rest=True,
)
