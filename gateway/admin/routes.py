"""The admin listener shows numbers and names, never an event, and only to who may see them.

Health and readiness are open, for they say nothing but yes or no; everything else wants the token
once one is set, as a bearer or as the password of Basic authentication.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Protocol

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.admin import letters, metrics, pages
from gateway.admin.status import Status

_OPEN = frozenset({"/healthz", "/readyz"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Observed(letters.Undertaker, Protocol):
    """What the admin listener asks of the gateway."""

    def refusal(self) -> str | None: ...
    def warning(self) -> str | None: ...
    async def status(self) -> Status: ...


def application(observed: Observed, token: str) -> web.Application:
    """The routes of the admin listener."""
    app = web.Application(middlewares=[_guard(token)])

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        refusal = observed.refusal()
        return web.json_response(
            {"ready": refusal is None, "reason": refusal, "warning": observed.warning()},
            status=200 if refusal is None else 503,
        )

    async def scrape(_: web.Request) -> web.Response:
        text = metrics.exposition((await observed.status()).samples())
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def status(_: web.Request) -> web.Response:
        body = orjson.dumps((await observed.status()).as_json(), option=orjson.OPT_NON_STR_KEYS)
        return web.Response(body=body, content_type="application/json")

    async def home(_: web.Request) -> web.Response:
        return web.Response(text=pages.status(await observed.status()), content_type="text/html")

    async def style(_: web.Request) -> web.Response:
        return web.Response(text=pages.STYLE, content_type="text/css")

    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", scrape),
            web.get("/api/status", status),
            web.get("/", home),
            web.get("/style.css", style),
            *letters.routes(observed),
        ]
    )
    return app


def _guard(token: str) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token and request.path not in _OPEN and not _knows(request, token):
            return web.json_response(
                {"error": "the admin token is missing or wrong"},
                status=401,
                headers={"WWW-Authenticate": 'Basic realm="telemetry gateway"', **_HEADERS},
            )
        response = await handler(request)
        response.headers.update(_HEADERS)
        return response

    return guard


def _knows(request: web.Request, token: str) -> bool:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            credentials = base64.b64decode(credentials).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(credentials.encode(), token.encode())
