"""The admin listener shows numbers and names, never an event, and only to who may see them.

Health and readiness are open, for they say nothing but yes or no; `guard` minds everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.admin import (
    dead_letters_api,
    destinations,
    erasures_api,
    fields_api,
    html,
    keys,
    metrics,
    pages,
    settings,
    sign_in,
)
from gateway.admin.guard import AdminGuard
from gateway.admin.settings import Restart
from gateway.admin.style import STYLE
from gateway.health import Health
from gateway.status import Status


class HealthSource(Protocol):
    """Who knows whether events can be accepted."""

    def health(self) -> Health: ...


class StatusSource(Protocol):
    """Who looks at everything."""

    async def status(self) -> Status: ...


@dataclass(frozen=True, slots=True)
class Observed:
    """What the admin listener asks of the gateway."""

    health: HealthSource
    status: StatusSource
    telemetry: settings.TelemetryControl
    deliveries: destinations.Carrier
    letters: dead_letters_api.DeadLetterStore
    fields: fields_api.FieldKeeper
    keys: keys.KeyControl
    eraser: erasures_api.Eraser | None = None
    more_routes: Sequence[web.RouteDef] = ()
    more_pages: Sequence[html.PageLink] = ()
    more_metrics: Sequence[metrics.Metric] = ()
    """What extensions bring."""


def application(observed: Observed, guard: AdminGuard, restart: Restart) -> web.Application:
    """The routes of the admin listener."""
    app = web.Application(middlewares=[guard.middleware])
    app[html.PAGES] = observed.more_pages

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        health = observed.health.health()
        return web.json_response(
            {
                "ready": health.ready,
                "reason": health.reason,
                "remedy": health.remedy,
                "warning": health.warning,
            },
            status=200 if health.ready else 503,
        )

    async def scrape(_: web.Request) -> web.Response:
        text = metrics.exposition((await observed.status.status()).samples(), observed.more_metrics)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def status(_: web.Request) -> web.Response:
        body = orjson.dumps(
            (await observed.status.status()).as_json(), option=orjson.OPT_NON_STR_KEYS
        )
        return web.Response(body=body, content_type="application/json")

    async def home(request: web.Request) -> web.Response:
        text = pages.status(await observed.status.status(), html.Frame.of(request))
        return web.Response(text=text, content_type="text/html")

    async def style(_: web.Request) -> web.Response:
        return web.Response(text=STYLE, content_type="text/css")

    async def icon(_: web.Request) -> web.Response:
        return web.Response(text=html.ICON, content_type="image/svg+xml")

    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", scrape),
            web.get("/api/status", status),
            web.get(html.HOME, home),
            web.get("/style.css", style),
            web.get("/icon.svg", icon),
            *destinations.routes(observed.deliveries),
            *dead_letters_api.routes(observed.letters),
            *fields_api.routes(observed.fields),
            *keys.routes(observed.keys),
            *(erasures_api.routes(observed.eraser) if observed.eraser else ()),
            *settings.routes(observed.telemetry, restart),
            *sign_in.routes(guard),
            *observed.more_routes,
        ]
    )
    return app
