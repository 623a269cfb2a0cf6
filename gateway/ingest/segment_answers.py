"""Every error on Segment's paths becomes an answer that its SDKs survive, and nothing else does.

400 for what cannot be read: the one refusal that ends an SDK's trying. 429 and 503 for what should
come again. Other codes make some SDK send for ever or lose events it still has, and Python's SDK
reads both `code` and `message`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
import structlog
from aiohttp import web

from gateway.errors import JournalError, Overloaded, RequestError, fault
from gateway.ingest import Door, cors

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_SECONDS = 5
_JSON = {"Content-Type": "application/json"}


def answered(door: Door, handle: Handler) -> Handler:
    """Count the handler's work as in flight, answer its errors, let pages read the answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await _answer(door, handle, request)
        if "Access-Control-Allow-Origin" not in response.headers:
            response.headers.update(cors.readable(request.headers, door.sources))
        return response

    return answer


def taken() -> web.Response:
    """Every SDK takes this for success, and some take nothing else."""
    return web.Response(body=b'{"success": true}', headers=_JSON)


def refusal(status: int, code: str, message: str, retry_after: int | None = None) -> web.Response:
    """`retry_after`: seconds. Browsers before 1.84 read X-RateLimit-Reset instead, as seconds."""
    body = orjson.dumps({"success": False, "code": code, "message": message})
    response = web.Response(status=status, body=body, headers=_JSON)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
        response.headers["X-RateLimit-Reset"] = str(retry_after)
    return response


async def _answer(door: Door, handle: Handler, request: web.Request) -> web.StreamResponse:
    if door.closing:
        response = _again(door, "closing", "the gateway is stopping; send again")
        response.force_close()
        return response
    try:
        with door.throttle.working(door.limits):
            return await handle(request)
    except RequestError as error:
        if error.code == "body_timeout":
            response = _again(door, error.code, error.message)
            response.force_close()
            return response
        door.refused("segment", error.code)
        return refusal(400, error.code, error.message)
    except Overloaded as error:
        door.refused("segment", "overloaded")
        return refusal(429, "overloaded", "too many requests or events", error.retry_after)
    except JournalError:
        return _again(door, "unavailable", "events cannot be kept just now; send again")
    except Exception as error:  # noqa: BLE001 (the client must keep its events, whatever this is)
        log.error("a request failed", fault=fault(error))  # noqa: TRY400 (a traceback may quote it)
        return _again(door, "unexpected", "something went wrong; send again")


def _again(door: Door, code: str, message: str) -> web.Response:
    door.refused("segment", code)
    return refusal(503, code, message, RETRY_SECONDS)
