"""An answer arrives as it was sent: bytes, status and headers, signed or not.

Only what belongs to one connection (RFC 9110 §7.6.1) stays here. Of a request, a few headers go on,
and what the policy leaves of it. What need not be read is streamed; a `Tap` keeps a copy of a small
one for whoever must read it. It leaves as the requests of every destination do: by the configured
proxy, and with this gateway's mark.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable

import structlog
from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    hdrs,
    web,
)
from multidict import CIMultiDict
from yarl import URL

from gateway.config.outgoing import Outgoing, hops_in, tls_context
from gateway.process.descriptors import RELAYED_AT_ONCE

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 10.0
_FIELD_BYTES = 64 * 1024

_OF_ONE_CONNECTION = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_RELAYED = frozenset(
    {
        "accept",
        "accept-encoding",
        "content-encoding",
        "content-length",
        "content-type",
        "if-modified-since",
        "if-none-match",
        "user-agent",
    }
)
"""Headers of a request that go on. All others may name somebody, or are a credential."""
_ADDED = (hdrs.CONTENT_TYPE, hdrs.DATE, hdrs.SERVER)
"""What aiohttp puts into an answer that has none."""


class RelayError(Exception):
    """No answer came. `status` is what a gateway answers then: 502 or 504."""

    def __init__(self, status: int) -> None:
        super().__init__(f"no answer, {status}")
        self.status = status


class Tap:
    """A copy of what passes, as long as it is small."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._copy: bytearray | None = bytearray()

    def take(self, chunk: bytes) -> None:
        if self._copy is not None and len(self._copy) + len(chunk) <= self._limit:
            self._copy += chunk
        else:
            self._copy = None

    @property
    def body(self) -> bytes | None:
        """All that passed, or None where that was too much."""
        return None if self._copy is None else bytes(self._copy)


class Relayed(web.StreamResponse):
    """An answer of the upstream's."""

    def __init__(self, status: int, reason: str | None, headers: CIMultiDict[str]) -> None:
        super().__init__(status=status, reason=reason, headers=headers)
        self.said = frozenset(name.lower() for name in headers)
        self.is_whole = False
        """Whether all of it has passed."""


class Relay:
    """The connections to the upstream."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._session: ClientSession | None = None

    async def open_while(self, _: web.Application) -> AsyncIterator[None]:
        """For `cleanup_ctx`."""
        self._session = ClientSession(
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            connector=TCPConnector(limit=RELAYED_AT_ONCE, ssl=self._trust()),
            skip_auto_headers=(
                hdrs.ACCEPT,
                hdrs.ACCEPT_ENCODING,
                hdrs.USER_AGENT,
                hdrs.CONTENT_TYPE,
            ),
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            max_line_size=_FIELD_BYTES,
            max_field_size=_FIELD_BYTES,
        )
        yield
        await self._session.close()

    def _trust(self) -> ssl.SSLContext:
        """Nobody where the authorities cannot be read: the upstream is then unreachable."""
        try:
            return self._outgoing.context()
        except (OSError, ValueError):
            log.error("the file of trusted authorities cannot be read: see outbound.ca_bundle")  # noqa: TRY400
            return tls_context()

    async def pass_on(
        self,
        request: web.Request,
        url: str,
        seconds: float,
        *,
        body: bytes | None = None,
        is_changed: bool = False,
        asked: Tap | None = None,
        said: Tap | None = None,
    ) -> Relayed:
        """Relay a request to `url` and its answer back. Raises RelayError where none came in time.

        `body`: what was read of it; None: it is streamed. `is_changed`: whether that is another one
        than arrived, and plain. An answer that breaks off breaks off for the client too.
        """
        assert self._session is not None  # noqa: S101 (the application has started)
        response: Relayed | None = None
        headers = _asked(request.raw_headers)
        if is_changed:
            headers.popall(hdrs.CONTENT_ENCODING, None)
            headers.popall(hdrs.CONTENT_LENGTH, None)
        streamed = _tapped(request, asked) if request.body_exists else None
        headers.update(self._outgoing.hops(hops_in(request.headers)))
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.request(
                    request.method,
                    URL(url, encoded=True),
                    headers=headers,
                    proxy=self._outgoing.proxies.of(url),
                    data=streamed if body is None else body,
                    allow_redirects=False,
                ) as answer,
            ):
                said_headers = _passing(answer.raw_headers)
                response = Relayed(answer.status, answer.reason, said_headers)
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    if said:
                        said.take(chunk)
                    await response.write(chunk)
                response.is_whole = True
        except (ClientError, OSError, TimeoutError) as error:
            if response is None:
                raise RelayError(504 if isinstance(error, TimeoutError) else 502) from None
            if not response.is_whole and request.transport is not None:
                request.transport.abort()
        return response


async def as_upstream(_: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: take back what the upstream did not say."""
    if isinstance(response, Relayed):
        for name in _ADDED:
            if name.lower() not in response.said:
                response.headers.pop(name, None)


async def _tapped(request: web.Request, tap: Tap | None) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_any():
        if tap:
            tap.take(chunk)
        yield chunk


def _asked(raw: Iterable[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    headers = _passing(raw)
    for name in {name for name in headers if name.lower() not in _RELAYED}:
        headers.popall(name, None)
    return headers


def _passing(raw: Iterable[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict(
        (name.decode("ascii", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in raw
    )
    named = ",".join(headers.getall(hdrs.CONNECTION, ()))
    dropped = {name.strip().lower() for name in named.split(",")} | _OF_ONE_CONNECTION
    for name in {name for name in headers if name.lower() in dropped}:
        headers.popall(name, None)
    return headers
