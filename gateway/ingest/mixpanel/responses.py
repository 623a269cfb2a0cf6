"""Every answer on Mixpanel's paths is one that its SDKs survive, and nothing else is ever sent.

As measured with the SDKs: Node and Java want exactly `1` unless they asked for more, Python
reads `status` and `error` of every answer. Phones keep what is answered 4xx and send it forever,
with all that waits behind it, so what will never be good is answered 200 there; pages and callers
of /import learn it. 429 and 503 mean: send it again.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from gateway.errors import RequestError
from gateway.event import Reason
from gateway.ingest import IngestBackend, error_responses
from gateway.ingest.mixpanel.parse import Reading
from gateway.ingest.mixpanel.unpack import Call, open_call

Handler = Callable[[web.Request], Awaitable[web.Response]]

_GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,127}|\(function\(\)\{\}\)", re.ASCII)
"""The second is what browsers without CORS name where nobody wants to know."""


def answered(backend: IngestBackend, handle: Handler, *, is_import: bool) -> Handler:
    """Count the handler's work as in flight, answer its errors, let pages read the answer."""
    words: error_responses.ErrorResponses[web.Response] = error_responses.ErrorResponses(
        "mixpanel",
        refused=lambda error, request: _refused(error, request, is_import=is_import),
        again=lambda status, _, message, after: failed(status, message, retry_after=after),
    )

    async def answer(request: web.Request) -> web.Response:
        response = await error_responses.answered(backend, words, handle, request)
        query = request.rel_url.raw_query_string
        if "img=" in query or "callback=" in query:
            _present(response, open_call(query))
        return response

    return error_responses.readable(answer)


def taken(call: Call) -> web.Response:
    """For /track, /engage and /groups, whatever became of single events.

    Mixpanel says no more about a token that it does not know, and `0` would make Python's
    BufferedConsumer send its batch again and again.
    """
    return _json(200, {"error": None, "status": 1}) if call.verbose else _one()


def imported(call: Call, reading: Reading) -> web.Response:
    """For /import. Plain JSON is strict unless it says otherwise, a form only where it says so."""
    count = len(reading.intake.events)
    failures = reading.failures
    if failures and not count and _NO_SOURCE.issuperset(failure.reason for failure in failures):
        return failed(401, "Invalid credentials")
    strict = call.is_bare if call.strict is None else call.strict
    if strict and failures:
        return failed(
            400,
            "some data points in the request failed validation",
            failed_records=[
                {
                    "index": failure.index,
                    "insert_id": failure.insert_id,
                    "field": "properties.token" if failure.reason in _NO_SOURCE else "",
                    "message": failure.reason.meaning,
                }
                for failure in failures
            ],
            num_records_imported=count,
        )
    if call.verbose:
        body = {"code": 200, "num_records_imported": count, "status": 1, "error": None}
        return _json(200, body)
    if strict:
        return _json(200, {"code": 200, "num_records_imported": count, "status": "OK"})
    return _one()


def failed(status: int, error: str, *, retry_after: int | None = None, **more: Any) -> web.Response:
    """Mixpanel's shape of an error. `retry_after`: seconds."""
    body = {"code": status, "error": error, **more, "status": HTTPStatus(status).phrase}
    response = _json(status, body)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _refused(error: RequestError, request: web.Request, *, is_import: bool) -> web.Response:
    """A browser halves a batch that is too large; a phone would send it whole forever."""
    is_page = "Origin" in request.headers or "Sec-Fetch-Site" in request.headers
    is_too_much = error.code in {"payload_too_large", "too_many_events"}
    if is_too_much and (is_import or is_page):
        return failed(413, error.message)
    if is_import:
        return failed(400, error.message)
    return _json(200, {"error": error.message, "status": 0})


def _present(response: web.Response, call: Call) -> None:
    """Make it the image or the script that a page without CORS asked for."""
    if call.image:
        response.set_status(200)
        response.body = _GIF
        response.headers["Content-Type"] = "image/gif"
        response.headers["Cache-Control"] = "no-store"
    elif response.status == 200 and _CALLBACK.fullmatch(call.callback):
        text = response.body if isinstance(response.body, bytes) else b""
        response.body = b"/**/%s(%s);" % (call.callback.encode(), text)
        response.headers["Content-Type"] = "text/javascript; charset=utf-8"
        response.headers["X-Content-Type-Options"] = "nosniff"


def _one() -> web.Response:
    return web.Response(body=b"1", headers={"Content-Type": "text/plain"})


def _json(status: int, body: Any) -> web.Response:
    headers = {"Content-Type": "application/json"}
    return web.Response(status=status, body=orjson.dumps(body), headers=headers)


_NO_SOURCE = frozenset({Reason.UNKNOWN_WRITE_KEY, Reason.ORIGIN_NOT_ALLOWED})
