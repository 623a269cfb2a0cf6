"""People are erased by the gateway that owns the data folder, on the word of who may.

Ids come in bodies alone, for addresses are logged by whatever stands in front.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from aiohttp import web

from gateway.admin.bodies import bytes_of
from gateway.errors import ConfigurationError, GatewayError, UsageError
from gateway.jsonl.files import cause

MOST = 100
"""Ids in one request."""
_USAGE = 'send {"users": ["id", …]}, with "suppress", "joined" or "dry_run": true as you like'


class Eraser(Protocol):
    """Who erases."""

    async def ask(self, ids: Sequence[str], *, suppress: bool, joined: bool) -> dict[str, Any]: ...
    async def dry_run(self, ids: Sequence[str], *, joined: bool) -> dict[str, Any]: ...
    async def unsuppress(self, ids: Sequence[str]) -> int: ...
    async def receipt(self, job: str) -> dict[str, Any] | None: ...
    async def try_now(self) -> list[dict[str, Any]]: ...
    def unfinished(self) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    users: Sequence[str]
    suppress: bool
    joined: bool
    dry_run: bool


def routes(eraser: Eraser) -> list[web.RouteDef]:
    """`POST /api/erasures` begins one; `GET /api/erasures/ID` has its receipt by now."""

    async def begin(asked: _Asked) -> Any:
        if asked.dry_run:
            return await eraser.dry_run(asked.users, joined=asked.joined)
        return await eraser.ask(asked.users, suppress=asked.suppress, joined=asked.joined)

    async def unsuppress(asked: _Asked) -> Any:
        return {"unsuppressed": await eraser.unsuppress(asked.users)}

    async def try_now(_: web.Request) -> web.Response:
        return _json({"erasures": await eraser.try_now()})

    async def unfinished(_: web.Request) -> web.Response:
        return _json({"erasures": eraser.unfinished()})

    async def receipt(request: web.Request) -> web.Response:
        name = request.match_info["id"]
        found = await eraser.receipt(name) if name.isalnum() else None
        return _json({"error": "there is no such erasure"}, 404) if found is None else _json(found)

    return [
        web.post("/api/erasures", _asking(begin)),
        web.post("/api/erasures/unsuppress", _asking(unsuppress)),
        web.post("/api/erasures/try", try_now),
        web.get("/api/erasures", unfinished),
        web.get("/api/erasures/{id}", receipt),
    ]


def _asking(
    do: Callable[[_Asked], Awaitable[Any]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _json({"error": "send application/json"}, 415)
        asked = _read(await bytes_of(request))
        if asked is None:
            return _json({"error": _USAGE}, 400)
        try:
            return _json(await do(asked))
        except UsageError as error:
            return _json({"error": str(error)}, 400)
        except (GatewayError, ConfigurationError) as error:
            return _json({"error": str(error)}, 503)
        except OSError as error:
            return _json({"error": f"it could not be kept: {cause(error)}"}, 503)

    return handle


def _read(body: bytes) -> _Asked | None:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    users = given.get("users") if isinstance(given, dict) else None
    if not isinstance(users, list) or not 0 < len(users) <= MOST:
        return None
    flags = [given.get(name, False) for name in ("suppress", "joined", "dry_run")]
    is_good = all(isinstance(one, str) for one in users)
    if not is_good or not all(isinstance(one, bool) for one in flags):
        return None
    return _Asked(users, *flags)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json", status=status)
