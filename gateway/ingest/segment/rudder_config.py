"""RudderStack's SDKs ask for their source before they send anything, and hear: send it all here.

The shape is what `@rudderstack/analytics-js` 3.34 checks. It has no destinations, so that nothing
is loaded into the page, and reports neither errors nor figures to RudderStack.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import orjson
from aiohttp import hdrs, web

from gateway.ingest import IngestBackend
from gateway.ingest.client_info import basic_user
from gateway.ingest.segment.responses import Handler, refusal

PATHS = ("/sourceConfig",)

_SILENT = {"errors": {"enabled": False}, "metrics": {"enabled": False}}


def paths(backend: IngestBackend) -> Iterator[tuple[str, Handler]]:
    """What to serve where."""
    for path in PATHS:
        yield path, partial(_source_config, backend)


async def _source_config(backend: IngestBackend, request: web.Request) -> web.Response:
    named = (basic_user(request.headers.get(hdrs.AUTHORIZATION)), request.query.get("writeKey", ""))
    key = next(filter(backend.sources.find, named), "")
    source = backend.sources.find(key) or (backend.sources.unknown if any(named) else None)
    if source is None:
        return refusal(404, "invalid_write_key", "no source of this gateway has this write key")
    shown = {
        "id": source.name,
        "name": source.name,
        "writeKey": key or next(filter(None, named)),
        "workspaceId": "none",
        "enabled": True,
        "config": {"statsCollection": _SILENT},
        "connections": [],
        "destinations": [],
        "dataplanes": {},
    }
    return web.Response(
        body=orjson.dumps({"source": shown, "updatedAt": "1970-01-01T00:00:00.000Z"}),
        headers={"Content-Type": "application/json", "Cache-Control": "private, max-age=60"},
    )
