"""Events a second that reach each vendor beside what is taken in, and what a dead vendor costs.

Vendors are small servers of their own, which read a request and say yes; one of them hangs up on
everyone in the second part. `python -m benchmarks.delivery`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks import load
from benchmarks.server import ROOT, _free_port, _resident, _wait_for, event
from gateway.config.model import JournalSettings
from gateway.event import CleanEvent, CleanMessage, CleanText, Header
from gateway.journal import encoded
from gateway.journal.sqlite import SqliteJournal

SECONDS = 15.0
CONNECTIONS = 4
PENDING = 1_000_000

_VENDOR = """
import sys, uvloop, asyncio
from aiohttp import web
SAYS = {"success": True, "code": 200, "num_records_imported": 1, "status": "OK"}
async def answer(request):
    await request.read()
    return web.json_response(SAYS)
async def serve():
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(sys.argv[1])).start()
    await asyncio.Event().wait()
uvloop.run(serve())
"""


def main() -> None:
    """Print the figures."""
    body = json.dumps({"batch": [event(i) for i in range(100)], "writeKey": "demo-write-key"})
    requests = [load.post("/v1/batch", body.encode())]
    for label, dead in (("both vendors well", None), ("mixpanel dead", "mixpanel")):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            ports = {
                name: _free_port() if name == dead else stack.enter_context(_vendor())
                for name in ("segment", "mixpanel")
            }
            port, admin, _ = stack.enter_context(_gateway(folder, ports))
            before = time.perf_counter()
            taken = load.run(port, requests, CONNECTIONS, SECONDS)
            took = time.perf_counter() - before
            found = _status(admin)
            rates = ", ".join(
                f"{name} {each['delivered'] / took:,.0f} (pending {each['pending']:,})"
                for name, each in found.items()
            )
            print(f"{label}: taken in {taken.rate * 100:,.0f} events/s; delivered {rates}")
            for name in ports.keys() - {dead}:
                _drain(admin, name, time.perf_counter())
    _pending()


def _pending() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = {"segment": _free_port(), "mixpanel": stack.enter_context(_vendor())}
        with _gateway(folder, ports) as (_, _, process):
            print(f"memory at the start: {_resident(process):.0f} MiB")
        asyncio.run(_fill(folder))
        with _gateway(folder, ports) as (_, admin, process):
            _drain(admin, "mixpanel", time.perf_counter())
            print(f"memory after the other vendor got them: {_resident(process):.0f} MiB")
        with _gateway(folder, ports) as (_, admin, process):
            time.sleep(5)
            size = sum(file.stat().st_size for file in (folder / "journal").iterdir()) / 1024**2
            pending = _status(admin)["segment"]["pending"]
            print(
                f"{pending:,} events pending for a dead vendor ({size:,.0f} MiB on disk), "
                f"after a restart: memory {_resident(process):.0f} MiB"
            )


def _drain(admin: int, name: str, began: float) -> None:
    first = pending = _status(admin)[name]["pending"]
    if first < 10_000:
        return
    while pending:
        time.sleep(0.2)
        pending = _status(admin)[name]["pending"]
    rate = first / max(time.perf_counter() - began, 1e-9)
    print(f"  alone, {name} then gets {first:,} events at {rate:,.0f} events/s")


async def _fill(folder: Path) -> None:
    settings = JournalSettings()
    journal = await asyncio.to_thread(SqliteJournal.open, folder / "journal", settings)
    await journal.follow({"segment": "events", "mixpanel": "events"})
    message: dict[str, Any] = event(0)
    del message["writeKey"], message["sentAt"], message["properties"]["products"]
    for start in range(0, PENDING, 1000):
        await journal.append(
            encoded([_clean(message, number) for number in range(start, start + 1000)])
        )
    await journal.close()


NAME = CleanText("Order Completed")


def _clean(message: dict[str, Any], number: int) -> CleanEvent:
    name, user = CleanText(f"m-{number}"), CleanText(f"user-{number % 977}")
    header = Header(
        message_id=name, source="demo", protocol="segment", type="track", name=NAME,
        schema="segment/track", telemetry_class="optional", received_at=time.time(), user=user,
        pseudonyms=(), to=("segment", "mixpanel"), filtered={},
    )  # fmt: skip
    return CleanEvent(header, CleanMessage({**message, "messageId": name, "userId": user}))


@contextmanager
def _vendor() -> Iterator[int]:
    port = _free_port()
    process = subprocess.Popen([sys.executable, "-c", _VENDOR, str(port)])
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def _gateway(folder: Path, ports: dict[str, int]) -> Iterator[tuple[int, int, int]]:
    """Port, admin port and process id of a gateway that sends to both vendors."""
    port, admin = _free_port(), _free_port()
    settings = {
        "listen": f"127.0.0.1:{port}",
        "admin": {"listen": f"127.0.0.1:{admin}"},
        "data_dir": str(folder),
        "sources": [{"name": "demo", "write_keys": ["demo-write-key"]}],
        "schemas": {"path": str(ROOT / "schemas")},
        "policy": str(ROOT / "config" / "privacy.yaml"),
    }
    routing = {
        "destinations": {
            "segment": {
                "type": "segment", "write_key": "w", "host": f"http://127.0.0.1:{ports['segment']}",
            },
            "mixpanel": {
                "type": "mixpanel", "token": "t", "expand_orders": False,
                "host": f"http://127.0.0.1:{ports['mixpanel']}",
            },
        },
        "routes": [{"name": "all", "to": ["segment", "mixpanel"]}],
    }  # fmt: skip
    (folder / "gateway.yaml").write_text(yaml.safe_dump(settings))
    (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", "run", "--config", str(folder / "gateway.yaml")],
        env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(admin, process)
        yield port, admin, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _status(admin: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/api/status", timeout=30) as answer:
        return {each["name"]: each for each in json.load(answer)["destinations"]}


if __name__ == "__main__":
    main()
