"""What Mixpanel's SDKs ask of their host beside sending events gets an answer that ends the matter.

Session replays and feature flags do not pass: they are personal by nature. A replay is read and
discarded, and a flag request is answered with no flags, so that the app uses its defaults;
each is counted as `not_forwarded`. The shapes are those the SDKs read (mixpanel-browser 2.83 and
Python 5.4, their sources).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import orjson
from aiohttp import hdrs, web

from gateway.config.model import Limits
from gateway.errors import JournalError, Overloaded, RequestError
from gateway.event import Reason
from gateway.ingest import IngestBackend, Intake, Refusal, cors
from gateway.ingest.body import arriving
from gateway.ingest.client_info import basic_user
from gateway.ingest.error_responses import readable
from gateway.ingest.mixpanel.responses import Handler, failed

_NO_FLAGS = {"code": 200, "flags": {}}
_NO_DEFINITIONS = {"code": 200, "flags": []}
_TAKEN = {"code": 200, "status": "OK"}
_NO_TABLES = {"code": 200, "results": [], "status": "OK"}
_SETTINGS = {"sdk_config": {"config": {"record_sessions_percent": 0}}}
"""Pages that take their settings from here record nothing in vain."""
_NOTHING_TO_SHOW: dict[str, list[str]] = {"notifications": []}
_GREETING = {
    "error": "Welcome. Get started with our API by visiting https://developer.mixpanel.com/"
}
_NO_LIBRARY = (
    "This gateway does not serve Mixpanel's library."
    " Bundle the npm package mixpanel-browser, or load it from cdn.mxpnl.com.\n"
)


def paths(backend: IngestBackend) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler."""
    for path, handles in _served(backend).items():
        for form in (path, path + "/"):
            for method, handle in (*handles.items(), ("OPTIONS", _preflight)):
                yield method, form, readable(handle)
                if method == "GET":
                    yield "HEAD", form, readable(partial(_say, _TAKEN))
    for method in ("GET", "HEAD"):
        yield method, "/", partial(_say, _GREETING)
        for path in ("lib(?:\\.min)?\\.js", "mixpanel[\\w.-]*\\.js"):
            yield method, f"/{{name:{path}}}", _serve_no_library
        yield method, "/libs/{name:[\\w.-]+\\.js}", _serve_no_library


def _served(backend: IngestBackend) -> dict[str, dict[str, Handler]]:
    flags = partial(_drop, backend, "flags", _NO_FLAGS)
    return {
        "/decide": {"GET": partial(_say, _NOTHING_TO_SHOW)},
        "/settings": {"GET": partial(_say, _SETTINGS)},
        "/flags": {"GET": flags, "POST": flags},
        "/flags/definitions": {"GET": partial(_drop, backend, "flags", _NO_DEFINITIONS)},
        "/flags/{id}/first-time-events": {"POST": partial(_drop, backend, "flags", _TAKEN)},
        "/record": {"POST": partial(_drop, backend, "record", _TAKEN)},
        "/lookup-tables": {"GET": partial(_say, _NO_TABLES)},
        "/lookup-tables/{id}": {"PUT": partial(_take_no_table, backend)},
    }


async def _say(body: object, _: web.Request) -> web.Response:
    return _json(body)


async def _drop(
    backend: IngestBackend, what: str, body: object, request: web.Request
) -> web.Response:
    """Nothing is kept, so there is nothing to send again when the count cannot be kept either."""
    key = basic_user(request.headers.get(hdrs.AUTHORIZATION)) or request.query.get("token", "")
    source = backend.sources.find(key) or backend.sources.unknown
    refusal = Refusal(source.name if source else "unknown", what, Reason.NOT_FORWARDED)
    with suppress(JournalError, Overloaded), backend.admission.place(backend, request):
        await _drain(request, backend.limits)
        await backend.take(Intake("mixpanel", [], [refusal]))
    return _json(body)


async def _drain(request: web.Request, limits: Limits) -> None:
    with suppress(RequestError):
        async for _ in arriving(request, limits):
            pass


async def _take_no_table(backend: IngestBackend, request: web.Request) -> web.Response:
    """Whoever sends a table should not believe that it has arrived."""
    await _drain(request, backend.limits)
    return failed(403, "this gateway does not forward lookup tables; send them to api.mixpanel.com")


async def _serve_no_library(_: web.Request) -> web.Response:
    headers = {"X-Content-Type-Options": "nosniff"}
    return web.Response(status=404, text=_NO_LIBRARY, headers=headers)


async def _preflight(request: web.Request) -> web.Response:
    return web.Response(headers=cors.preflight(request.headers))


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), headers={"Content-Type": "application/json"})
