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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop
import yaml

from benchmarks import load
from benchmarks.server import ROOT, _free_port, _resident, _wait_for, event

SECONDS = 8.0
FILES = 1024
STALLED = 1100
CLIENTS = 60
BATCH_BYTES = 650_000
STALLED_BYTES = 64_000
STRANGER = "127.0.0.2"
_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
_QUIET, _NOISY = "quiet-write-key", "noisy-write-key"


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, _gateway(Path(folder)) as gateway:
        uvloop.run(_compare(*gateway))


async def _compare(port: int, admin: int, process: int) -> None:
    batch = _batch()
    head, _, body = batch.partition(b"\r\n\r\n")
    unnamed = b"\r\n".join(x for x in head.split(b"\r\n") if not x.startswith(b"Authorization"))
    begun = b"\r\n\r\n" + body[:STALLED_BYTES]
    await _measured(port, _single(), 1)
    for name, clients, said in (
        ("nothing", 0, b""),
        (f"{CLIENTS} clients, batches of {BATCH_BYTES:,} bytes", CLIENTS, batch),
        (f"{STALLED} silent connections", STALLED, b""),
        (f"{STALLED} stalled heads", STALLED, b"POST /v1/t HTTP/1.1\r\nHost: "),
        (f"{STALLED} stalled bodies", STALLED, head + begun),
        (f"{STALLED} stalled bodies without a key", STALLED, unnamed + begun),
    ):
        with _others(port, clients, said) as heard:
            memory: list[float] = []
            watching = asyncio.create_task(_watch(process, memory))
            quiet, health = await asyncio.gather(
                _measured(port, _single()), _measured(admin, _HEALTH)
            )
            watching.cancel()
        print(
            f"{name}:\n  quiet source {quiet}\n  /healthz {health}\n"
            f"  memory {max(memory):.0f} MiB; the others heard {heard or 'nothing'}"
        )


async def _watch(process: int, memory: list[float]) -> None:
    while True:
        memory.append(_resident(process))
        await asyncio.sleep(0.05)


async def _measured(port: int, request: bytes, seconds: float = SECONDS) -> str:
    """One request after the other for some seconds, each on a connection of its own."""
    times: list[float] = []
    answers: Counter[str] = Counter()
    until = time.perf_counter() + seconds
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


@contextmanager
def _others(port: int, clients: int, said: bytes) -> Iterator[dict[str, int]]:
    """Clients in a process of their own, each sending so much and then the same again."""
    heard: dict[str, int] = {}
    command = [sys.executable, "-m", "benchmarks.flood", str(port), str(clients)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdin
    process.stdin.write(said)
    process.stdin.close()
    time.sleep(3)
    try:
        yield heard
    finally:
        process.terminate()
        assert process.stdout
        heard |= json.loads(process.stdout.read() or "{}")
        process.wait()
    time.sleep(2)


async def _clients(port: int, clients: int, said: bytes) -> Counter[str]:
    heard: Counter[str] = Counter()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    async def client() -> None:
        while True:
            heard[await _asked(port, said, STRANGER)] += 1
            await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    await stopped.wait()
    for task in tasks:
        task.cancel()
    return heard


def _single() -> bytes:
    return load.post("/v1/t", json.dumps(event() | {"writeKey": _QUIET}).encode())


def _batch() -> bytes:
    """One large request of the noisy source; its events have no ids, so that none is a repeat."""
    each = json.dumps(event())
    count = BATCH_BYTES // len(each)
    events = [event(number) | {"writeKey": _NOISY} for number in range(count)]
    for one in events:
        del one["messageId"]
    body = json.dumps({"batch": events, "writeKey": _NOISY}).encode()
    basic = "Authorization: Basic bm9pc3ktd3JpdGUta2V5Og==\r\n"
    return load.post("/v1/batch", body, basic)


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
    command = [
        sys.executable,
        "-m",
        "gateway.cli.main",
        "run",
        "--config",
        str(folder / "gateway.yaml"),
    ]
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
    if len(sys.argv) > 1:
        port, clients = map(int, sys.argv[1:])
        print(json.dumps(uvloop.run(_clients(port, clients, sys.stdin.buffer.read()))))
    else:
        main()
