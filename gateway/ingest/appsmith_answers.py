"""Every answer has Appsmith's one shape, and success is said only of what is done.

`{"responseMeta": {"status", "success", "error"?}, "data"?}`, which the product calls ResponseDTO.
It tries again on every answer that is not a success, so an error loses nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from aiohttp import web

from gateway.errors import JournalError, Overloaded, RequestError, fault
from gateway.ingest import Door, cors

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_SECONDS = 5
_JSON = {"Content-Type": "application/json"}
_BAD_REQUEST, _FAILED = 4000, 5000
"""The product's codes for what a client, and what a server did wrong."""


def done(data: Any, status: int = 200) -> web.Response:
    body = {"responseMeta": {"status": status, "success": True}, "data": data, "errorDisplay": ""}
    return web.Response(status=status, body=orjson.dumps(body), headers=_JSON)


def failed(status: int, message: str, retry_after: int | None = None) -> web.Response:
    """`retry_after`: seconds."""
    error = {"code": _BAD_REQUEST if status < 500 else _FAILED, "message": message}
    body = {"responseMeta": {"status": status, "success": False, "error": error}}
    response = web.Response(status=status, body=orjson.dumps(body), headers=_JSON)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def answered(door: Door, handle: Handler) -> Handler:
    """Count the handler's work as in flight, and answer its errors."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if door.closing:
            response = _again(door, "closing", "the gateway is stopping; send again")
            response.force_close()
            return response
        try:
            with door.throttle.working(door.limits):
                return await handle(request)
        except RequestError as error:
            door.refused("appsmith", error.code)
            return failed(404 if error.code == "no_such_path" else 400, error.message)
        except Overloaded as error:
            door.refused("appsmith", "overloaded")
            return failed(429, "too many requests or events", error.retry_after)
        except JournalError:
            return _again(door, "unavailable", "nothing can be kept just now; send again")
        except Exception as error:  # noqa: BLE001 (the client must send again, whatever this is)
            log.error("a request failed", fault=fault(error))  # noqa: TRY400 (a traceback may quote it)
            return _again(door, "unexpected", "something went wrong; send again")

    return answer


def readable(door: Door, handle: Handler) -> Handler:
    """Let pages of an allowed origin read the answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await handle(request)
        response.headers.update(cors.readable(request.headers, door.sources))
        return response

    return answer


def _again(door: Door, code: str, message: str) -> web.Response:
    door.refused("appsmith", code)
    return failed(503, message, RETRY_SECONDS)
