"""A full disk costs no event that was acknowledged, and the journal heals when there is room."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.encryption import Key, Keyring
from gateway.errors import JournalError
from gateway.event import CleanBytes
from gateway.journal import Step, encoded
from gateway.journal.sqlite import SqliteJournal, conversion
from tests.journal.building import NO_LIMIT, event, until
from tests.journal.disks import DISKS, Disk, file_size_limit


@pytest.mark.parametrize("disk", DISKS)
async def test_refuses_while_full_and_heals_without_traffic(tmp_path: Path, disk: Disk) -> None:
    folder = tmp_path / "small"
    with disk(folder, 3_000_000) as make_room:
        journal = SqliteJournal.open(folder / "journal", NO_LIMIT)
        await journal.follow({"local": "events"})
        acknowledged: list[str] = []

        async def append(caller: int) -> None:
            for number in range(10_000):
                name = f"{caller}-{number}"
                await journal.append(
                    encoded([event(name, size=2000)], [CleanBytes(b"{}")], {"received/demo": 1})
                )
                acknowledged.append(name)

        outcomes = await asyncio.gather(*map(append, range(8)), return_exceptions=True)
        assert all(isinstance(outcome, JournalError) for outcome in outcomes)
        assert len(acknowledged) > 100
        assert journal.refusal() is not None
        held = await journal.events(0, most=10**6, size=10**9)
        assert {e.header.message_id for e in held} == set(acknowledged)

        make_room()
        await until(lambda: journal.refusal() is None)
        await journal.append(encoded([event("after")], [CleanBytes(b"{}")], {"received/demo": 1}))
        acknowledged.append("after")
        await journal.advance("local", Step(delivered=1))
        await journal.close()

        again = SqliteJournal.open(folder / "journal", NO_LIMIT)
        held = await again.events(0, most=10**6, size=10**9)
        names = [e.header.message_id for e in held]
        assert sorted(names) == sorted(acknowledged)
        for caller in range(8):
            own = [name for name in names if name.startswith(f"{caller}-")]
            assert own == [f"{caller}-{number}" for number in range(len(own))]
        assert again.view.counters == {"received/demo": len(acknowledged)}
        assert again.view.heads == {"events": len(acknowledged), "audit": len(acknowledged)}
        assert again.view.pending("local") == len(acknowledged) - 1
        await again.close()


@pytest.mark.parametrize("disk", DISKS)
async def test_cursors_move_on_the_space_that_is_kept_free(tmp_path: Path, disk: Disk) -> None:
    folder = tmp_path / "small"
    with disk(folder, 12_000_000):
        limits = NO_LIMIT.model_copy(update={"min_free_bytes": 4_000_000, "max_bytes": 4_000_000})
        journal = SqliteJournal.open(folder / "journal", limits)
        await journal.follow({"local": "events"})
        while journal.refusal() is None:
            with suppress(JournalError):
                await journal.append(encoded([event("m", size=20_000)]))
        for _ in range(journal.view.pending("local")):
            await journal.advance("local", Step(delivered=1))
        await until(lambda: journal.refusal() is None)
        await journal.append(encoded([event("after")]))
        await journal.close()


@pytest.mark.parametrize("disk", DISKS)
async def test_what_cannot_be_encrypted_for_want_of_room_is_once_there_is_some(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "TRY_SECONDS", 0.01)
    failures: list[sqlite3.Error] = []
    work = conversion.Conversion.work

    def noted(self: conversion.Conversion) -> None:
        try:
            work(self)
        except sqlite3.Error as error:
            failures.append(error)
            raise

    monkeypatch.setattr(conversion.Conversion, "work", noted)
    ring = Keyring(Key.of(random.Random(1).randbytes(32)))
    names = [str(number) for number in range(400 if disk is file_size_limit else 250)]
    folder = tmp_path / "small"
    with disk(folder, 3_000_000) as make_room:
        plain = SqliteJournal.open(folder / "journal", NO_LIMIT)
        await plain.follow({"local": "events"})
        for start in range(0, len(names), 20):
            await plain.append(encoded([event(name, size=2000) for name in names[start:][:20]]))
        await plain.close()

        journal = SqliteJournal.open(folder / "journal", NO_LIMIT, ring=ring)
        await until(lambda: failures)
        make_room()
        await until(lambda: journal.encryption_keys == {ring.writes})
        held = await journal.events(0, most=10**6, size=10**9)
        assert [each.header.message_id for each in held] == names
        await journal.close()
        assert "é".encode() * 9 not in (folder / "journal" / "journal.db").read_bytes()
