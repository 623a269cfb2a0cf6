"""Requests a second, latency and CPU of the whole gateway, beside a bare server, in one run.

The bare server is aiohttp on uvloop that reads the body and answers 200: what is left of its rate
is what contract, privacy, journal and fsync cost. The CPU time is that of all threads, until the
last event is delivered; on a machine that others use it says more than the rates.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import load

ROOT = Path(__file__).parent.parent
SECONDS = 6.0
CONNECTIONS = 32
DIFFERENT = 20_000
"""Events with ids of their own, so that nothing is quick for having been seen before."""
_IDLE = 0.02
"""CPU seconds in half a second."""

_BARE = """
import sys, uvloop
from aiohttp import web
async def answer(request):
    await request.read()
    return web.Response(body=b'{"success": true}', content_type="application/json")
async def serve():
    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1])).start()
    import asyncio
    await asyncio.Event().wait()
uvloop.run(serve())
"""


def event(number: int = 0) -> dict[str, object]:
    """A track call as analytics.js 1.84 sends it, about 1 KB."""
    return {
        "timestamp": "2026-11-23T07:51:04.317Z",
        "integrations": {"Segment.io": True},
        "event": "Order Completed",
        "type": "track",
        "properties": {
            "order_id": "5f2a9c", "revenue": 129.5, "currency": "EUR", "coupon": None,
            "products": [
                {"product_id": f"p{i}", "name": "Notebook", "price": 12.5, "quantity": i}
                for i in range(3)
            ],
        },
        "context": {
            "page": {
                "path": "/checkout", "referrer": "https://shop.example/cart", "title": "Checkout",
                "search": "", "url": "https://shop.example/checkout",
            },
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/126.0.0.0 Safari/537.36",
            "locale": "en-US",
            "library": {"name": "analytics.js", "version": "next-1.84.3"},
            "timezone": "Europe/Vienna",
        },
        "messageId": f"ajs-next-1795420264317-{load.TURN}-0545-4a2a-beb8-{number:012d}",
        "userId": f"user-{number % 977:06d}",
        "anonymousId": "390627dc-ad4f-49a1-91d9-c5eb2f97fa11",
        "writeKey": "demo-write-key",
        "sentAt": "2026-11-23T07:51:04.369Z",
    }  # fmt: skip


def main() -> None:
    """Print the figures."""
    events = [event(number) for number in range(DIFFERENT)]
    with (
        tempfile.TemporaryDirectory() as folder,
        _bare() as bare,
        _gateway(Path(folder)) as (gateway, process),
    ):
        print(f"memory at rest: {_resident(process):.0f} MiB")
        for name, requests, size in (
            ("single event", singles(events), 1),
            ("batch of 100", batches(events, 100), 100),
        ):
            plain = load.run(bare, requests, CONNECTIONS, SECONDS)
            before = cpu_seconds(process)
            ours = load.run(gateway, requests, CONNECTIONS, SECONDS)
            cpu = settled_cpu_seconds(process) - before
            print(
                f"{name}: {ours.rate:,.0f} requests/s ({ours.rate * size:,.0f} events/s), "
                f"p50 {ours.percentile(0.5):.1f} ms, p99 {ours.percentile(0.99):.1f} ms, "
                f"failed {ours.failed}; CPU {cpu / ours.requests / size * 1e6:.0f} µs an event; "
                f"bare aiohttp {plain.rate:,.0f} requests/s, "
                f"p99 {plain.percentile(0.99):.1f} ms; ratio {ours.rate / plain.rate:.2f}"
            )
        print(f"memory after the load: {_resident(process):.0f} MiB")


def singles(events: Sequence[dict[str, object]]) -> list[bytes]:
    """A request for each event."""
    return [load.post("/v1/t", json.dumps(each).encode()) for each in events]


def batches(events: Sequence[dict[str, object]], size: int) -> list[bytes]:
    """A request for each `size` events."""
    bodies = (
        {"batch": events[start : start + size], "writeKey": "demo-write-key"}
        for start in range(0, len(events), size)
    )
    return [load.post("/v1/batch", json.dumps(body).encode()) for body in bodies]


def cpu_seconds(process: int) -> float:
    """User and system time of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settled_cpu_seconds(process: int) -> float:
    """The same, once the process has nothing more to do."""
    spent = -1.0
    while (now := cpu_seconds(process)) - spent > _IDLE:
        spent = now
        time.sleep(0.5)
    return now


@contextmanager
def _bare() -> Iterator[int]:
    port = _free_port()
    process = subprocess.Popen([sys.executable, "-c", _BARE, str(port)])
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def _gateway(folder: Path) -> Iterator[tuple[int, int]]:
    """The gateway with the shipped configuration; yields its port and process id."""
    port, admin = _free_port(), _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", "run"],
        cwd=ROOT,
        env=os.environ
        | {
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "GATEWAY_ADMIN_LISTEN": f"127.0.0.1:{admin}",
            "GATEWAY_DATA_DIR": str(folder),
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(admin, process)
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=5) as answer:
            assert answer.status == 200
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def _resident(process: int) -> float:
    """MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
