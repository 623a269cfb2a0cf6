"""A disk that takes its time to say how full it is holds up neither a commit nor the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.health import Disk
from gateway.journal import encoded
from gateway.journal.sqlite import SqliteJournal
from tests.journal.building import NO_LIMIT, event

MANY = 10**9
"""Bytes."""


async def test_a_statvfs_that_hangs_costs_neither_commit_nor_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    await journal.follow({"local": "events"})
    asked, go_on = threading.Event(), threading.Event()
    statvfs = os.statvfs

    def hangs(path: Any) -> os.statvfs_result:
        asked.set()
        go_on.wait(30)
        return statvfs(path)

    monkeypatch.setattr(os, "statvfs", hangs)
    try:
        assert await asyncio.to_thread(asked.wait, 30)
        async with asyncio.timeout(20):  # the disk would answer after 30 s
            for number in range(20):
                await journal.append(encoded([event(f"m{number}")]))
                assert journal.refusal() is None
        assert not go_on.is_set()
    finally:
        go_on.set()
        await journal.close()
    assert journal.view.heads["events"] == 20


async def test_a_disk_that_fills_up_and_empties_is_noticed_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = NO_LIMIT.model_copy(update={"min_free_bytes": 1000})
    journal = SqliteJournal.open(tmp_path, limits)
    await journal.follow({"local": "events"})
    for free, expected in ((10, True), (MANY, False), (None, True), (MANY, False)):

        def answers(_: Path, free: int | None = free) -> Disk:
            if free is None:
                raise OSError
            return Disk(1, 2 * MANY, free)

        monkeypatch.setattr("gateway.journal.capacity.disk", answers)
        async with asyncio.timeout(20):
            while bool(journal.refusal()) != expected:  # noqa: ASYNC110 (it is another thread)
                await asyncio.sleep(0.01)
    await journal.append(encoded([event("m")]))
    await journal.close()
