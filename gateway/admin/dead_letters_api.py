"""Dead letters are decided about by the gateway that owns the journal, on the word of who may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import orjson
from aiohttp import web

from gateway.admin.bodies import bytes_of
from gateway.errors import JournalError

MOST = 10_000
"""Letters in one request."""

Decide = Callable[[Sequence[int]], Awaitable[None]]


class DeadLetterStore(Protocol):
    """Who has the letters."""

    async def revive(self, letters: Sequence[int]) -> None: ...
    async def discard(self, letters: Sequence[int]) -> None: ...


def routes(store: DeadLetterStore) -> list[web.RouteDef]:
    """`POST {"ids": [1, 2]}` as application/json, which no page of another site can send."""
    return [
        web.post("/api/dead-letters/replay", _deciding(store.revive)),
        web.post("/api/dead-letters/discard", _deciding(store.discard)),
    ]


def _deciding(decide: Decide) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return web.json_response({"error": "send application/json"}, status=415)
        ids = _ids(await bytes_of(request))
        if ids is None:
            return web.json_response({"error": 'send {"ids": [1, 2, …]}'}, status=400)
        try:
            await decide(ids)
        except JournalError as error:
            return web.json_response({"error": str(error)}, status=503)
        return web.json_response({"done": True})

    return handle


def _ids(body: bytes) -> list[int] | None:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    ids = given.get("ids") if isinstance(given, dict) else None
    if not isinstance(ids, list) or len(ids) > MOST:
        return None
    return ids if all(type(one) is int for one in ids) else None
