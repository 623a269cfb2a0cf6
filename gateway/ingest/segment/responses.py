"""Every error on Segment's paths becomes an answer that its SDKs survive, and nothing else does.

400 for what cannot be read: the one refusal that ends an SDK's trying. 429 and 503 for what should
come again. Other codes make some SDK send forever or lose events it still has, and Python's SDK
reads both `code` and `message`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from gateway.ingest import IngestBackend, error_responses

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_JSON = {"Content-Type": "application/json"}


def answered(backend: IngestBackend, handle: Handler) -> Handler:
    """Count the handler's work as in flight, answer its errors, let pages read the answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await error_responses.answered(backend, _WORDS, handle, request)

    return error_responses.readable(answer)


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


_WORDS: error_responses.ErrorResponses[web.StreamResponse] = error_responses.ErrorResponses(
    "segment",
    refused=lambda error, _: refusal(400, error.code, error.message),
    again=refusal,
)
