"""One client at its worst, against the real program: the others are served as ever.

What is compared are counts, and times with and without the flood in one run.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import resource
import statistics
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.test_server import event, metrics
from tests.wire.running import Gateway, running, until

FILES = 1024
CLIENTS = 60
HARMFUL = "127.0.0.2"
KEYS = {"quiet": "quiet-key-0123456789", "noisy": "noisy-key-0123456789"}
SOURCES = [{"name": name, "write_keys": [key]} for name, key in KEYS.items()]
HANG_SECONDS = 60


@pytest.fixture
def _few_files() -> Iterator[None]:
    """For programs that are started meanwhile, which cannot raise the limit: 1,024 open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4 * FILES < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4 * FILES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.asynccontextmanager
async def few_files(folder: Path, **settings: Any) -> AsyncGenerator[Gateway]:
    """A gateway with 1,024 open files, soft and hard."""
    async with running(folder, sources=SOURCES, **settings) as gateway:
        await gateway.stop()
        command = ["prlimit", f"--nofile={FILES}:{FILES}"]
        await gateway.start(command)
        yield gateway


async def exchange(
    port: int, said: bytes, local: str = "127.0.0.1", seconds: float = HANG_SECONDS
) -> bytes:
    """The first line of the answer; empty where there is none."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(local, 0))
            try:
                writer.write(said)
                return (await reader.readline()).strip()
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError):
        return b""


def post(path: str, body: bytes, key: str = "") -> bytes:
    basic = base64.b64encode(f"{key}:".encode()).decode()
    header = f"Authorization: Basic {basic}\r\n" if key else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{header}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def peak_kib(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


QUIET = post("/v1/track", orjson.dumps(event(1, writeKey=KEYS["quiet"])))
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def batch(size: int) -> bytes:
    """Events without ids, which no two requests have in common."""
    message = event(1, properties={"text": "x" * 800})
    del message["messageId"]
    each = orjson.dumps(message)
    events = b",".join([each] * (size // len(each)))
    return b'{"writeKey":"%s","batch":[%s]}' % (KEYS["noisy"].encode(), events)


async def served_as_ever(gateway: Gateway, count: int) -> None:
    for _ in range(count):
        for port in (gateway.port, gateway.admin_port):
            assert b" 200 " in await exchange(port, HEALTH), gateway.log
        assert b" 200 " in await exchange(gateway.port, QUIET), gateway.log


@contextlib.asynccontextmanager
async def stalled(port: int, said: bytes, count: int) -> AsyncGenerator[None]:
    """Connections that say so much and no more, from one address; the ended ones come again."""

    async def one() -> None:
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, local_addr=(HARMFUL, 0)
                )
                begun.add(asyncio.current_task())
                try:
                    writer.write(said)
                    await reader.read()
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.5)

    begun: set[Any] = set()
    tasks = [asyncio.create_task(one()) for _ in range(count)]
    await until(lambda: len(begun) == count, HANG_SECONDS, lambda: "the stalled never connect")
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.mark.usefixtures("_few_files")
async def test_silence_and_stalled_bodies_of_one_address_cost_others_nothing(
    tmp_path: Path,
) -> None:
    body = batch(100_000)
    begun = b"x" * 20_000
    async with few_files(tmp_path) as gateway, aiohttp.ClientSession() as session:
        for said in (
            b"",
            b"POST /v1/t HTTP/1.1\r\nHost: ",
            post("/v1/batch", body).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + begun,
            post("/v1/batch", body, KEYS["noisy"]).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + begun,
        ):
            async with stalled(gateway.port, said, 1100):
                await served_as_ever(gateway, 10)
        found = await metrics(session, gateway)
        assert found['gateway_connections{listener="traffic"}'] <= FILES
        name = 'gateway_connections_ended_total{cause="evicted",listener="traffic"}'
        assert found[name] > 0
        assert "Too many open files" not in gateway.log


async def test_a_flood_of_one_source_leaves_the_others_their_share(tmp_path: Path) -> None:
    async with running(tmp_path, sources=SOURCES) as gateway:
        clock = asyncio.get_running_loop().time

        async def median(count: int) -> float:
            times = []
            for _ in range(count):
                started = clock()
                assert b" 200 " in await exchange(gateway.port, QUIET), gateway.log
                times.append(clock() - started)
            return statistics.median(times)

        heavy = post("/v1/batch", batch(650_000), KEYS["noisy"])
        started = clock()
        assert b" 200 " in await exchange(gateway.port, heavy)
        alone = clock() - started
        heard: Counter[bytes] = Counter()

        async def flood() -> None:
            while True:
                heard[(await exchange(gateway.port, heavy, HARMFUL))[9:12]] += 1

        clients = [asyncio.create_task(flood()) for _ in range(CLIENTS)]
        await until(lambda: heard[b"429"] > 0, HANG_SECONDS, lambda: "nobody is refused")
        # Sixty are waiting, each with a request of `alone`: who has to wait for all, waits 60 times
        # as long, and who has to wait for one slice of one of them, a part of it.
        assert await median(20) < 4 * alone
        assert gateway.process is not None
        assert peak_kib(gateway.process.pid) < 300 * 1024
        for client in clients:
            client.cancel()
        await asyncio.wait(clients)
        assert heard[b"200"] > 0
        assert set(heard) <= {b"200", b"429", b"503", b""}
