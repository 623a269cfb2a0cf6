"""The gateway can stand in for Segment's CDN, and whatever starts from it sends to the gateway.

What the settings must hold was measured with the SDK in a browser: without `integrations` it sends
to Segment itself, and without `metrics` it sends its own counters there. Older pages ask for
`main.js` at an address in which the SDK would find neither its write key nor its CDN.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path as FilePath

import orjson
from aiohttp import web

from gateway.addresses import is_from
from gateway.errors import RequestError
from gateway.ingest import IngestBackend
from gateway.ingest.segment import browser_stop
from gateway.ingest.segment.responses import Handler, refusal

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[A-Za-z0-9._~-]+)*")
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
FOLDERS = ("analytics.js", "analytics-next", "next-integrations", "reroute")
"""Under these is nothing but the browser build."""

_LIBRARY = "standalone.js"
_BRIEFLY = "public, max-age=300"
_FOR_EVER = "public, max-age=31536000, immutable"
_FOR_ANY_PAGE = {"Access-Control-Allow-Origin": "*"}
_LOADER = """\
Object.assign(window.analytics = window.analytics || [], %s);
document.head.append(Object.assign(document.createElement("script"), { async: true, src: %s }));
"""
_PLAN = {"__default": {"enabled": True, "integrations": {}}}


def paths(backend: IngestBackend) -> Iterator[tuple[str, Handler]]:
    """What to serve where."""
    yield "/v1/projects/{key}/settings", partial(_settings, backend)
    for path in ("analytics.min.js", "platform/analytics.min.js"):
        yield f"/analytics.js/v1/{{key}}/{path}", partial(_library, backend)
    yield "/reroute/{key}/main.js", partial(_loader, backend)
    for name in browser_stop.NAMES:
        path = f"/next-integrations/middleware/{name}/latest/{name}.js.gz"
        yield path, partial(_stop, backend)
    yield "/analytics-next/bundles/{file}", partial(_file, backend, "", _FOR_EVER)
    yield "/next-integrations/{file:.+}", partial(_file, backend, "next-integrations", _BRIEFLY)
    for folder in FOLDERS:
        yield f"/{folder}/{{rest:.*}}", partial(_nothing, backend)


async def _settings(backend: IngestBackend, request: web.Request) -> web.Response:
    key = request.match_info["key"]
    if not _is_known(backend, key):
        return _unknown_key()
    scheme, host = _reached_at(backend, request)
    settings = {
        "integrations": {
            "Segment.io": {
                "apiKey": key,
                "apiHost": f"{host}/v1",
                "protocol": scheme,
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
            }
        },
        "plan": {"track": _PLAN, "identify": _PLAN, "group": _PLAN},
        "metrics": {"sampleRate": 0},
        "enabledMiddleware": {browser_stop.NAME: True} if backend.browser_stop else {},
    }
    return web.Response(
        body=orjson.dumps(settings),
        headers={"Content-Type": "application/json", "Cache-Control": "public, max-age=60"},
    )


def _is_known(backend: IngestBackend, key: str) -> bool:
    return bool(backend.sources.find(key) or backend.sources.unknown)


def _unknown_key() -> web.Response:
    return refusal(404, "invalid_write_key", "no source of this gateway has this write key")


async def _stop(backend: IngestBackend, _: web.Request) -> web.Response:
    return web.Response(
        text=backend.browser_stop or browser_stop.NOTHING,
        content_type="text/javascript",
        headers={"Cache-Control": "no-cache", **_FOR_ANY_PAGE},
    )


async def _library(backend: IngestBackend, _: web.Request) -> web.StreamResponse:
    return await _serve(backend, [_LIBRARY], _BRIEFLY)


async def _loader(backend: IngestBackend, request: web.Request) -> web.Response:
    key = request.match_info["key"]
    if not _is_known(backend, key):
        return _unknown_key()
    scheme, host = _reached_at(backend, request)
    cdn = f"{scheme}://{host}"
    loaded = {"_writeKey": key, "_cdn": cdn}, f"{cdn}/analytics.js/v1/{key}/analytics.min.js"
    return web.Response(
        text=_LOADER % tuple(orjson.dumps(one).decode() for one in loaded),
        content_type="text/javascript",
        headers={"Cache-Control": _BRIEFLY, **_FOR_ANY_PAGE},
    )


async def _nothing(backend: IngestBackend, _: web.Request) -> web.StreamResponse:
    return await _serve(backend, [""], _BRIEFLY)


async def _file(
    backend: IngestBackend, folder: str, cached: str, request: web.Request
) -> web.StreamResponse:
    steps = request.match_info["file"].split("/")
    return await _serve(backend, [folder, *steps] if folder else steps, cached)


async def _serve(backend: IngestBackend, steps: Sequence[str], cached: str) -> web.StreamResponse:
    folder: FilePath | None = backend.analytics_js_path
    if folder is None:
        return refusal(
            404,
            "analytics_js_not_configured",
            "set analytics_js.path in gateway.yaml to the folder dist/umd of the npm package"
            " @segment/analytics-next (npm pack @segment/analytics-next)",
        )
    file = folder.joinpath(*steps)
    if not all(map(_FILE.fullmatch, steps)) or not await asyncio.to_thread(file.is_file):
        return refusal(404, "no_such_file", "the folder of analytics_js.path has no such file")
    return web.FileResponse(file, headers={"Cache-Control": cached, **_FOR_ANY_PAGE})


def _reached_at(backend: IngestBackend, request: web.Request) -> tuple[str, str]:
    """Scheme and host (with port, and with path) at which the browser reaches this gateway."""
    headers = request.headers
    host, scheme = headers.get("Host", ""), request.scheme
    if is_from(request.remote, backend.trusted_proxies):
        host = _first(headers.get("X-Forwarded-Host", host))
        prefix = _first(headers.get("X-Forwarded-Prefix", "")).strip("/")
        host = f"{host}/{prefix}" if prefix else host
        forwarded = _first(headers.get("X-Forwarded-Proto", "")).lower()
        scheme = forwarded if forwarded in {"http", "https"} else scheme
    host = backend.analytics_js.host or host
    if not _HOST.fullmatch(host):
        raise RequestError("invalid_host", "the Host header names no host")
    return backend.analytics_js.protocol or scheme, host


def _first(values: str) -> str:
    """What the proxy nearest to the browser said."""
    return values.partition(",")[0].strip()
