"""What is put back, emptied or damaged under a gateway is found by it, and destroys nothing.

Real processes: each case is what an operator or a disk does between two starts.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.cli.test_dead_letters import settled
from tests.fakes import vendor
from tests.fakes.segment import FakeSegment
from tests.wire.running import COMMAND, WRITE_KEY, Gateway, counted, running, until


class Away(FakeSegment):
    """Answers 503 until told otherwise."""

    is_away = True

    async def answer(self, request: aiohttp.web.Request, body: bytes) -> aiohttp.web.StreamResponse:
        if self.is_away:
            return aiohttp.web.Response(status=503)
        return await super().answer(request, body)


@asynccontextmanager
async def waiting(folder: Path) -> AsyncGenerator[tuple[Gateway, Away]]:
    """A gateway whose vendor is away, and whose file destination is not."""
    async with vendor.running(Away()) as segment:
        routing = {
            "destinations": {
                "segment": {
                    "type": "segment", "write_key": segment.write_key, "host": segment.url,
                },
                "local": {"type": "file", "path": "events"},
            },
            "routes": [{"name": "all", "to": ["segment", "local"]}],
        }  # fmt: skip
        (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
        async with running(folder, routing="routing.yaml") as gateway:
            yield gateway, segment


async def send(gateway: Gateway, first: int, count: int) -> list[str]:
    """Events with the ids from `first` on, each of which leaves an audit line."""
    names = [f"m{first + n}" for n in range(count)]
    batch = [
        {"type": "track", "event": "Ordered", "userId": "u", "messageId": name,
         "properties": {"email": "someone@mail.example"}}
        for name in names
    ]  # fmt: skip
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{gateway.url}/v1/batch", json={"batch": batch, "writeKey": WRITE_KEY}
        ) as answer,
    ):
        assert answer.status == 200
    await gateway.wait_for(names)
    return names


async def doctor(gateway: Gateway, *options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli.main", "doctor", *options, "--config",
        str(gateway.folder / "gateway.yaml"), cwd=gateway.folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def refused(gateway: Gateway) -> str:
    """What a start says that does not come about."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, str(gateway.folder / "gateway.yaml"), cwd=gateway.folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 1
    assert b"Traceback" not in out
    return out.decode()


def lines_of(folder: Path) -> Counter[str]:
    """How often each event stands in the files of a folder, set aside or not."""
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_bytes().splitlines()]
    return Counter(json.loads(line)["messageId"] for line in lines)


async def test_an_older_journal_that_is_put_back_cuts_no_file(tmp_path: Path) -> None:
    """Its lines stay, those of events that it never had in files of their own; it is said."""
    async with waiting(tmp_path) as (gateway, segment):
        old = await send(gateway, 0, 40)
        await gateway.stop()
        shutil.copytree(gateway.data / "journal", tmp_path / "backup")
        await gateway.start()
        lost = await send(gateway, 40, 60)
        await gateway.stop()
        audited = lines_of(gateway.data / "audit")
        shutil.rmtree(gateway.data / "journal")
        (tmp_path / "backup").rename(gateway.data / "journal")

        await gateway.start()
        assert "older copy: it ends at event 40, and 100 had been accepted" in gateway.log
        new = await send(gateway, 200, 5)
        again = await send(gateway, 40, 1)
        segment.is_away = False
        await until(lambda: len(segment.messages) == 46, 20, lambda: gateway.log)

        found = lines_of(gateway.data / "events")
        assert set(found) == {*old, *lost, *new}
        assert {name for name, count in found.items() if count > 1} == set(again)
        aside = [f for f in (gateway.data / "events").iterdir() if "set-aside" in f.name]
        assert Counter(
            json.loads(line)["messageId"] for f in aside for line in f.read_bytes().splitlines()
        ) == Counter(lost)
        assert lines_of(gateway.data / "audit") >= audited
        assert counted(segment.messages) == Counter([*old, *new, *again])
        code, said = await doctor(gateway)
        assert (code, "older copy" in said) == (0, True), said
        assert "set-aside" in said


async def test_a_flipped_byte_costs_one_event(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (gateway, segment):
        names = await send(gateway, 0, 90)
        await gateway.stop()
        file = gateway.data / "journal" / "journal.db"
        content = bytearray(file.read_bytes())
        content[content.index(b'"messageId":"m47"') + 14] ^= 0x02
        file.write_bytes(content)
        code, said = await doctor(gateway)
        assert "1 of events cannot be read" in said, said

        segment.is_away = False
        await gateway.start()
        await until(lambda: len(segment.messages) == 89, 20, lambda: gateway.log)
        assert set(counted(segment.messages)) == set(names) - {"m47"}
        found = await settled(gateway)
        assert found["dead"] == {"unreadable": 1}
        assert counted(gateway.events()) == Counter(names)
        code, said = await doctor(gateway)
        assert code == 0, said


@pytest.mark.parametrize("loss", ["emptied", "deleted"])
async def test_an_emptied_journal_stops_the_start_until_a_person_decides(
    tmp_path: Path, loss: str
) -> None:
    async with waiting(tmp_path) as (gateway, segment):
        names = await send(gateway, 0, 90)
        await gateway.stop()
        if loss == "emptied":
            (gateway.data / "journal" / "journal.db").write_bytes(b"")
        else:
            shutil.rmtree(gateway.data / "journal")
        said = await refused(gateway)
        assert "the journal is empty, and 90 events had been accepted into it" in said
        assert "doctor --repair" in said
        code, said = await doctor(gateway)
        assert (code, "the journal is empty" in said) == (1, True), said

        code, said = await doctor(gateway, "--repair")
        assert code == 0, said
        segment.is_away = False
        await gateway.start()
        new = await send(gateway, 100, 3)
        await until(lambda: len(segment.messages) == 3, 20, lambda: gateway.log)
        assert lines_of(gateway.data / "events") == Counter([*names, *new])
        assert (await doctor(gateway))[0] == 0


async def test_a_damaged_file_is_repaired_on_a_word_and_copied_before(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (gateway, segment):
        names: list[str] = []
        for start in range(0, 600, 100):
            names += await send(gateway, start, 100)
        code, said = await doctor(gateway, "--repair")
        assert code == 1
        assert "another gateway is running" in said
        await gateway.stop()
        file = gateway.data / "journal" / "journal.db"
        content = bytearray(file.read_bytes())
        middle = len(content) // 2 // 4096 * 4096
        content[middle : middle + 8192] = os.urandom(8192)
        file.write_bytes(content)
        assert "doctor --repair" in await refused(gateway)
        code, said = await doctor(gateway)
        assert (code, "doctor --repair" in said) == (1, True), said

        code, said = await doctor(gateway, "--repair")
        assert code == 0, said
        [copy] = gateway.data.glob("journal.copy-*")
        assert (copy / "journal.db").read_bytes() == content
        segment.is_away = False
        await gateway.start()

        found = await settled(gateway)
        dead = sum(found["dead"].values())
        assert found["accepted"] == 600 == found["delivered"] + dead
        assert len(segment.messages) == found["delivered"] > 300
        assert set(counted(segment.messages)) <= set(names)
        assert counted(gateway.events()) == Counter(names)
        code, said = await doctor(gateway)
        assert code == 0, said
