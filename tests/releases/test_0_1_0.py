"""The data folder that version 0.1.0 left behind is opened, carried forward, and nothing is lost.

`0.1.0.tar.gz` is the folder of a gateway that was killed: 45 events accepted, all of them in the
file, 8 refused by Segment and kept as dead letters, none yet at Mixpanel, and telemetry turned off.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.fakes import vendor
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.segment import FakeSegment
from tests.wire.running import WRITE_KEY, Gateway, running, until

FOLDER = Path(__file__).parent


async def status(gateway: Gateway) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.admin_url}/api/status") as answer,
    ):
        found: dict[str, Any] = await answer.json()
    return found


async def test_its_data_folder_is_carried_forward(tmp_path: Path) -> None:
    with tarfile.open(FOLDER / "0.1.0.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    before = {file.name: file.read_bytes() for file in (tmp_path / "data/events").iterdir()}
    async with (
        vendor.running(FakeSegment()) as segment,
        vendor.running(FakeMixpanel()) as mixpanel,
    ):
        routing = {
            "destinations": {
                "strict": {"type": "segment", "write_key": segment.write_key, "host": segment.url},
                "away": {"type": "mixpanel", "token": mixpanel.token, "host": mixpanel.url},
                "local": {"type": "file", "path": "events"},
            },
            "routes": [{"name": "all", "to": ["strict", "local", "away"]}],
        }
        (tmp_path / "routing.yaml").write_text(yaml.safe_dump(routing))
        async with running(tmp_path, routing="routing.yaml") as gateway:
            await until(lambda: len(mixpanel.events) == 45, 20, lambda: gateway.log)
            replay = await command(gateway, "dead-letters", "replay", "--all")
            assert "8 of strict" in replay
            await until(lambda: len(segment.messages) == 8, 20, lambda: gateway.log)
            found = await status(gateway)
            while any(each["pending"] for each in found["destinations"]):
                found = await status(gateway)
            assert found["accepted"] == 45
            assert {each["name"]: each["delivered"] for each in found["destinations"]} == {
                "strict": 45, "local": 45, "away": 45,
            }  # fmt: skip
            telemetry = json.loads(await command(gateway, "telemetry", "status", "--json"))
            assert telemetry["classes"]["optional"]["enabled"] is False
            assert await command(gateway, "telemetry", "on")
            async with (
                aiohttp.ClientSession() as session,
                session.post(
                    f"{gateway.url}/v1/track",
                    json={"event": "New", "userId": "u", "messageId": "new", "writeKey": WRITE_KEY},
                ) as answer,
            ):
                assert answer.status == 200
            await gateway.wait_for(["new"])
            after = {file.name: file.read_bytes() for file in (tmp_path / "data/events").iterdir()}

    [old] = before
    assert after[old].startswith(before[old])
    assert sum(text.count(b"\n") for text in after.values()) == 46


async def command(gateway: Gateway, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli.main", *words, "--config",
        str(gateway.folder / "gateway.yaml"), cwd=gateway.folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await process.communicate()
    assert process.returncode == 0, error
    return out.decode()
