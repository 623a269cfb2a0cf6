"""The wheel, installed in a new environment, is all that a person needs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.wire.running import ROOT, Message, held_ports, until

LOCK = ROOT / "requirements" / "runtime.lock"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`gateway`, installed as a person would, with everything that its metadata asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True, timeout=280
    )
    (wheel,) = folder.glob("*.whl")
    made = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True, timeout=120)
    pinned = re.findall(r"^\S+==\S+", LOCK.read_text(), re.MULTILINE)
    (folder / "pinned").write_text("\n".join(pinned))
    options = ["--no-compile", "--constraint", str(folder / "pinned")]
    subprocess.run(
        [*pip, "--python", made / "bin" / "python", "install", *options, wheel],
        check=True,
        timeout=400,
    )
    return made / "bin" / "gateway"


@pytest.mark.parametrize("way", ["init", "without any configuration"])
async def test_from_nothing_to_the_first_event(command: Path, tmp_path: Path, way: str) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    if way == "init":
        made = await asyncio.create_subprocess_exec(command, "init", cwd=tmp_path, env=clean)
        assert await made.wait() == 0
        assert (tmp_path / "config" / "gateway.yaml").exists()
    with held_ports(2) as [port, admin_port], (tmp_path / "log").open("wb") as log:
        places = {
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "GATEWAY_ADMIN_LISTEN": f"127.0.0.1:{admin_port}",
        }
        process = await asyncio.create_subprocess_exec(
            command, "run", cwd=tmp_path, env=clean | places, stdout=log, stderr=log
        )
        try:
            await send(f"http://127.0.0.1:{port}", process)
            await until(lambda: bool(events(tmp_path)), 30, (tmp_path / "log").read_text)
        finally:
            process.send_signal(signal.SIGTERM)
            code = await asyncio.wait_for(process.wait(), 30)
    assert code == 0
    (event,) = events(tmp_path)
    assert event["event"] == "Signed Up"
    assert event["userId"] != "42"
    assert "email" not in event["properties"]
    said = (tmp_path / "log").read_text()
    assert ("`gateway init` writes your own" in said) == (way != "init")
    assert str(ROOT) not in said


async def send(url: str, process: asyncio.subprocess.Process) -> None:
    event = {
        "event": "Signed Up",
        "userId": "42",
        "properties": {"email": "ada@mail.example"},
        "writeKey": "demo-write-key",
    }
    async with aiohttp.ClientSession() as session:
        while process.returncode is None:
            try:
                async with session.post(f"{url}/v1/track", json=event) as answer:
                    assert answer.status == 200
                    return
            except aiohttp.ClientConnectionError:
                continue
    raise AssertionError("it ended before it took an event")


def events(folder: Path) -> list[Message]:
    files = (folder / "data" / "events").glob("*.jsonl")
    return [orjson.loads(line) for file in files for line in file.read_bytes().splitlines()]
