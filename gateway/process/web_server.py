"""HTTP on a listener's sockets, as a client on a bad network or with bad intentions meets it.

Each connection is admitted (`gateway.process.connections`), its request's head and the TLS
handshake come in time or it ends, and so does one that does not take its answer. A client that has
sent its last request whole and closed its side gets every answer. What is not HTTP is answered
400, unlogged.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import _ErrInfo
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.errors import fault
from gateway.process.connections import Connections, State

WRITE_SECONDS = 30.0
"""How long a client may take nothing of an answer that is larger than the buffers on the way."""

_ACCEPTED_AT_ONCE = 32
"""Before the loop looks at what else there is to do."""
_REST_SECONDS = 0.1
_LOOK_SECONDS = 0.02

_origin = re.compile(rb"\nOrigin:[ \t]*([\x21-\x7e]{1,300})[ \t]*\r?\n", re.IGNORECASE).search
_BROKEN = (web.RequestPayloadError, HttpProcessingError, ConnectionError)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """What the connections of a listener have in common."""

    connections: Connections
    header_seconds: Callable[[], float]
    refused: Callable[[], None]
    """Counts a request that is not HTTP."""
    error_headers: Callable[[str | None], Mapping[str, str]] = lambda _: {}
    """Of the answer to such a request, by the Origin that it seems to have."""


class Handler(web.RequestHandler):
    """One connection that speaks HTTP."""

    __slots__ = (
        "_deadline",
        "_ending",
        "_head_since",
        "_head_timer",
        "_is_admitted",
        "_last_body",
        "_listening",
        "_origin",
        "_raw",
        "opening",
    )

    def __init__(self, listening: Listening, server: web.Server, **settings: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **settings)
        self._listening = listening
        self._head_since: float | None = None  # when the first byte of the next one came
        self._head_timer: asyncio.TimerHandle | None = None
        self._last_body: Any = None
        self._origin: str | None = None  # of what is not HTTP
        self._deadline: asyncio.TimerHandle | None = None  # for the answer to be taken
        self._ending: asyncio.TimerHandle | None = None  # of a half-closed connection
        self._raw: asyncio.BaseTransport | None = None
        self._is_admitted = False
        self.opening: asyncio.Task[None] | None = None

    def admitted(self, peer: str) -> bool:
        """Whether there is a place for it."""
        self._is_admitted = self._listening.connections.admit(self, peer)
        return self._is_admitted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._raw = transport
        peer = transport.get_extra_info("peername")
        if not self._is_admitted and not self.admitted(peer[0] if peer else ""):
            self._force_close = True
            self.evict()
            return
        super().connection_made(transport)
        self._expect_a_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._listening.connections.leave(self)
        for timer in (self._deadline, self._ending, self._head_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def state(self) -> State:
        if self._is_idle():
            return State.SILENT
        request = self._current_request
        if self._request_in_progress and (request is None or request.content.is_eof()):
            return State.BUSY
        return State.READING  # or what is left of a body is thrown away

    def _is_idle(self) -> bool:
        """Whether all that was asked for is answered."""
        waiter = self._waiter
        is_waiting = waiter is not None and not waiter.done()
        return not self._messages and (is_waiting or self._request_count == 0)

    def evict(self) -> None:
        if self._raw is not None:
            cast(asyncio.Transport, self._raw).abort()
        elif self.opening is not None:
            self.opening.cancel()

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._head_since = None
            message, self._last_body = self._messages[-1]
            if type(message) is _ErrInfo and (found := _origin(data)):
                self._origin = found[1].decode()
        elif data and self._head_since is None and self._has_all_bodies():
            self._expect_a_head()

    def _has_all_bodies(self) -> bool:
        return self._last_body is None or self._last_body.is_eof()

    def _expect_a_head(self) -> None:
        self._head_since = self._loop.time()
        if self._head_timer is None:
            self._look_for_the_head()

    def _look_for_the_head(self) -> None:
        """End the connection if it is overdue, and nothing else is to be answered."""
        self._head_timer = None
        if self._head_since is None:
            return
        now = self._loop.time()
        due = self._head_since + self._listening.header_seconds()
        if now < due or not self._is_idle():
            self._head_timer = self._loop.call_at(
                max(due, now + _LOOK_SECONDS), self._look_for_the_head
            )
            return
        self._listening.connections.ended["head_timeout"] += 1
        self.force_close()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Keep the other direction open for the answers to what has come."""
        if self._is_idle():
            return None
        last = self._messages[-1][1] if self._messages else None
        if last is None and self._current_request is not None:
            last = self._current_request.content
        if last is not None and not last.is_eof():
            last.set_exception(web.RequestPayloadError("the connection was closed"))
            last.feed_eof()
        if self._ending is None:
            self._close_when_idle()
        return True

    def _close_when_idle(self) -> None:
        if self._is_idle():
            self.force_close()
        else:
            self._ending = self._loop.call_later(_LOOK_SECONDS, self._close_when_idle)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._deadline = self._loop.call_later(WRITE_SECONDS, self._give_up_writing)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _give_up_writing(self) -> None:
        self._listening.connections.ended["write_timeout"] += 1
        self.evict()

    def log_exception(self, *_: Any, **keywords: Any) -> None:
        """Aiohttp's own words would be one line for each broken body."""
        error = keywords.get("exc_info")
        if isinstance(error, Exception) and not isinstance(error, _BROKEN):
            log.error("a connection failed", fault=fault(error))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (it quotes the request)
    ) -> web.StreamResponse:
        if isinstance(exc, HttpProcessingError):
            self._listening.refused()
            said = "this is not an HTTP request that can be read\n"
            origin = self._origin
        else:
            origin = request.headers.get(hdrs.ORIGIN)
            said = "internal error; send again\n"
            if exc is not None:
                log.error("a request failed", fault=fault(exc))
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        headers = self._listening.error_headers(origin)
        response = web.Response(status=status, text=said, headers=headers)
        response.force_close()
        return response


