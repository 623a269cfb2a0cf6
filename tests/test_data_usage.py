"""Every file that the gateway writes counts for its part, on the disk that it is on."""

from __future__ import annotations

import os
from pathlib import Path

import aiohttp
import pytest

from gateway import data_usage
from gateway.data_usage import measured
from gateway.journal import capacity
from tests.journal.disks import small_tmpfs
from tests.test_server import event, metrics, post
from tests.wire.running import running

KIB = 1024


def put(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(size))


def parts(folders: data_usage.Folders) -> dict[str, int]:
    return measured(folders).by_part


def test_each_file_counts_once_for_the_part_it_is_in(tmp_path: Path) -> None:
    folders = {tmp_path: "other", tmp_path / "audit": "audit", tmp_path / "audit" / "eu": "events"}
    assert parts(folders) == {"other": 0, "audit": 0, "events": 0}, "before there is any"
    put(tmp_path / "lock", 4 * KIB)
    put(tmp_path / "deep" / "er" / "file", 8 * KIB)
    put(tmp_path / "audit" / "a.jsonl", 64 * KIB)
    put(tmp_path / "audit" / "b.jsonl", 32 * KIB)
    put(tmp_path / "audit" / "eu" / "c.jsonl", 16 * KIB)
    put(tmp_path.parent / "others", 128 * KIB)
    (tmp_path / "link").symlink_to(tmp_path.parent)
    found = parts(folders)
    assert found["audit"] == 96 * KIB
    assert found["events"] == 16 * KIB
    assert 12 * KIB <= found["other"] <= 16 * KIB, "the link itself may take a block"


def test_a_folder_of_very_many_files_costs_a_bounded_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_usage, "MOST_FILES", 5)
    for number in range(9):
        put(tmp_path / str(number), 4 * KIB)
    assert parts({tmp_path: "audit"}) == {"audit": 20 * KIB}


@pytest.mark.parametrize("size", [2_000_000] if os.geteuid() == 0 else [])
def test_another_disk_is_told_apart(tmp_path: Path, size: int) -> None:
    folders = {tmp_path / "journal": "journal", tmp_path / "events": "events"}
    put(tmp_path / "journal" / "journal.db", 4 * KIB)
    with small_tmpfs(tmp_path / "events", size):
        put(tmp_path / "events" / "a.jsonl", 64 * KIB)
        usage = measured(folders)
        away = capacity.disk(tmp_path / "events")
        assert usage.home == (tmp_path / "journal").stat().st_dev != away.device
        assert usage.parts["events", away.device] == 64 * KIB
        assert usage.disks[away.device] == away
        assert away.free is not None
        assert away.free < away.total <= size + 4 * KIB


@pytest.mark.parametrize("size", [0] if os.geteuid() == 0 else [])
def test_a_disk_without_a_limit_has_room(tmp_path: Path, size: int) -> None:
    with small_tmpfs(tmp_path / "unlimited", size):
        assert capacity.disk(tmp_path / "unlimited").free is None


async def test_the_metrics_name_each_part(tmp_path: Path) -> None:
    """Of a closed set, whatever there is on the disk."""
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        assert (await post(session, gateway, event(1)))[0] == 200
        await gateway.wait_for(["m-1"])
        await gateway.stop()
        await gateway.start()
        seen: dict[str, float] = {}
        while not seen.get('gateway_data_bytes{part="events"}'):
            seen = await metrics(session, gateway)
        names = {name for name in seen if name.startswith("gateway_data_bytes")}
        known = ("journal", "audit", "events", "quarantine", "ledger", "dedup", "other")
        assert names == {f'gateway_data_bytes{{part="{part}"}}' for part in known}
        assert seen['gateway_data_bytes{part="journal"}'] > 0
        assert seen["gateway_disk_free_bytes"] > 0
        assert "gateway_journal_full_seconds" not in seen, "nothing is known of a rate yet"
