"""What a client waits for while another one does its worst, against the real program.

Each line names what the others do, and how long requests with one event of a quiet source and
`/healthz` take meanwhile, one after the other. Everything runs on this machine, the load too.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvloop
import yaml

from benchmarks import load
from benchmarks.server import ROOT, _free_port, _resident, _wait_for, event

SECONDS = 8.0
FILES = 1024
SILENT = 1100
CLIENTS = 60
BATCH_BYTES = 650_000
STRANGER = "127.0.0.2"
_QUIET, _NOISY = "quiet-write-key", "noisy-write-key"


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, _gateway(Path(folder)) as gateway:
        uvloop.run(_compare(*gateway))


async def _compare(port: int, admin: int, process: int) -> None:
    batch = _batch()
    for name, harm in (
        ("nothing", _nothing),
        (f"{CLIENTS} clients, batches of {BATCH_BYTES:,} bytes", lambda: _flood(port, batch)),
        (f"{SILENT} silent connections", lambda: _stalled(port, b"")),
        (f"{SILENT} stalled heads", lambda: _stalled(port, b"POST /v1/t HTTP/1.1\r\nHost: ")),
        (f"{SILENT} stalled bodies", lambda: _stalled(port, batch[:-1])),
        (f"{SILENT} stalled bodies without a key", lambda: _stalled(port, _unnamed(batch))),
    ):
        async with harm() as answers:
            peak = asyncio.create_task(_peak(process))
            quiet, health = await asyncio.gather(
                _measured(port, _single()),
                _measured(admin, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            )
            peak.cancel()
        print(
            f"{name}: quiet source {quiet}; /healthz {health}; "
            f"memory {_peaks[-1]:.0f} MiB; the others heard {dict(answers) or 'nothing'}"
        )


_peaks: list[float] = []


async def _peak(process: int) -> None:
    _peaks.append(0.0)
    while True:
        _peaks[-1] = max(_peaks[-1], _resident(process))
        await asyncio.sleep(0.05)


async def _measured(port: int, request: bytes) -> str:
    """One request after the other for some seconds, each on a connection of its own."""
    times: list[float] = []
    answers: Counter[str] = Counter()
    until = time.perf_counter() + SECONDS
    while (started := time.perf_counter()) < until:
        answers[await _asked(port, request)] += 1
        times.append(time.perf_counter() - started)
        await asyncio.sleep(0.02)
    times.sort()
    return (
        f"p50 {times[len(times) // 2] * 1000:.0f} ms, max {times[-1] * 1000:.0f} ms,"
        f" {dict(answers)}"
    )


async def _asked(port: int, request: bytes, local: str = "127.0.0.1") -> str:
    try:
        async with asyncio.timeout(15):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(local, 0))
            try:
                writer.write(request)
                return (await reader.readuntil(b"\r\n")).split()[1].decode()
            finally:
                writer.transport.abort()
    except (OSError, asyncio.IncompleteReadError):
        return "closed"
    except TimeoutError:
        return "no answer"


@asynccontextmanager
async def _nothing() -> AsyncIterator[Counter[str]]:
    yield Counter()


@asynccontextmanager
async def _flood(port: int, request: bytes) -> AsyncIterator[Counter[str]]:
    answers: Counter[str] = Counter()

    async def client() -> None:
        while True:
            answers[await _asked(port, request, STRANGER)] += 1

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    await asyncio.sleep(3)
    yield answers
    for one in clients:
        one.cancel()
    await asyncio.wait(clients)
    await asyncio.sleep(3)


@asynccontextmanager
async def _stalled(port: int, begun: bytes) -> AsyncIterator[Counter[str]]:
    """Connections that say so much and no more; a new one for each that ends."""
    answers: Counter[str] = Counter()

    async def client() -> None:
        while True:
            writer = None
            try:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, local_addr=(STRANGER, 0)
                )
                writer.write(begun)
                line = await reader.readline()
                answers[line.split()[1].decode() if line else "closed"] += 1
            except OSError:
                answers["closed"] += 1
            finally:
                if writer:
                    writer.transport.abort()
            await asyncio.sleep(0.5)

    clients = [asyncio.create_task(client()) for _ in range(SILENT)]
    await asyncio.sleep(2)
    yield answers
    for one in clients:
        one.cancel()
    await asyncio.wait(clients)
    await asyncio.sleep(1)


def _single() -> bytes:
    return load.post("/v1/t", json.dumps(event() | {"writeKey": _QUIET}).encode())


def _batch() -> bytes:
    """One large request of the noisy source."""
    each = json.dumps(event())
    count = BATCH_BYTES // len(each)
    events = [event(number) | {"writeKey": _NOISY} for number in range(count)]
    body = json.dumps({"batch": events, "writeKey": _NOISY}).encode()
    basic = "Authorization: Basic bm9pc3ktd3JpdGUta2V5Og==\r\n"
    return load.post("/v1/batch", body, basic)


def _unnamed(batch: bytes) -> bytes:
    head, _, body = batch[:-1].partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Authorization")]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@contextmanager
def _gateway(folder: Path) -> Iterator[tuple[int, int, int]]:
    """The gateway with few files; yields its two ports and its process."""
    port, admin = _free_port(), _free_port()
    settings = {
        "listen": f"127.0.0.1:{port}",
        "admin": {"listen": f"127.0.0.1:{admin}"},
        "data_dir": str(folder / "data"),
        "sources": [
            {"name": "quiet", "write_keys": [_QUIET]},
            {"name": "noisy", "write_keys": [_NOISY]},
        ],
        "schemas": {"path": str(ROOT / "schemas")},
        "policy": str(ROOT / "config" / "privacy.yaml"),
        "routing": str(ROOT / "config" / "routing.yaml"),
    }
    (folder / "gateway.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "gateway.cli", "run", "--config", str(folder / "gateway.yaml")]
    own = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(own[1], 8192), own[1]))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=_few_files)  # noqa: PLW1509 (there are no threads yet)
    try:
        _wait_for(admin, process)
        yield port, admin, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


if __name__ == "__main__":
    main()
