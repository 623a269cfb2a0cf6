"""The file destination: whole lines, each once, in files that follow each other."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.config.routing import FileDestination as Settings
from gateway.destinations import Delivered, RetryLater
from gateway.destinations.file import FileDestination, audit_line, file_destination
from gateway.errors import DestinationError
from gateway.event import StoredEvent
from gateway.journal import AuditLine
from gateway.lines import UNSETTLED_BYTES, LineFiles
from tests.destinations.events import Journal
from tests.journal.building import event
from tests.journal.disks import DISKS, Disk

NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z
DAY = 86_400.0


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def files(folder: Path, clock: Clock, rotate_bytes: int = 1000, keep_days: int = 0) -> LineFiles:
    return LineFiles(folder, rotate_bytes=rotate_bytes, keep_days=keep_days, clock=clock)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_a_new_day_begins_a_new_file(tmp_path: Path) -> None:
    clock = Clock()
    lines = files(tmp_path, clock)
    lines.open(None)
    clock.now = NOON + DAY / 2 - 0.001
    lines.append(b"1\n")
    clock.now = NOON + DAY / 2
    lines.append(b"2\n")
    lines.append(b"3\n")
    lines.close()

    assert contents(tmp_path) == {
        "2026-11-23-0001.jsonl": b"1\n",
        "2026-11-24-0001.jsonl": b"2\n3\n",
    }


def test_a_full_file_is_followed_by_the_next_of_the_day(tmp_path: Path) -> None:
    lines = files(tmp_path, Clock(), rotate_bytes=6)
    lines.open(None)
    for batch in (b"1\n", b"2\n", b"3\n", b"4\n", b"a longer batch\n", b"5\n"):
        lines.append(batch)
    lines.close()

    assert contents(tmp_path) == {
        "2026-11-23-0001.jsonl": b"1\n2\n3\n",
        "2026-11-23-0002.jsonl": b"4\n",
        "2026-11-23-0003.jsonl": b"a longer batch\n",
        "2026-11-23-0004.jsonl": b"5\n",
    }


def test_a_clock_set_back_does_not_go_back_to_an_earlier_day(tmp_path: Path) -> None:
    clock = Clock()
    lines = files(tmp_path, clock, rotate_bytes=3)
    lines.open(None)
    lines.append(b"1\n")
    clock.now -= 3 * DAY
    lines.append(b"2\n")
    lines.close()

    assert list(contents(tmp_path)) == ["2026-11-23-0001.jsonl", "2026-11-23-0002.jsonl"]


def test_old_files_go_and_others_in_the_folder_stay(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "notes.txt").write_text("mine")
    lines = files(tmp_path, clock, keep_days=2)
    lines.open(None)
    for _ in range(5):
        lines.append(b"1\n")
        clock.now += DAY
    lines.close()

    kept = ["2026-11-25-0001.jsonl", "2026-11-26-0001.jsonl", "2026-11-27-0001.jsonl"]
    assert list(contents(tmp_path)) == [*kept, "notes.txt"]


def test_open_cuts_off_what_is_behind_the_state(tmp_path: Path) -> None:
    lines = files(tmp_path, Clock(), rotate_bytes=6)
    lines.open(None)
    lines.append(b"1\n")
    kept = lines.append(b"2\n")
    lines.append(b"3\n")
    lines.append(b"4\n")
    lines.close()
    with (tmp_path / "2026-11-23-0002.jsonl").open("ab") as torn:
        torn.write(b"half a li")

    assert lines.open(kept) == kept
    assert contents(tmp_path) == {"2026-11-23-0001.jsonl": b"1\n2\n"}
    lines.append(b"3\n")
    lines.close()
    assert contents(tmp_path) == {"2026-11-23-0001.jsonl": b"1\n2\n3\n"}


def test_the_first_state_holds_before_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "2026-11-23-0007.jsonl").write_bytes(b"of an earlier journal\n")
    lines = files(tmp_path, Clock())
    first = lines.open(None)
    lines.append(b"1\n")
    lines.close()

    assert lines.open(first) == first
    lines.append(b"1\n")
    lines.close()
    assert contents(tmp_path) == {
        "2026-11-23-0007.jsonl": b"of an earlier journal\n",
        "2026-11-23-0008.jsonl": b"1\n",
    }


def test_files_that_are_much_newer_than_the_state_are_left_alone(tmp_path: Path) -> None:
    lines = files(tmp_path, Clock(), rotate_bytes=2 * UNSETTLED_BYTES)
    old = lines.open(None)
    batch = b"1" * (UNSETTLED_BYTES // 2) + b"\n"
    for _ in range(3):
        lines.append(batch)
    lines.close()

    assert lines.open(old) == "2026-11-23-0002.jsonl:0"
    assert (tmp_path / "2026-11-23-0001.jsonl").stat().st_size == 3 * len(batch)


@pytest.mark.parametrize("loss", ["moved", "deleted", "emptied", "replaced", "grown"])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_file_somebody_touched_is_left_and_the_next_begun(
    tmp_path: Path, loss: str, is_open: bool
) -> None:
    lines = files(tmp_path, Clock())
    lines.open(None)
    state = lines.append(b"1\n")
    file = tmp_path / "2026-11-23-0001.jsonl"
    if not is_open:
        lines.close()
    match loss:
        case "moved":
            file.rename(tmp_path / "taken")
        case "deleted":
            file.unlink()
        case "emptied":
            os.truncate(file, 0)
        case "replaced":
            file.rename(tmp_path / "taken")
            file.write_bytes(b"9\n")
        case "grown":
            file.write_bytes(b"1\n9\n")
    if not is_open:
        lines.open(state)
    lines.append(b"2\n")
    lines.close()

    last = max(tmp_path.glob("2026-*"))
    assert last.read_bytes().endswith(b"2\n")
    if is_open:
        assert last.name == "2026-11-23-0002.jsonl"
        assert last.read_bytes() == b"2\n"


def test_the_group_may_read_and_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        lines = files(tmp_path / "events", Clock())
        lines.open(None)
        lines.append(b"1\n")
        lines.close()
    finally:
        os.umask(before)

    [file] = (tmp_path / "events").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o750


@pytest.mark.parametrize("disk", DISKS)
def test_a_full_disk_leaves_whole_lines_and_heals(tmp_path: Path, disk: Disk) -> None:
    folder = tmp_path / "small"
    with disk(folder, 100_000) as make_room:
        lines = files(folder / "events", Clock(), rotate_bytes=10**6)
        lines.open(None)
        batch = (b"x" * 29_999) + b"\n"
        lines.append(batch)
        lines.append(batch)
        lines.append(batch)
        with pytest.raises(OSError, match=r"No space left|File too large"):
            lines.append(batch)
        [file] = (folder / "events").iterdir()
        assert file.read_bytes() == batch * 3
        make_room()
        lines.append(batch)
        lines.close()
        assert file.read_bytes() == batch * 4


async def test_a_destination_appends_one_line_for_each_event(tmp_path: Path) -> None:
    destination = file_destination("local", Settings(type="file", path="events"), tmp_path)
    events = [StoredEvent(n, event(str(n)).header, b'{"n":%d}' % n) for n in (4, 5)]
    rendered = destination.render(events)
    [request] = rendered.requests
    assert request.events == (4, 5)
    assert request.body == b'{"n":4}\n{"n":5}\n'

    state = await destination.open(None)
    assert state.endswith(":0")
    verdict = await destination.send(request)
    await destination.close()
    assert verdict == Delivered(state.removesuffix("0") + "16")
    [file] = (tmp_path / "events").iterdir()
    assert file.read_bytes() == request.body


def lines_of(*events: StoredEvent) -> list[Any]:
    destination = file_destination("local", Settings(type="file", path="events"), Path())
    [request] = destination.render(events).requests
    return [orjson.loads(line) for line in request.body.splitlines()]


def test_a_mixpanel_record_is_kept_as_the_segment_message_that_means_the_same() -> None:
    journal = Journal()
    properties = {"distinct_id": "u", "time": 1_795_420_264, "$insert_id": "i", "sku": "A"}
    about = {"$distinct_id": "u", "$time": 1_795_420_264}
    assert lines_of(
        journal.mixpanel("event", {"event": "Bought", "properties": properties}),
        journal.mixpanel("people", {**about, "$set": {"plan": "pro"}}),
    ) == [
        {
            "type": "track",
            "messageId": "i",
            "timestamp": "2026-11-23T07:51:04.000Z",
            "userId": "u",
            "event": "Bought",
            "properties": {"sku": "A"},
        },
        {
            "type": "identify",
            "messageId": "m-2",
            "timestamp": "2026-11-23T07:51:04.000Z",
            "userId": "u",
            "traits": {"plan": "pro"},
        },
    ]


def test_a_mixpanel_record_without_equivalent_is_kept_as_it_came() -> None:
    journal = Journal()
    nameless = {"properties": {"distinct_id": "u", "time": 1_795_420_200}}
    add = {"$distinct_id": "u", "$add": {"logins": 1}, "type": "mine"}
    unset = {"$group_key": "company", "$group_id": "acme", "$time": 1e12, "$unset": ["plan"]}
    assert lines_of(
        journal.mixpanel("event", nameless),
        journal.mixpanel("people", {"$token": "t", **add}),
        journal.mixpanel("groups", unset),
    ) == [
        {"type": "mixpanel_event", "timestamp": "2026-11-23T07:50:00.000Z", **nameless},
        {**add, "type": "mixpanel_people", "timestamp": "2026-11-23T07:51:04.500Z"},
        {**unset, "type": "mixpanel_groups", "timestamp": "2001-09-09T01:46:40.000Z"},
    ]


async def test_a_folder_that_cannot_be_written_is_told_and_does_not_raise(tmp_path: Path) -> None:
    lines = files(tmp_path / "audit", Clock())
    destination = FileDestination("audit/", lines, audit_line)
    [request] = destination.render([AuditLine(1, b"{}")]).requests
    (tmp_path / "audit").write_text("a file where the folder should be")
    with pytest.raises(DestinationError, match=r"^disk error .EEXIST.$"):
        await destination.open(None)

    (tmp_path / "audit").unlink()
    await destination.open(None)
    assert isinstance(await destination.send(request), Delivered)
    (tmp_path / "audit").rename(tmp_path / "taken")
    (tmp_path / "audit").write_text("again")
    assert await destination.send(request) == RetryLater("disk error (ENOTDIR)")
    (tmp_path / "audit").unlink()
    assert isinstance(await destination.send(request), Delivered)
    await destination.close()
    assert contents(tmp_path / "audit") == {"2026-11-23-0002.jsonl": b"{}\n"}
