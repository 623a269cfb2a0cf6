"""All of Mixpanel's paths exist here, with and without a slash at the end, for POST and GET."""

from __future__ import annotations

import time
from functools import partial

from aiohttp import hdrs, web

from gateway.ingest import IngestBackend, cors
from gateway.ingest.admission import PLACE
from gateway.ingest.app import go_on
from gateway.ingest.body import parsed, read_body
from gateway.ingest.client_info import sender_of
from gateway.ingest.mixpanel import parse as mixpanel
from gateway.ingest.mixpanel import side_endpoints
from gateway.ingest.mixpanel.responses import answered, failed, imported, taken
from gateway.ingest.mixpanel.unpack import Call, open_call

_KINDS: dict[str, mixpanel.Kind] = {
    "track": "event",
    "import": "event",
    "engage": "people",
    "groups": "groups",
}


def add_routes(app: web.Application, backend: IngestBackend) -> None:
    """Mixpanel's ingestion API, and what its SDKs ask of the same host beside it."""
    for name, kind in _KINDS.items():
        is_import = name == "import"
        take = partial(_take, backend, kind, is_import=is_import)
        for path in (f"/{name}", f"/{name}/"):
            for method in (hdrs.METH_POST, hdrs.METH_GET):
                handle = answered(backend, take, is_import=is_import)
                app.router.add_route(method, path, handle, expect_handler=go_on)
            _add_rest(app, backend, path)
    for method, path, serve in side_endpoints.paths(backend):
        app.router.add_route(method, path, serve, expect_handler=go_on)


def _add_rest(app: web.Application, backend: IngestBackend, path: str) -> None:
    rest = {
        hdrs.METH_OPTIONS: _preflight,
        hdrs.METH_HEAD: _probe,
        hdrs.METH_ANY: _no_such_method,
    }
    for method, handle in rest.items():
        app.router.add_route(
            method, path, answered(backend, handle, is_import=True), expect_handler=go_on
        )


async def _take(
    backend: IngestBackend, kind: mixpanel.Kind, request: web.Request, *, is_import: bool
) -> web.Response:
    query = request.rel_url.raw_query_string
    if request.method == hdrs.METH_POST and request.body_exists:
        body = await read_body(request, backend.limits)
    else:
        body = b""
        await request[PLACE].work(len(query))
    call = open_call(query, body)
    facts = mixpanel.MixpanelContext(
        kind=kind,
        is_import=is_import,
        sender=sender_of(request, backend),
        received_at=backend.now(),
        seal=backend.seal,
        authorization=request.headers.get(hdrs.AUTHORIZATION),
    )
    read = partial(mixpanel.read, call, facts, backend.sources, backend.limits)
    reading = await parsed(len(body) + len(query), read)
    backend.rate_limit.charge(reading.intake.events, backend.limits, time.monotonic())
    await backend.take(reading.intake)
    return imported(call, reading) if is_import else taken(call)


async def _probe(_: web.Request) -> web.Response:
    """Nothing is taken by it: whoever asks for the head only fetches the rest later, if at all."""
    return taken(Call())


async def _preflight(request: web.Request) -> web.Response:
    return web.Response(headers=cors.preflight(request.headers))


async def _no_such_method(_: web.Request) -> web.Response:
    response = failed(405, "send events with POST or GET")
    response.headers["Allow"] = "GET, HEAD, POST, OPTIONS"
    return response
