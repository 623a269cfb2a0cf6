"""What is told of Appsmith's instances and of their usage names instances, and nobody else."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.commands.audit import parse_since

_SINCE = "31d"


class Ledger(Protocol):
    """Who keeps account."""

    async def instances(self) -> list[dict[str, Any]]: ...
    async def usage(self, since: float) -> dict[str, Any]: ...


def routes(ledger: Ledger) -> list[web.RouteDef]:
    """`/api/instances?overdue=1` and `/api/usage?since=7d`."""

    async def instances(request: web.Request) -> web.Response:
        known = await ledger.instances()
        if request.query.get("overdue") == "1":
            known = [instance for instance in known if instance["overdue"]]
        return _json({"instances": known})

    async def usage(request: web.Request) -> web.Response:
        try:
            since = parse_since(request.query.get("since", _SINCE), datetime.now(UTC))
        except ValueError:
            return _json({"error": "since takes 7d, 12h, 30m, a date or a time"}, status=400)
        start = datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp()
        return _json(await ledger.usage(start))

    return [
        web.get("/api/instances", _kept(instances)),
        web.get("/api/usage", _kept(usage)),
    ]


def _kept(handle: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except sqlite3.Error:
            return _json({"error": "the ledger cannot be read just now"}, status=503)

    return answer


def _json(value: Any, status: int = 200) -> web.Response:
    body = orjson.dumps(value)
    return web.Response(status=status, body=body, content_type="application/json")
