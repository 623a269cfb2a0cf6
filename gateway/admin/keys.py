"""The running gateway takes up the pseudonym keys as a command has left them."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from gateway.errors import GatewayError


class KeyControl(Protocol):
    """Who has the keys in force."""

    async def reload_keys(self) -> int:
        """Take up what is there now; returns the id of the one in force. Raises GatewayError."""
        ...


def routes(control: KeyControl) -> list[web.RouteDef]:
    """`POST {}` as application/json, which no page of another site can send."""

    async def reload(request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return web.json_response({"error": "send application/json"}, status=415)
        try:
            number = await control.reload_keys()
        except GatewayError as error:
            return web.json_response({"error": str(error)}, status=409)
        return web.json_response({"in_force": number})

    return [web.post("/api/keys/reload", reload)]
