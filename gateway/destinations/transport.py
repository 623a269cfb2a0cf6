"""One attempt over HTTP ends by its deadline, follows no redirect and holds a bounded answer.

The vendors' packages talk through `requests`, whose time-outs count from byte to byte: a server
that drips is never late. So the adapter below, which both packages' sessions carry, lets the socket
be shut from outside, and hands out what really came back, whatever the package makes of it.

Nothing but the configuration changes a request: the sessions trust no environment, and the adapter
alone says which proxy, which authorities and which marks.
"""

from __future__ import annotations

import asyncio
import contextvars
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from gateway.config.outgoing import LOOP, Outgoing, hops_in, tls_context
from gateway.destinations import RetryLater

CONNECT_SECONDS = 5.0
MAX_REPLY_BYTES = 1024**2
THREADS = 8
"""Requests of one destination on their way at once at most."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the vendor answered."""

    status: int
    retry_after: float | None  # seconds
    body: bytes
    kind: str = ""  # of its content: application/json; empty where it does not say
    loop: Literal["", "own", "other"] = ""
    """Whether a gateway refused it as a request of its own: this one, or one before it."""


def threads(name: str) -> ThreadPoolExecutor:
    """The workers of one destination; none is started before there is work."""
    return ThreadPoolExecutor(THREADS, f"to-{name}")


async def attempt(
    pool: ThreadPoolExecutor,
    call: Callable[[], object],
    seconds: float,
    outgoing: Outgoing,
    passed: Sequence[str] = (),
) -> Reply | RetryLater:
    """Run a package's blocking call. What it returns or raises counts only where nothing came.

    `passed`: the marks of the gateways that events in it have passed.
    """
    current = _Attempt()
    context = contextvars.copy_context()
    context.run(_current.set, current)
    context.run(_leaving.set, (outgoing, outgoing.hops(passed)))
    loop = asyncio.get_running_loop()
    timer = loop.call_later(seconds, current.cut)
    error: Exception | None = None
    try:
        await loop.run_in_executor(pool, context.run, call)
    except asyncio.CancelledError:
        current.cut()
        raise
    except Exception as failure:  # noqa: BLE001 (the packages raise far more than they document)
        error = failure
    finally:
        timer.cancel()
    if current.reply is not None:
        return current.reply
    return RetryLater("timeout" if current.is_cut else _cause(error))


class _Attempt:
    """The connection that one attempt is using, and the reply it got."""

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.is_cut = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def use(self, connected: socket.socket) -> None:
        with self._lock:
            self._socket = connected
            if self.is_cut:
                self._shut()

    def answered(self, reply: Reply) -> None:
        """Keep what came, unless its end is only where it was cut."""
        with self._lock:
            self._socket = None
            if not self.is_cut:
                self.reply = reply

    def cut(self) -> None:
        """End it now: the thread that waits for the socket wakes up."""
        with self._lock:
            self.is_cut = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown, which would turn the connection into a plain one.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_current: contextvars.ContextVar[_Attempt] = contextvars.ContextVar("attempt")
_leaving: contextvars.ContextVar[tuple[Outgoing, Mapping[str, str]]] = contextvars.ContextVar(
    "leaving"
)
"""The way out of what this thread sends, and the headers it is marked with."""


def leave_by(outgoing: Outgoing) -> None:
    """Say how the requests of this thread leave that are no attempts."""
    _leaving.set((outgoing, outgoing.hops()))


def harnessed(session: requests.Session) -> Adapter:
    """Take a session out of the environment's hands; what carries its requests from now on."""
    adapter = Adapter()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return adapter


class Adapter(HTTPAdapter):
    """Makes each request of a session an attempt that can be cut. Never retries."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Raises LookupError, and sends nothing, where nobody said how it leaves."""
        outgoing, marks = _leaving.get()
        url = request.url or ""
        proxy = outgoing.proxies.of(url)
        kwargs["proxies"] = {urlsplit(url).scheme: proxy} if proxy else {}
        kwargs["verify"] = str(outgoing.ca_bundle) if outgoing.ca_bundle else True
        request.headers.update(marks)
        response = super().send(request, *args, **kwargs)
        raw = response.raw
        try:
            body = _bounded(raw)
        finally:
            # Unread bytes make the connection useless; a whole answer gave it back already.
            raw.close()
        response.raw = BytesIO(body)
        if 300 <= response.status_code < 400:
            response.headers.pop("Location", None)
        if not response.headers:
            # http.client takes a status line that broke off for a whole answer.
            raise requests.exceptions.ConnectionError("the answer broke off")
        if (current := _current.get(None)) is not None:
            after = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            loop = _loop(response, outgoing.mark)
            current.answered(Reply(response.status_code, after, body, kind, loop))
        return response


def _loop(response: requests.Response, mark: str) -> Literal["", "own", "other"]:
    passed = hops_in(response.headers) if response.status_code == LOOP else ()
    return "" if not passed else "own" if mark in passed else "other"


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from now, out of seconds or a date (RFC 9110 §10.2.3); None where unreadable."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _bounded(raw: urllib3.BaseHTTPResponse) -> bytes:
    parts: list[bytes] = []
    left = MAX_REPLY_BYTES
    while left > 0 and (part := raw.read(left, decode_content=True)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)[:MAX_REPLY_BYTES]


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _tell(self.sock)

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        _tell(self.sock)
        super().putrequest(*args, **kwargs)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        self.ssl_context = self.ssl_context or tls_context()
        super().connect()
        _tell(self.sock)

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        _tell(self.sock)
        super().putrequest(*args, **kwargs)


def _tell(connected: socket.socket | None) -> None:
    """Let the running attempt know which socket it is using: a new one, or one kept alive."""
    current = _current.get(None)
    if current is not None and connected is not None:
        current.use(connected)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


def _cause(error: BaseException | None) -> str:
    """What kept the answer away, in one word of ours: texts of errors quote hosts and bodies."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        for kind, word in _CAUSES:
            if isinstance(error, kind):
                return word
        error = error.__cause__ or error.__context__
    return "no answer"


_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (requests.exceptions.SSLError, "tls"),
    (requests.exceptions.Timeout, "timeout"),
    (urllib3.exceptions.TimeoutError, "timeout"),
    (requests.exceptions.ProxyError, "proxy"),
    (requests.exceptions.ConnectionError, "connection"),
    (urllib3.exceptions.HTTPError, "connection"),
    (OSError, "connection"),
)