class Server(web.Server):
    """Makes a handler for each connection."""

    def __init__(self, listening: Listening, like: web.Server) -> None:
        self.listening = listening
        self._made = like.request_factory
        super().__init__(like.request_handler, request_factory=self._request, **like._kwargs)  # noqa: SLF001

    def __call__(self) -> Handler:
        return Handler(self.listening, self, **self._kwargs)

    def _request(self, message: Any, *rest: Any) -> web.BaseRequest:
        """Nobody is refused for an expectation that nobody knows (RFC 9110 §10.1.1 allows both)."""
        if hdrs.EXPECT in message.headers:
            expected = message.headers[hdrs.EXPECT].lower()
            if expected != "100-continue":
                headers = CIMultiDict(message.headers)
                headers.popall(hdrs.EXPECT)
                message = message._replace(headers=CIMultiDictProxy(headers))
        return self._made(message, *rest)


class Runner(web.AppRunner):
    """An application with such connections."""

    def __init__(self, app: web.Application, listening: Listening, **settings: Any) -> None:
        super().__init__(app, access_log=None, **settings)
        self.listening = listening

    async def _make_server(self) -> web.Server:
        return Server(self.listening, await super()._make_server())


class Site(web.SockSite):
    """A socket whose connections are admitted as they are accepted, before any handshake."""

    async def start(self) -> None:
        await web.BaseSite.start(self)
        server = cast(Server, self._runner.server)
        accepting = Accepting(self._sock, server, self._ssl_context)
        accepting.start()
        self._server = cast(asyncio.AbstractServer, accepting)


class Accepting:
    """Accepts connections on a listening socket, from `start` until it is closed."""

    def __init__(
        self, listening_socket: socket.socket, server: Server, context: ssl.SSLContext | None
    ) -> None:
        self.sockets = [listening_socket]
        self._socket = listening_socket
        self._server = server
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._resting: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._socket.setblocking(False)
        self._go_on()

    def close(self) -> None:
        if self._resting:
            self._resting.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _go_on(self) -> None:
        self._resting = None
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                client, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no file or memory is left; who waits in the kernel is not lost
                self._loop.remove_reader(self._socket)
                self._resting = self._loop.call_later(_REST_SECONDS, self._go_on)
                return
            client.setblocking(False)
            handler = self._server()
            if handler.admitted(peer[0]):
                handler.opening = self._loop.create_task(self._open(handler, client))
            else:
                client.close()

    async def _open(self, handler: Handler, client: socket.socket) -> None:
        listening = self._server.listening
        seconds = listening.header_seconds() if self._context else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: handler, client, ssl=self._context, ssl_handshake_timeout=seconds
            )
        except (OSError, ssl.SSLError):
            listening.connections.leave(handler)
            listening.connections.ended["handshake"] += 1
        except asyncio.CancelledError:  # evicted, or the program ends
            listening.connections.leave(handler)
        finally:
            handler.opening = None


async def secured(
    transport: asyncio.Transport,
    context: ssl.SSLContext,
    answering: Callable[[], asyncio.Protocol],
    seconds: float,
) -> bool:
    """Whether the client's handshake succeeded; it then speaks with what `answering` makes."""
    gate = _Gate()
    try:
        secure = await asyncio.get_running_loop().start_tls(
            transport, gate, context, server_side=True, ssl_handshake_timeout=seconds
        )
    except (OSError, ssl.SSLError):
        transport.abort()
        return False
    if secure is None:  # the client is gone
        return False
    gate.open(secure, answering())
    return True


class _Gate(asyncio.Protocol):
    """Holds what a client says right behind its handshake until somebody can answer it."""

    def __init__(self) -> None:
        self._said = bytearray()

    def data_received(self, data: bytes) -> None:
        self._said += data

    def open(self, transport: asyncio.Transport, answering: asyncio.Protocol) -> None:
        transport.set_protocol(answering)
        answering.connection_made(transport)
        if self._said:
            answering.data_received(bytes(self._said))
