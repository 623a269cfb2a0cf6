"""A load of HTTP requests over kept-alive connections, timed one by one."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import uvloop

TURN = "5e0859ac"
"""Eight digits of an id that are different each time its request is sent."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a load measured."""

    requests: int
    seconds: float
    latencies: tuple[float, ...]  # seconds, sorted
    failed: int  # answers other than 200

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * share))] * 1000


class _Connection(asyncio.Protocol):
    """Sends one request after the other, each after the answer to the one before."""

    def __init__(self, requests: Iterator[bytes], until: float, done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._until = until
        self._done = done
        self._buffer = b""
        self._sent_at = 0.0
        self.latencies: list[float] = []
        self.failed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        now = time.perf_counter()
        self.latencies.append(now - self._sent_at)
        self.failed += not head.startswith(b"HTTP/1.1 200")
        self._buffer = b""
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))


def run(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Result:
    """Load 127.0.0.1:`port` for `seconds` with `requests`, from the first again after the last.

    Where TURN stands in them, each time around has a number of its own: no event is a repeat.
    """
    return uvloop.run(_run(port, _around(requests), connections, seconds))


def _around(requests: Sequence[bytes]) -> Iterator[bytes]:
    for turn in itertools.count(int(time.time())):
        number = b"%08x" % turn
        for request in requests:
            yield request.replace(TURN.encode(), number)


async def _run(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    opened: list[tuple[_Connection, asyncio.Future[None]]] = []
    for _ in range(connections):
        done = loop.create_future()
        _, protocol = await loop.create_connection(
            partial(_Connection, requests, started + seconds, done), "127.0.0.1", port
        )
        opened.append((protocol, done))
    await asyncio.gather(*(done for _, done in opened))
    latencies = sorted(latency for protocol, _ in opened for latency in protocol.latencies)
    return Result(
        requests=len(latencies),
        seconds=time.perf_counter() - started,
        latencies=tuple(latencies),
        failed=sum(protocol.failed for protocol, _ in opened),
    )


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """The bytes of a POST request."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    ).encode() + body
