"""What a body is not becomes an answer that says so, and one that stalls does not wait forever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from aiohttp import web

SECONDS = 10.0

ReadT = TypeVar("ReadT")


async def form_of(request: web.Request) -> Mapping[str, object]:
    """Raises HTTPBadRequest or HTTPRequestTimeout."""
    return await _read(request.post())


async def bytes_of(request: web.Request) -> bytes:
    """Raises HTTPBadRequest or HTTPRequestTimeout."""
    return await _read(request.read())


async def _read(reading: Awaitable[ReadT]) -> ReadT:
    try:
        async with asyncio.timeout(SECONDS):
            return await reading
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason="the body took too long to arrive") from None
    except (ValueError, LookupError, web.RequestPayloadError, ConnectionError):
        raise web.HTTPBadRequest(reason="the body cannot be read") from None
