"""A person's word ends the waits of a destination, also one that its vendor asked for."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web


class Carrier(Protocol):
    """Who delivers."""

    def try_now(self, destination: str) -> bool:
        """Try it at once; False where there is no such destination."""
        ...


def routes(carrier: Carrier) -> list[web.RouteDef]:
    """`POST {}` as application/json, which no page of another site can send."""

    async def try_now(request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return web.json_response({"error": "send application/json"}, status=415)
        if not carrier.try_now(request.match_info["name"]):
            return web.json_response({"error": "there is no such destination"}, status=404)
        return web.json_response({"done": True})

    return [web.post("/api/destinations/{name}/try", try_now)]
