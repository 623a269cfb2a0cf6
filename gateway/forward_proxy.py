"""A client that has only a proxy setting reaches the gateway, and no host that nobody named.

`CONNECT host:443` (RFC 9110 §9.3.6) to a host of `here` is answered by the gateway itself, with its
own certificate and as if the client had found it by that name. To a host of `through` it becomes a
tunnel whose bytes are not looked at. Everything else is refused, and the log names the host once.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, cast

import structlog

from gateway.addresses import is_from
from gateway.config.model import ForwardProxySettings as Settings
from gateway.globs import compile_globs
from gateway.process.connections import Connections, State
from gateway.process.web_server import secured

Fate = Literal["here", "through", "refused", "unreachable"]

HEAD_BYTES = 8 * 1024
HEAD_SECONDS = 10.0
"""For the request to be whole, and for the handshake behind it."""
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 600.0
"""How long a tunnel may be silent."""
_MOST_TOLD = 100

_CONNECT = re.compile(rb"CONNECT ([A-Za-z0-9.-]{1,255}|\[[0-9A-Fa-f:.]+\]):(\d{1,5}) HTTP/1\.[01]")

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

log = structlog.get_logger(__name__)


class _Refusal(NamedTuple):
    status: str
    why: str


_STRANGER = _Refusal("403 Forbidden", "forward_proxy.clients has no network with this address")
_ELSEWHERE = _Refusal("403 Forbidden", "forward_proxy names this host neither here nor through")
_NOT_CONNECT = _Refusal("405 Method Not Allowed", "this proxy takes CONNECT for https only")
_TOO_LARGE = _Refusal("431 Request Header Fields Too Large", "the request is too large")
_TOO_MANY = _Refusal("503 Service Unavailable", "too many connections")
_UNREACHABLE = _Refusal("502 Bad Gateway", "the host cannot be reached")


class ForwardProxy:
    """Serves CONNECT on the sockets it is given."""

    def __init__(
        self,
        settings: Settings,
        context: ssl.SSLContext,
        answering: Callable[[], asyncio.Protocol],
        admitted: Connections,
        fates: Counter[str],
    ) -> None:
        """`answering` makes what speaks HTTP with a client of `here`; `fates` is counted in."""
        self.settings = settings
        self.context = context
        self.answering = answering
        self.admitted = admitted
        self.connections: set[asyncio.Transport] = set()
        self._fates = fates
        self._here = compile_globs(settings.here, ignore_case=True)
        self._through = compile_globs(settings.through, ignore_case=True)
        self._told: set[str] = set()
        self._servers: list[asyncio.Server] = []

    async def listen(self, sockets: Sequence[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        for one in sockets:
            self._servers.append(
                await loop.create_server(lambda: _Client(self), sock=one.dup(), backlog=1024)
            )

    def close(self) -> None:
        """Take no more, and end what is not the gateway's own to answer."""
        for server in self._servers:
            server.close()
        for transport in list(self.connections):
            transport.abort()

    def fate(self, host: str, port: int) -> Fate:
        if port == 443 and self._here and self._here.fullmatch(host):
            return "here"
        if port == 443 and self._through and self._through.fullmatch(host):
            return "through"
        return "refused"

    def count(self, fate: Fate) -> None:
        self._fates[fate] += 1

    def tell(self, refused: str) -> None:
        """Name a host in the log, once, so that somebody can decide about it."""
        if refused not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(refused)
            log.warning("the forward proxy refused a host", host=refused)


class _Client(asyncio.Protocol):
    """One connection, until it is known what becomes of it."""

    def __init__(self, proxy: ForwardProxy) -> None:
        self._proxy = proxy
        self._head = bytearray()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle
        self._task: asyncio.Task[None] | None = None
        self._is_tunnel = False
        self._far_end = _FarEnd()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is not derived from it
        self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._transport.abort)
        self._proxy.connections.add(self._transport)
        if not self._proxy.admitted.admit(self, transport.get_extra_info("peername")[0]):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._timer.cancel()
        self._leave()
        if self._task:
            self._task.cancel()

    def state(self) -> State:
        return State.BUSY if self._is_tunnel else State.SILENT

    def evict(self) -> None:
        self._transport.abort()

    def _leave(self) -> None:
        self._proxy.connections.discard(self._transport)
        self._proxy.admitted.leave(self)
        self._proxy.admitted.leave(self._far_end)

    def data_received(self, data: bytes) -> None:
        if self._task or self._transport.is_closing():
            return
        self._head += data
        if b"\r\n\r\n" in self._head:
            self._decide()
        elif len(self._head) > HEAD_BYTES:
            self._refuse(_TOO_LARGE)

    def _decide(self) -> None:
        proxy = self._proxy
        head, _, behind = self._head.partition(b"\r\n\r\n")
        asked = _CONNECT.match(head)
        if not is_from(self._transport.get_extra_info("peername")[0], proxy.settings.clients):
            self._refuse(_STRANGER)
            return
        if asked is None or behind:
            self._refuse(_NOT_CONNECT)
            return
        host, port = asked[1].decode().strip("[]").lower(), int(asked[2])
        fate = proxy.fate(host, port)
        if fate == "refused":
            proxy.tell(f"{host}:{port}")
            self._refuse(_ELSEWHERE)
            return
        peer = self._transport.get_extra_info("peername")[0]
        if fate == "through" and not proxy.admitted.admit(self._far_end, peer):
            self._refuse(_TOO_MANY)
            return
        opening = self._answer() if fate == "here" else self._tunnel(host)
        self._task = asyncio.create_task(opening)

    async def _answer(self) -> None:
        """The client's next words are a TLS handshake with the gateway."""
        proxy = self._proxy
        self._transport.write(_ESTABLISHED)
        self._timer.cancel()

        def answering() -> asyncio.Protocol:
            self._leave()
            proxy.count("here")
            return proxy.answering()

        await secured(self._transport, proxy.context, answering, HEAD_SECONDS)

    async def _tunnel(self, host: str) -> None:
        proxy = self._proxy
        self._is_tunnel = True
        self._transport.pause_reading()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                far = await asyncio.open_connection(host, 443)
        except (OSError, TimeoutError):
            self._refuse(_UNREACHABLE, "unreachable")
            return
        self._timer.cancel()
        proxy.count("through")
        near = _streams(self._transport)
        self._transport.write(_ESTABLISHED)
        self._transport.resume_reading()
        try:
            await _joined(near, far)
        finally:
            self._leave()

    def _refuse(self, refusal: _Refusal, fate: Fate = "refused") -> None:
        self._proxy.count(fate)
        body = f"{refusal.why}\n".encode()
        self._transport.write(
            f"HTTP/1.1 {refusal.status}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        self._transport.close()


class _FarEnd:
    """The other connection of a tunnel, which needs an open file too."""

    def state(self) -> State:
        return State.BUSY

    def evict(self) -> None:
        """Never: it is busy."""


def _streams(transport: asyncio.Transport) -> Streams:
    """The streams of a connection that had another protocol until now."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _joined(near: Streams, far: Streams) -> None:
    """Carry bytes both ways until both sides have ended, or neither says anything any more."""
    loop = asyncio.get_running_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(64 * 1024):
            silence.reschedule(loop.time() + IDLE_SECONDS)
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    try:
        async with asyncio.timeout(IDLE_SECONDS) as silence, asyncio.TaskGroup() as tasks:
            tasks.create_task(carry(near[0], far[1]))
            tasks.create_task(carry(far[0], near[1]))
    except* (OSError, TimeoutError):
        near[1].transport.abort()
        far[1].transport.abort()
    finally:
        near[1].close()
        far[1].close()
