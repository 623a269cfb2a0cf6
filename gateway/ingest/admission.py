"""A request costs nothing but what its key may have: memory, a place in work, the loop's time.

Its key is the source whose write key the Authorization header or the query names, else the address
that it comes from. What waits too long is refused before its body is read, or at least before it
is decoded. A body that stalls holds a part of what its own key may have, and nothing of others.
"""

from __future__ import annotations

from typing import Protocol

from aiohttp import hdrs, web

from gateway.addresses import neighbourhood
from gateway.config.model import Limits
from gateway.errors import Overloaded
from gateway.ingest import client_info
from gateway.ingest.client_info import BehindProxies, basic_user
from gateway.ingest.fair_queue import Pool, Turns
from gateway.ingest.sources import Sources

_WORK_BYTES = 4 * 1024 * 1024
_WORK_BYTES_EACH = 1024 * 1024
"""Of bodies that are decoded, decided or on their way into the journal: as Python's objects they
are some twenty times as large."""
_SMALL_BYTES = 64 * 1024
_LEAST_BYTES = 4 * 1024
"""What a request counts for at least."""
_INFLATION = 8
"""How much larger JSON becomes when it is unpacked, about."""
_WAITING_BODIES = 256
"""Requests whose bodies are not read yet. What the kernel has of them is up to 256 KiB each."""
_WAITING_WORK = 16 * 1024
_DECODING = 12e-9
"""Seconds a byte, about."""
_KEYS = ("token", "api_key", "project_id", "writeKey")
"""Parameters of a query that name a source."""


class _Backend(BehindProxies, Protocol):
    @property
    def sources(self) -> Sources: ...
    @property
    def limits(self) -> Limits: ...


class Admission:
    """What all requests share."""

    def __init__(self, bodies_bytes: int) -> None:
        self.turns = Turns()
        self.in_flight = 0
        self._counts: dict[str, int] = {}
        half = bodies_bytes // 2
        self.bodies = Pool(half, half // 2, waiting=_WAITING_BODIES)
        self.bodies_of_strangers = Pool(half, half // 4, waiting=_WAITING_BODIES)
        self.work = Pool(_WORK_BYTES, _WORK_BYTES_EACH, small=_SMALL_BYTES, waiting=_WAITING_WORK)

    def place(self, backend: _Backend, request: web.BaseRequest) -> RequestSlot:
        """What a request has while it lasts, as a context manager. Raises Overloaded."""
        source = source_of(backend, request)
        pool = self.bodies if source else self.bodies_of_strangers
        place = RequestSlot(self, pool, source or address_of(backend, request), backend.limits)
        if request.content.is_eof():
            place.begin()
        request[PLACE] = place
        return place

    def begin(self, key: str, limits: Limits) -> None:
        count = self._counts.get(key, 0)
        if count >= (limits.requests_in_flight + 1) // 2:
            raise Overloaded(1)
        if self.in_flight >= limits.requests_in_flight:
            raise Overloaded(1, is_own=False)
        self._counts[key] = count + 1
        self.in_flight += 1

    def end(self, key: str) -> None:
        self.in_flight -= 1
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]


class RequestSlot:
    """What one request has been given."""

    __slots__ = ("_admission", "_bodies", "_body", "_is_begun", "_key", "_limits", "_work")

    def __init__(self, admission: Admission, bodies: Pool, key: str, limits: Limits) -> None:
        self._admission = admission
        self._bodies = bodies
        self._key = key
        self._limits = limits
        self._is_begun = False
        self._body = 0
        self._work = 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.leave()

    def begin(self) -> None:
        """The request is one that is worked on. Raises Overloaded."""
        self._admission.begin(self._key, self._limits)
        self._is_begun = True

    async def read(self, size: int) -> None:
        """Before a body of at most `size` bytes is read. Raises Overloaded."""
        if not self._bodies.take(self._key, size):
            await self._bodies.wait(self._key, size, self._limits.queue_seconds)
        self._body = size

    async def work(self, size: int, *, is_packed: bool = False) -> None:
        """Before what a request carries is unpacked. Raises Overloaded."""
        if not self._is_begun:
            self.begin()
        work = self._admission.work
        if is_packed:
            size = min(size * _INFLATION, self._limits.body_bytes)
        size = max(size, _LEAST_BYTES)
        if not work.take(self._key, size):
            await work.wait(self._key, size, self._limits.queue_seconds)
        self._work = size

    async def turn(self, size: int) -> None:
        """Before so many bytes are decoded."""
        await self._admission.turns.turn(self._key, size * _DECODING)

    def leave(self) -> None:
        """Give everything back."""
        if self._work:
            self._admission.work.give_back(self._key, self._work)
            self._work = 0
        if self._body:
            self._bodies.give_back(self._key, self._body)
            self._body = 0
        if self._is_begun:
            self._admission.end(self._key)
            self._is_begun = False


PLACE = web.RequestKey("place", RequestSlot)


def source_of(backend: _Backend, request: web.BaseRequest) -> str | None:
    """The source that the request names before its body is read."""
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    if authorization and (source := backend.sources.find(basic_user(authorization))):
        return source.name
    if request.query_string:
        for name in _KEYS:
            if (key := request.query.get(name)) and (source := backend.sources.find(key)):
                return source.name
    if key := request.headers.get("X-Write-Key"):
        source = backend.sources.find(key) or backend.sources.find(key.partition(":")[0])
        return source.name if source else None
    return None


def address_of(backend: _Backend, request: web.BaseRequest) -> str:
    """Where the request comes from. Never the name of a source: those hold no dots or colons."""
    return neighbourhood(client_info.address_of(request, backend) or request.remote or "")
