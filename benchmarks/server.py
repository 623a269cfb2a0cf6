"""Requests a second and latency of the whole gateway, beside a bare server, in one run.

The bare server is aiohttp on uvloop that reads the body and answers 200: what is left of its rate
is what contract, privacy, journal and fsync cost.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import load

ROOT = Path(__file__).parent.parent
SECONDS = 6.0
CONNECTIONS = 32

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
        "messageId": f"ajs-next-1795420264317-5e0859ac-0545-4a2a-beb8-{number:012d}",
        "userId": f"user-{number % 977:06d}",
        "anonymousId": "390627dc-ad4f-49a1-91d9-c5eb2f97fa11",
        "writeKey": "demo-write-key",
        "sentAt": "2026-11-23T07:51:04.369Z",
    }  # fmt: skip


def main() -> None:
    """Print the figures."""
    single = load.post("/v1/t", json.dumps(event()).encode())
    batch_body = {"batch": [event(i) for i in range(100)], "writeKey": "demo-write-key"}
    batch = load.post("/v1/batch", json.dumps(batch_body).encode())
    with (
        tempfile.TemporaryDirectory() as folder,
        _bare() as bare,
        _gateway(Path(folder)) as (gateway, process),
    ):
        print(f"memory at rest: {_resident(process):.0f} MiB")
        for name, request, events in (("single event", single, 1), ("batch of 100", batch, 100)):
            plain = load.run(bare, request, CONNECTIONS, SECONDS)
            ours = load.run(gateway, request, CONNECTIONS, SECONDS)
            print(
                f"{name}: {ours.rate:,.0f} requests/s ({ours.rate * events:,.0f} events/s), "
                f"p50 {ours.percentile(0.5):.1f} ms, p99 {ours.percentile(0.99):.1f} ms, "
                f"failed {ours.failed}; bare aiohttp {plain.rate:,.0f} requests/s, "
                f"p99 {plain.percentile(0.99):.1f} ms; ratio {ours.rate / plain.rate:.2f}"
            )
        print(f"memory after the load: {_resident(process):.0f} MiB")


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
        [sys.executable, "-m", "gateway.cli", "run"],
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
