"""All of Segment's paths exist here, with and without a slash at the end; the rest is answered 400.

So do the paths that RudderStack's and Jitsu's SDKs send Segment's messages to.

Nothing depends on a Content-Type: browsers send JSON as text, other SDKs as a form.
"""

from __future__ import annotations

import base64
import re
import time
from dataclasses import replace
from functools import partial

from aiohttp import hdrs, web

from gateway.errors import RequestError
from gateway.ingest import IngestBackend, cors
from gateway.ingest.admission import PLACE
from gateway.ingest.app import go_on
from gateway.ingest.body import parsed, read_body
from gateway.ingest.client_info import Sender, sender_of
from gateway.ingest.folded_paths import meant
from gateway.ingest.segment import cdn, rudder_config
from gateway.ingest.segment import parse as segment
from gateway.ingest.segment.pixel import body_of
from gateway.ingest.segment.responses import Handler, answered, taken

_GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_OF_PIXEL = {"Content-Type": "image/gif", "Cache-Control": "no-store"}
_OF_JITSU = ("/api/s", "/api/s/s2s")
_JITSU_KEY = "X-Write-Key"
_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,127}", re.ASCII)


def add_routes(app: web.Application, backend: IngestBackend) -> None:
    """Segment's API and CDN."""
    for of in segment.TYPES:
        take = answered(backend, partial(_take_body, backend, of))
        call = answered(backend, partial(_take_call, backend, of))
        for name in (of, of[0]):
            _add(app, "POST", f"/v1/{name}", take)
            _add(app, "GET", f"/v1/{name}", call, probe=answered(backend, _probe))
        for folder in ("/v1/pixel", "/pixel/v1"):
            _add(
                app, "GET", f"{folder}/{of}", partial(_take_pixel, backend, of), probe=_probe_pixel
            )
        for folder in _OF_JITSU:
            _add(app, "POST", f"{folder}/{of}", take)
    take = answered(backend, partial(_take_body, backend, None))
    for path in ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"):
        _add(app, "POST", path, take)
    for folder in _OF_JITSU:
        _add(app, "POST", f"{folder}/batch", take)
    _add(app, "POST", "/v1/m", answered(backend, _drop_metrics))
    for path, serve in (*cdn.paths(backend), *rudder_config.paths(backend)):
        _add(app, "GET", path, answered(backend, serve), probe=answered(backend, serve))
    for path in rudder_config.PATHS:
        _add(app, "OPTIONS", path, answered(backend, _preflight))
    for folder in ("v1", "beacon", "pixel", "api/s", *cdn.FOLDERS):
        app.router.add_route("OPTIONS", f"/{folder}/{{rest:.*}}", answered(backend, _preflight))
    app.router.add_route(
        "*", "/v1/{rest:.*}", answered(backend, _no_such_path), expect_handler=go_on
    )


def _add(
    app: web.Application, method: str, path: str, handle: Handler, *, probe: Handler | None = None
) -> None:
    """`probe`: what answers HEAD."""
    for form in (path, path + "/"):
        app.router.add_route(method, form, handle, expect_handler=go_on)
        if probe:
            app.router.add_route("HEAD", form, probe, expect_handler=go_on)


async def _take_body(backend: IngestBackend, of: str | None, request: web.Request) -> web.Response:
    body = await read_body(request, backend.limits)
    await _take(backend, of, request, body, sender_of(request, backend))
    return taken()


async def _probe(_: web.Request) -> web.Response:
    """Link checkers ask before they fetch; what they ask about happens when they do."""
    return taken()


async def _probe_pixel(_: web.Request) -> web.Response:
    return web.Response(body=_GIF, headers=_OF_PIXEL)


async def _take_call(backend: IngestBackend, of: str, request: web.Request) -> web.Response:
    """JSONP, the way of browsers without CORS: `callback` is a function that gets the answer."""
    await _take_query(backend, of, request)
    response = taken()
    callback = request.query.get("callback", "")
    if _CALLBACK.fullmatch(callback):
        response.body = f'/**/{callback}({{"success": true}});'.encode()
        response.headers["Content-Type"] = "text/javascript; charset=utf-8"
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _take_pixel(backend: IngestBackend, of: str, request: web.Request) -> web.Response:
    """An image in an e-mail: whoever opens it sees no error, so the errors are only counted."""
    await answered(backend, partial(_take_call, backend, of))(request)
    headers = _OF_PIXEL | cors.readable(request.headers.get("Origin"))
    return web.Response(body=_GIF, headers=headers)


async def _take_query(backend: IngestBackend, of: str, request: web.Request) -> None:
    sender = sender_of(request, backend)
    body = body_of(request.query)
    await request[PLACE].work(len(body))
    await _take(backend, of, request, body, replace(sender, is_page=True))


async def _take(
    backend: IngestBackend, of: str | None, request: web.Request, body: bytes, sender: Sender
) -> None:
    headers = request.headers
    facts = segment.RequestContext(
        of, sender, backend.now(), headers.get(hdrs.AUTHORIZATION), _keys(request)
    )
    read = partial(segment.read, body, facts, backend.sources, backend.limits)
    intake = await parsed(len(body), read)
    backend.rate_limit.charge(intake.events, backend.limits, time.monotonic())
    await backend.take(intake)


def _keys(request: web.Request) -> tuple[str, ...]:
    """RudderStack's beacon names its key in the query, Jitsu in a header, with a secret behind."""
    keys: list[str] = []
    if _JITSU_KEY in request.headers:
        whole = request.headers[_JITSU_KEY]
        keys += [whole, whole.partition(":")[0]]
    if request.query_string and (key := request.query.get("writeKey")):
        keys.append(key)
    return tuple(keys)


async def _drop_metrics(_: web.Request) -> web.Response:
    """SDKs count their own calls for Segment; these numbers are no events."""
    return taken()


async def _preflight(request: web.Request) -> web.Response:
    return web.Response(headers=cors.preflight(request.headers))


async def _no_such_path(request: web.Request) -> web.StreamResponse:
    if response := await meant(request):
        return response
    raise RequestError("no_such_path", "no endpoint at this path with this method")
