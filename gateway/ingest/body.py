"""Reading a body takes bounded memory and bounded time, whatever its encoding or its sender.

Its bytes decide whether it is packed, and the header is a hint: some proxies unpack a body and
leave its header, others lose the header of one that is packed, or pack it once more.

aiohttp's own decompression stays off (`gateway.ingest.app`): it drops the connection of a
truncated gzip stream, and answers encodings it does not know in its own words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from aiohttp import hdrs, web
from multidict import CIMultiDictProxy

from gateway.config.model import Limits
from gateway.errors import RequestError
from gateway.ingest.admission import PLACE
from gateway.ingest.inflate import inflated, packing, too_large

GRACE_SECONDS = 3.0
"""How long a body may be slow before its pace counts."""
THREAD_BYTES = 256 * 1024
"""A larger body is parsed in a thread: a hostile megabyte takes a tenth of a second."""

T = TypeVar("T")


async def read_body(request: web.Request, limits: Limits) -> bytes:
    """The decoded body, never empty, and a turn to read what it holds.

    Raises Overloaded or RequestError: `payload_too_large`, `body_timeout`, `incomplete_body`,
    `unsupported_encoding`, `invalid_encoding` or `empty_body`.
    """
    limit = limits.body_bytes
    named = _encodings(request.headers)
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    place = request[PLACE]
    if not request.content.is_eof():
        length = request.content_length
        await place.read(limit if length is None else length)
    body = await _whole(request, limits)
    if len(body) > limit:
        raise too_large(limit)
    packed_as = packing(body, named)
    await place.work(len(body), is_packed=packed_as is not None)
    if packed_as:
        body = await inflated(body, packed_as, limit)
        if again := packing(body, ()):
            body = await inflated(body, again, limit)
    if not body:
        raise RequestError("empty_body", "the body is empty")
    await place.turn(len(body))
    return body


async def parsed(size: int, parse: Callable[[], T]) -> T:
    """What `parse` makes of a body of so many bytes, off the event loop where it may take long."""
    return await asyncio.to_thread(parse) if size > THREAD_BYTES else parse()


async def arriving(request: web.BaseRequest, limits: Limits) -> AsyncGenerator[bytes]:
    """The pieces of a body as it arrives, which it must do at some pace.

    Raises RequestError `body_timeout` or `incomplete_body`.
    """
    clock = asyncio.get_running_loop().time
    started = clock()
    pace = limits.body_bytes_per_second
    received = 0
    content = request.content
    try:
        while True:
            seconds = limits.body_seconds
            if pace:
                seconds = min(seconds, GRACE_SECONDS + received / pace)
            async with asyncio.timeout_at(started + seconds):
                piece = await content.readany()
            if not piece:
                return
            received += len(piece)
            yield piece
    except TimeoutError:
        raise RequestError("body_timeout", "the body took too long to arrive") from None
    except (web.RequestPayloadError, ConnectionError):
        raise _broken() from None


async def _whole(request: web.BaseRequest, limits: Limits) -> bytes:
    if request.content.is_eof():
        try:
            return request.content.read_nowait()
        except (web.RequestPayloadError, ConnectionError):
            raise _broken() from None
    body = bytearray()
    async with aclosing(arriving(request, limits)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > limits.body_bytes:
                break
    return bytes(body)


def _encodings(headers: CIMultiDictProxy[str]) -> list[str]:
    """What the header says of the body's encoding.

    Raises RequestError for a coding of the transfer that cannot be undone: aiohttp takes off the
    last one, `chunked`, and says nothing of those under it.
    """
    if _names(headers, hdrs.TRANSFER_ENCODING) not in ([], ["chunked"]):
        raise RequestError("unsupported_encoding", "the only Transfer-Encoding can be `chunked`")
    return _names(headers, hdrs.CONTENT_ENCODING)


def _names(headers: CIMultiDictProxy[str], header: str) -> list[str]:
    """What the header names, on however many lines, but for `identity`."""
    if header not in headers:
        return []
    names = (name.strip(" \t") for name in ",".join(headers.getall(header)).lower().split(","))
    return [name for name in names if name not in ("", "identity")]


def _broken() -> RequestError:
    return RequestError("incomplete_body", "the body broke off or is badly framed")
