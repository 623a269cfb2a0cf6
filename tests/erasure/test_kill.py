"""An erasure that dies at any step ends complete, counts once, and loses nobody else's event."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from gateway.journal.sqlite.snapshot import looking
from tests.erasure.people import (
    ANN,
    BEN,
    PLAIN,
    files_with,
    gateway_of,
    send,
    settled,
    texts_of,
    track,
)
from tests.wire.running import ROOT, Gateway

EVENTS = 60
POINTS = 8
"""Steps at which an erasure dies, spread over all there are."""


class Lives:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def live(self, folder: Path, **order: Any) -> int | None:
        """The steps of a whole life, or None where it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"config": str(folder / "gateway.yaml"), **order})
        self._process.stdin.write(line.encode() + b"\n")
        steps = None
        while not (said := (await self._process.stdout.readline()).decode()).startswith("over"):
            assert said, "the child is gone"
            steps = int(said)
        assert said in ("over 0\n", "over 9\n"), said
        return steps


@asynccontextmanager
async def lives() -> AsyncGenerator[Lives]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.erasure.child",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Lives(process)
    finally:
        process.kill()
        await process.wait()


async def test_an_erasure_ends_complete_wherever_it_died(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    few = home / "schemas"  # so that a life begins fast
    few.mkdir()
    (few / "track.schema.json").symlink_to(ROOT / "schemas/segment/track.schema.json")
    (few / "common.schema.json").symlink_to(ROOT / "schemas/segment/common.schema.json")
    async with gateway_of(home, PLAIN, schemas={"path": str(few)}) as gateway:
        events = [track(user, n) for n in range(EVENTS) for user in (ANN, BEN)]
        assert await send(gateway, events) == 200
        await settled(gateway, "local")
        await gateway.kill()
    gone = texts_of(gateway, ANN) | {"secret-of-ann"}
    async with lives() as child:
        whole = copied(gateway, tmp_path / "whole")
        steps = await child.live(whole.folder, user=ANN)
        assert steps is not None
        check(whole, gone)
        for point in range(POINTS):
            step = 1 + point * (steps - 1) // (POINTS - 1)
            one = copied(gateway, tmp_path / f"dies-at-{step}")
            assert await child.live(one.folder, user=ANN, step=step) is None
            had_begun = any(one.data.glob("erasures/*.json")) or any(
                one.data.glob("receipts/*.json")
            )
            order = {} if had_begun else {"user": ANN}
            assert await child.live(one.folder, **order) is not None
            check(one, gone)
            shutil.rmtree(one.folder)


def copied(gateway: Gateway, folder: Path) -> Gateway:
    shutil.copytree(gateway.folder, folder)
    file = folder / "gateway.yaml"
    settings = yaml.safe_load(file.read_text()) | {"data_dir": str(folder / "data")}
    file.write_text(yaml.safe_dump(settings))
    return Gateway(folder, gateway.port, gateway.admin_port)


def check(gateway: Gateway, gone: set[str]) -> None:
    """Nobody is there but Ben, once; and the receipt tells how many of Ann's went."""
    assert files_with(gateway, gone) == {}
    ids = [event["messageId"] for event in gateway.events()]
    assert ids == [f"m-ben-{n}" for n in range(EVENTS)]
    with looking(gateway.data / "journal") as look:
        view = look.view()
        kept = [event for found in look.events(0) for event in found.readable]
        assert [event.sequence for event in kept] == list(range(1, view.heads["events"] + 1))
        assert sum(event.header.message_id.startswith("m-ben-") for event in kept) == EVENTS
        assert not [gap for found in look.events(0) for gap in found.unreadable]
    assert list((gateway.data / "erasures").iterdir()) == []
    receipts = [json.loads(one.read_bytes()) for one in (gateway.data / "receipts").iterdir()]
    assert [one["state"] for one in receipts] == ["done"]
    erased = receipts[0]["erased"]
    assert (erased["waiting_events"], erased["files"]["events"]) == (EVENTS, EVENTS)
    leftovers = [*gateway.data.rglob("*.rewriting"), *gateway.data.rglob(".*.new")]
    assert leftovers == []
