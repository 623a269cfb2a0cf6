"""Which fields events have, and a person's word about them, which is on disk before the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

import orjson
from aiohttp import web

from gateway.admin.bodies import bytes_of
from gateway.fields.listing import Listing, places
from gateway.fields.table import Place, State
from gateway.jsonl.files import cause

_STATES = ("accepted", "dropped")
_USAGE = 'send {"state": "accepted" or "dropped", "fields": [{"protocol", "event", "pointer"}]}'


class FieldKeeper(Protocol):
    """Who keeps the table."""

    async def listing(self) -> Listing: ...
    async def judge(self, places: Sequence[Place], state: State) -> None: ...


def routes(keeper: FieldKeeper) -> list[web.RouteDef]:
    """The list, and the API to decide."""

    async def show(_: web.Request) -> web.Response:
        return _json((await keeper.listing()).as_json())

    async def judge(request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _json({"error": "send application/json"}, 415)
        try:
            given = orjson.loads(await bytes_of(request))
            state, wanted = given["state"], places(given["fields"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return _json({"error": _USAGE}, 400)
        if state not in _STATES or not wanted:
            return _json({"error": _USAGE}, 400)
        try:
            await keeper.judge(wanted, cast(State, state))
        except KeyError:
            return _json({"error": "a field was never seen; look at the list again"}, 404)
        except OSError as error:
            return _json({"error": f"nothing has changed: {cause(error)}"}, 409)
        return _json({"done": len(wanted)})

    return [web.get("/api/fields", show), web.post("/api/fields", judge)]


def _json(value: Any, status: int = 200) -> web.Response:
    body = orjson.dumps(value)
    return web.Response(body=body, content_type="application/json", status=status)
