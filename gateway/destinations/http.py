"""Requests over HTTP: built once, read by the guard, and sent as the very bytes that it read.

A vendor's package builds its requests through a session that takes them from it instead of sending
(`Http.built`); whoever has no package gives the parts (`Http.prepared`). Either way the outcome is
a Request with all its headers, and `Http.send` puts exactly that on the wire: nothing but the
configuration says which proxy, which authorities and which marks.

One attempt ends by its deadline, follows no redirect, keeps no cookie and holds a bounded answer.
The time-outs of `requests` count from byte to byte, and a server that drips is never late; so the
socket can be shut from outside.
"""

from __future__ import annotations

import asyncio
import contextvars
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
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
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import SKIP_HEADER

from gateway.config.outgoing import LOOP, Outgoing, hops_in, tls_context
from gateway.destinations.contract import Request, RetryLater

CONNECT_SECONDS = 5.0
MAX_REPLY_BYTES = 1024**2
THREADS = 8
"""Requests of one destination on their way at once at most."""

_ADDED = ("User-Agent", "Accept-Encoding")
"""What urllib3 adds where it is missing."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the vendor answered."""

    status: int
    retry_after: float | None  # seconds
    body: bytes
    kind: str = ""  # of its content: application/json; empty where it does not say
    loop: Literal["", "own", "other"] = ""
    """Whether a gateway refused it as a request of its own: this one, or one before it."""


class Http:
    """One destination's way out."""

    def __init__(self, name: str, seconds: float, outgoing: Outgoing) -> None:
        """`seconds`: how long one request may take, from the first byte to the last."""
        self._name = name
        self._seconds = seconds
        self._outgoing = outgoing
        self._adapter = Adapter(outgoing)
        self._pool = self._new_pool()
        self._session = requests.Session()
        self._session.trust_env = False

    def built(self, call: Callable[[], object], passed: Iterable[str] = ()) -> Request:
        """What a package's call would send through a session that is `held`; it sends nothing.

        `passed`: the marks of the gateways that events in it have passed.
        """
        holder: list[requests.PreparedRequest] = []
        token = _held.set(holder)
        try:
            call()
        except Exception:  # packages wrap what ends the call here in errors of their own
            if not holder:
                raise
        finally:
            _held.reset(token)
        (built,) = holder
        return self._request(built, passed)

    def prepared(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        passed: Iterable[str] = (),
    ) -> Request:
        """The request of these parts."""
        given = requests.Request(method, url, data=body, headers=dict(headers))
        return self._request(self._session.prepare_request(given), passed)

    async def send(self, request: Request) -> Reply | RetryLater:
        """One attempt. Nothing is added to the request but what frames it."""
        attempt = _Attempt()
        context = contextvars.copy_context()
        context.run(_current.set, attempt)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._seconds, attempt.cut)
        error: Exception | None = None
        try:
            await loop.run_in_executor(self._pool, context.run, self._send, request)
        except asyncio.CancelledError:
            attempt.cut()
            raise
        except Exception as failure:  # noqa: BLE001 (whatever it is, no answer came)
            error = failure
        finally:
            timer.cancel()
        if attempt.reply is not None:
            return attempt.reply
        return RetryLater("timeout" if attempt.is_cut else _cause(error))

    def close(self) -> None:
        """Close the connections, and drop what waits; it may be used again."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._new_pool()
        self._adapter.close()

    def _new_pool(self) -> ThreadPoolExecutor:
        """None of its threads is started before there is work."""
        return ThreadPoolExecutor(THREADS, f"to-{self._name}")

    def _request(self, prepared: requests.PreparedRequest, passed: Iterable[str]) -> Request:
        body = prepared.body or b""
        if isinstance(body, str):
            body = body.encode()
        if not isinstance(body, bytes):
            raise TypeError("a stream could say one thing to the guard and another to the vendor")
        headers = {name: _text(value) for name, value in prepared.headers.items()}
        headers |= self._outgoing.hops(passed)
        return Request(prepared.method or "", prepared.url or "", body, headers)

    def _send(self, request: Request) -> None:
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url = request.method, request.url
        prepared.body = request.body or None
        prepared.headers = CaseInsensitiveDict(request.headers)
        for name in _ADDED:
            prepared.headers.setdefault(name, SKIP_HEADER)
        if request.body:
            prepared.headers["Content-Length"] = str(len(request.body))
        self._adapter.send(prepared, timeout=(CONNECT_SECONDS, self._seconds))


def held(session: requests.Session) -> None:
    """Let a package's session build requests for `Http.built`, and send none ever."""
    _mount(session, _Holder())


def free(session: requests.Session) -> Adapter:
    """Take a session that sends by itself out of the environment's hands; what carries it now.

    It sends what is no event, such as the call for a token, and only after `leave_by`.
    """
    adapter = Adapter()
    _mount(session, adapter)
    return adapter


def leave_by(outgoing: Outgoing) -> None:
    """Say how the requests of this thread leave that go through a `free` session."""
    _leaving.set(outgoing)


_current: contextvars.ContextVar[_Attempt] = contextvars.ContextVar("attempt")
_held: contextvars.ContextVar[list[requests.PreparedRequest]] = contextvars.ContextVar("held")
_leaving: contextvars.ContextVar[Outgoing] = contextvars.ContextVar("leaving")


class _BuiltError(Exception):
    """Ends a package's call where it would have been sent."""


class _Holder(HTTPAdapter):
    """Keeps the request that it is given to send."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Raises LookupError where nobody waits for the request."""
        _held.get().append(request)
        raise _BuiltError


class Adapter(HTTPAdapter):
    """Makes each request an attempt that can be cut. Never retries."""

    def __init__(self, outgoing: Outgoing | None = None) -> None:
        """Without `outgoing`, a thread says by `leave_by` how its requests leave."""
        self._outgoing = outgoing
        super().__init__()

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
        outgoing = self._outgoing
        if outgoing is None:
            outgoing = _leaving.get()
            request.headers.update(outgoing.hops())
        url = request.url or ""
        proxy = outgoing.proxies.of(url)
        kwargs["proxies"] = {urlsplit(url).scheme: proxy} if proxy else {}
        kwargs["verify"] = str(outgoing.ca_bundle) if outgoing.ca_bundle else True
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


def _mount(session: requests.Session, adapter: HTTPAdapter) -> None:
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


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
