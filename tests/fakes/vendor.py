"""A vendor on a real socket: it keeps what it was sent and answers as it is told, or as itself."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came over the wire."""

    method: str
    url: str  # path and query
    headers: Mapping[str, str]
    body: bytes


Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""What a vendor does instead of answering as itself."""


def answers(status: int, body: str = "", *, headers: Mapping[str, str] | None = None) -> Behaviour:
    async def behave(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body, headers=headers)

    return behave


async def resets(request: web.Request) -> web.StreamResponse:
    """The connection breaks before a word is said."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def breaks_off(request: web.Request) -> web.StreamResponse:
    """The connection breaks within the body of a success."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"st')
    assert request.transport is not None
    request.transport.abort()
    return response


async def drips_its_head(request: web.Request) -> web.StreamResponse:
    """A status line that goes on for ever, a byte at a time."""
    transport = request.transport
    assert transport is not None
    transport.write(b"HTTP/1.1 200 ")
    try:
        while not transport.is_closing():
            transport.write(b"x")
            await asyncio.sleep(0.01)
    finally:
        transport.abort()
    return web.Response()


async def breaks_off_its_head(request: web.Request) -> web.StreamResponse:
    """A status line without an end, and then nothing more."""
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 200 O")
    request.transport.close()
    return web.Response()


async def drips_its_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)
    return response


async def never_ends(request: web.Request) -> web.StreamResponse:
    """As much body as the other side takes."""
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b" " * 65536)
    return response


class Vendor(ABC):
    """Answers as itself unless `script` has something else for the next requests."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self.arrived = asyncio.Event()
        self._transports: set[asyncio.Transport] = set()
        self.script: deque[Behaviour] = deque()

    @abstractmethod
    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """As the vendor does."""

    async def hang_up(self) -> None:
        """TLS connections would wait for a goodbye that never comes."""
        for transport in self._transports:
            transport.abort()
        await asyncio.sleep(0)  # an aborted transport closes in the next turn of the loop
        await asyncio.sleep(0)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self._transports.add(request.transport)
        body = await request.read()
        self.seen.append(Seen(request.method, request.path_qs, dict(request.headers), body))
        self.arrived.set()
        if self.script:
            return await self.script.popleft()(request)
        return await self.answer(request, body)


VendorT = TypeVar("VendorT", bound=Vendor)


@contextlib.asynccontextmanager
async def running(
    vendor: VendorT, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[VendorT, None]:
    """The vendor, listening on a port of its own while the block runs."""
    application = web.Application(client_max_size=64 * 1024**2)
    application.router.add_route("*", "/{path:.*}", vendor._handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    host, port = runner.addresses[0][:2]
    vendor.url = f"{'https' if tls else 'http'}://{host}:{port}"
    try:
        yield vendor
    finally:
        await runner.cleanup()
        await vendor.hang_up()
