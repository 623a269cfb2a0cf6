"""Reading a body takes bounded memory and bounded time, whatever its encoding or its sender.

aiohttp's own decompression stays off (`gateway.ingest.server`): it drops the connection of a
truncated gzip stream, and answers encodings it does not know in its own words.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import hdrs, web

from gateway.config.model import Limits
from gateway.errors import RequestError
from gateway.ingest.admission import PLACE

GRACE_SECONDS = 3.0
"""How long a body may be slow before its pace counts."""

_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": zlib.MAX_WBITS}


async def read_body(request: web.Request, limits: Limits) -> bytes:
    """The decoded body, never empty, and a turn to read what it holds.

    Raises Overloaded or RequestError: `payload_too_large`, `body_timeout`, `incomplete_body`,
    `unsupported_encoding`, `invalid_encoding` or `empty_body`.
    """
    limit = limits.body_bytes
    encoding = _encoding(request.headers.get(hdrs.CONTENT_ENCODING, ""))
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    place = request[PLACE]
    if not request.content.is_eof():
        length = request.content_length
        await place.read(limit if length is None else length)
    body = await _whole(request, limits)
    if len(body) > limit:
        raise too_large(limit)
    await place.work(len(body), is_packed=encoding is not None)
    if encoding:
        body = inflate(body, encoding, limit)
    if not body:
        raise RequestError("empty_body", "the body is empty")
    await place.turn(len(body))
    return body


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


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """Decompress `gzip`, `x-gzip` or `deflate` (RFC 1950, and 1951 as some clients mean it).

    Never makes more than `limit` + 1 bytes. Raises RequestError.
    """
    inflated = bytearray()
    try:
        while body:
            window = _WINDOW[encoding]
            if encoding == "deflate" and not _has_zlib_header(body):
                window = -zlib.MAX_WBITS
            stream = zlib.decompressobj(window)
            inflated += stream.decompress(body, limit + 1 - len(inflated))
            if len(inflated) > limit:
                raise too_large(limit)
            if not stream.eof:
                raise _corrupt()
            body = stream.unused_data.lstrip(b"\0")  # a further gzip member, or padding
    except zlib.error:
        raise _corrupt() from None
    return bytes(inflated)


def too_large(limit: int) -> RequestError:
    return RequestError("payload_too_large", f"the body is larger than {limit} bytes")


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


def _encoding(header: str) -> str | None:
    """The one encoding of the body; None for none."""
    names = [name for name in header.lower().replace(" ", "").split(",") if name]
    names = [name for name in names if name != "identity"]
    if not names:
        return None
    if len(names) > 1 or names[0] not in _WINDOW:
        raise RequestError("unsupported_encoding", "send the body plain, as gzip or as deflate")
    return names[0]


def _has_zlib_header(body: bytes) -> bool:
    return body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _broken() -> RequestError:
    return RequestError("incomplete_body", "the body broke off or is badly framed")


def _corrupt() -> RequestError:
    return RequestError("invalid_encoding", "the body is not what its Content-Encoding says")
