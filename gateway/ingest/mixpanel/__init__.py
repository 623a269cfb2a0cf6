"""Mixpanel's wire format: routes, what a request holds, and the answer each SDK expects."""

from __future__ import annotations

from gateway.ingest.mixpanel.routes import add_routes
from gateway.ingest.mixpanel.sample import read_sample
from gateway.ingest.protocol import ProtocolIngest

INGEST = ProtocolIngest(
    protocol="mixpanel",
    add_routes=add_routes,
    read_sample=read_sample,
    example=b'{"event": "Signed Up", "properties": {"distinct_id": "u1", "time": 1795420264}}',
    takes_the_rest=False,
)
