"""Load balancers ask the traffic port whether it is alive, and get nothing but yes or no."""

from __future__ import annotations

from aiohttp import web

from gateway.ingest import IngestBackend


def add_routes(app: web.Application, backend: IngestBackend) -> None:
    """`/healthz` and `/readyz`, for GET and HEAD and whatever Host."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        is_ready = backend.health().ready
        return web.json_response({"ready": is_ready}, status=200 if is_ready else 503)

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
