"""Every error of a request is counted and answered, and no client loses what it has.

The errors are the same on every path; how they are said is the protocol's own. 503 and 429 mean:
send it again. What the gateway did not foresee is one of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import structlog
from aiohttp import web

from gateway.config.outgoing import LOOP
from gateway.errors import JournalError, Overloaded, RequestError, fault
from gateway.event import Protocol
from gateway.ingest import IngestBackend, cors, loop
from gateway.ingest.asked import asked

RETRY_SECONDS = 5

_OVERLOADED = {
    True: (
        429,
        "overloaded",
        "rate limit: too many requests or events from this source; send again later",
    ),
    False: (503, "busy", "the gateway is overloaded; send again later"),
}

log = structlog.get_logger(__name__)

AnswerT = TypeVar("AnswerT", bound=web.StreamResponse)
Handler = Callable[[web.Request], Awaitable[AnswerT]]


@dataclass(frozen=True, slots=True)
class ErrorResponses(Generic[AnswerT]):
    """How a protocol says no."""

    protocol: Protocol | Literal["http"]
    refused: Callable[[RequestError, web.Request], AnswerT]
    """The request will never be good."""
    again: Callable[[int, str, str, int], AnswerT]
    """It may be sent again: status, code, sentence, and after how many seconds."""


async def answered(
    backend: IngestBackend,
    words: ErrorResponses[AnswerT],
    handle: Handler[AnswerT],
    request: web.Request,
) -> AnswerT:
    """The handler's answer, or that of its error. The request has its `Place` meanwhile."""

    def again(code: str, sentence: str, *, hang_up: bool = False) -> AnswerT:
        backend.refused(words.protocol, code, asked(request))
        response = words.again(503, code, sentence, RETRY_SECONDS)
        if hang_up:
            response.force_close()
        return response

    if loop.is_own(request.headers, backend.outgoing.mark):
        backend.refused(words.protocol, "loop", asked(request))
        loop.warn(words.protocol)
        response = words.again(LOOP, "loop", loop.SENTENCE, RETRY_SECONDS)
        response.headers.update(backend.outgoing.hops())
        return response
    if backend.closing:
        return again("closing", "the gateway is stopping; send again", hang_up=True)
    try:
        with backend.admission.place(backend, request):
            return await handle(request)
    except RequestError as error:
        if error.code == "body_timeout":
            return again(error.code, error.message, hang_up=True)
        backend.refused(words.protocol, error.code, asked(request))
        return words.refused(error, request)
    except Overloaded as error:
        status, code, sentence = _OVERLOADED[error.is_own]
        backend.refused(words.protocol, code, asked(request))
        return words.again(status, code, sentence, error.retry_after)
    except JournalError:
        return again("unavailable", "events cannot be stored at the moment; send again")
    except Exception as error:  # noqa: BLE001 (the client must send again, whatever this is)
        log.error("a request failed", fault=fault(error))  # noqa: TRY400 (a traceback may quote it)
        return again("unexpected", "internal error; send again")


def readable(handle: Handler[AnswerT]) -> Handler[AnswerT]:
    """Let pages read the answer."""

    async def answer(request: web.Request) -> AnswerT:
        response = await handle(request)
        if "Access-Control-Allow-Origin" not in response.headers:
            response.headers.update(cors.readable(request.headers.get("Origin")))
        return response

    return answer
