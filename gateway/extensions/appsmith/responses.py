"""Every answer has Appsmith's one shape, and success is said only of what is done.

`{"responseMeta": {"status", "success", "error"?}, "data"?}`, which the product calls ResponseDTO.
It tries again on every answer that is not a success, so an error loses nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from gateway.ingest import IngestBackend, error_responses

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_JSON = {"Content-Type": "application/json"}
_BAD_REQUEST, _FAILED = 4000, 5000
"""The product's codes for what a client, and what a server did wrong."""


def answered(backend: IngestBackend, handle: Handler) -> Handler:
    """Count the handler's work as in flight, and answer its errors."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await error_responses.answered(backend, _WORDS, handle, request)

    return answer


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


_WORDS: error_responses.ErrorResponses[web.StreamResponse] = error_responses.ErrorResponses(
    "appsmith",
    refused=lambda error, _: failed(404 if error.code == "no_such_path" else 400, error.message),
    again=lambda status, _, message, after: failed(status, message, after),
)
