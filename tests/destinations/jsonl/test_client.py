"""The file destination: whole lines, each once, in files that follow each other."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.clock import DATES_AFTER, DELETES_AFTER, Clock
from gateway.destinations import Delivered, RetryLater
from gateway.destinations.jsonl.client import FileDestination, audit_line, file_destination
from gateway.destinations.jsonl.mapping import same_event
from gateway.destinations.jsonl.settings import FileSettings as Settings
from gateway.errors import DestinationError
from gateway.event import CleanBytes, StoredEvent
from gateway.journal import AuditLine
from gateway.jsonl.files import LineFiles
from tests.clean import stored_event
from tests.destinations.events import Journal, made
from tests.journal.building import event
from tests.journal.disks import DISKS, Disk

NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z
DAY = 86_400.0


class Time:
    """Stands until it passes; the clock that shows it may be set wrong."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.wrong_by = 0.0

    def wall(self) -> float:
        return NOON + self.passed + self.wrong_by

    def clock(self, known: float | None = None) -> Clock:
        return Clock(known, self.wall, lambda: self.passed)


def files(
    folder: Path,
    time: Time | None = None,
    rotate_bytes: int = 1000,
    keep_days: int = 0,
    known: float | None = None,
) -> LineFiles:
    return LineFiles(
        folder,
        rotate_bytes=rotate_bytes,
        keep_days=keep_days,
        clock=(time or Time()).clock(known),
        same=same_event,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_a_new_day_begins_a_new_file(tmp_path: Path) -> None:
    time = Time()
    lines = files(tmp_path, time)
    lines.open(None)
    time.passed = DAY / 2 - 0.001
    lines.append(b"1\n")
    time.passed = DAY / 2
    lines.append(b"2\n")
    lines.append(b"3\n")
    lines.close()

    assert contents(tmp_path) == {
        "2026-11-23-000001.jsonl": b"1\n",
        "2026-11-24-000002.jsonl": b"2\n3\n",
    }


def test_a_full_file_is_followed_by_the_next(tmp_path: Path) -> None:
    lines = files(tmp_path, rotate_bytes=6)
    lines.open(None)
    for batch in (b"1\n", b"2\n", b"3\n", b"4\n", b"a longer batch\n", b"5\n"):
        lines.append(batch)
    lines.close()

    assert contents(tmp_path) == {
        "2026-11-23-000001.jsonl": b"1\n2\n3\n",
        "2026-11-23-000002.jsonl": b"4\n",
        "2026-11-23-000003.jsonl": b"a longer batch\n",
        "2026-11-23-000004.jsonl": b"5\n",
    }


def test_files_of_version_0_1_0_come_before_all_others(tmp_path: Path) -> None:
    (tmp_path / "2026-11-23-0012.jsonl").write_bytes(b"1\n")
    lines = files(tmp_path, rotate_bytes=2)
    assert lines.open("2026-11-23-0012.jsonl:2") == "2026-11-23-0012.jsonl:2"
    lines.append(b"2\n")
    kept = lines.append(b"3\n")
    lines.close()

    assert kept == "2026-11-23-000014.jsonl:2"
    assert lines.open("2026-11-23-0012.jsonl:2") == "2026-11-23-0012.jsonl:2"
    assert [lines.append(line) for line in (b"2\n", b"3\n")][-1] == kept
    lines.close()


@pytest.mark.parametrize("days", [400, -400, -3])
def test_a_clock_that_is_wrong_for_a_moment_dates_no_file(tmp_path: Path, days: int) -> None:
    time = Time()
    lines = files(tmp_path, time, rotate_bytes=3)
    lines.open(None)
    lines.append(b"1\n")
    time.wrong_by = days * DAY
    lines.append(b"2\n")
    time.passed += DATES_AFTER / 2
    lines.append(b"3\n")
    time.wrong_by = 0
    lines.append(b"4\n")
    lines.close()

    assert {name[:10] for name in contents(tmp_path)} == {"2026-11-23"}


@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_was_set_dates_the_files_once_it_has_lasted(tmp_path: Path, days: int) -> None:
    """And goes back again without a file that is misplaced."""
    time = Time()
    lines = files(tmp_path, time)
    lines.open(None)
    state = lines.append(b"1\n")
    for wrong_by in (days * DAY, 0.0):
        time.wrong_by = wrong_by
        lines.append(b"2\n")
        time.passed += DATES_AFTER
        state = lines.append(b"3\n")
    lines.close()

    assert [len(name) for name in contents(tmp_path)] == [len("2026-11-23-000001.jsonl")] * 3
    assert state.startswith("2026-11-23-000003.jsonl:")
    assert lines.open(state) == state
    assert lines.append(b"4\n") == "2026-11-23-000003.jsonl:4"


def aged(file: Path, moment: float) -> None:
    file.write_bytes(b"1\n")
    os.utime(file, (moment, moment))


def test_old_files_go_and_others_in_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for days in range(5):
        aged(tmp_path / f"2026-11-{23 - days}-00000{9 - days}.jsonl", NOON - days * DAY)
    aged(tmp_path / "2026-11-19-000005.set-aside-1.jsonl", NOON - 4 * DAY)
    aged(tmp_path / "2026-11-23-000009.set-aside-1.jsonl", NOON)
    aged(tmp_path / "2026-11-19-mine.jsonl", NOON - 4 * DAY)
    aged(tmp_path / "2026-11-18-0001.jsonl", NOON)  # somebody wrote to it today
    lines = files(tmp_path, keep_days=2)
    lines.open(None)
    lines.close()

    assert list(contents(tmp_path)) == [
        "2026-11-18-0001.jsonl",
        "2026-11-19-mine.jsonl",
        "2026-11-21-000007.jsonl",
        "2026-11-22-000008.jsonl",
        "2026-11-23-000009.jsonl",
        "2026-11-23-000009.set-aside-1.jsonl",
        "notes.txt",
    ]


def test_a_clock_that_jumps_deletes_nothing_before_it_has_lasted(tmp_path: Path) -> None:
    aged(tmp_path / "2026-11-23-000001.jsonl", NOON)
    time = Time()
    lines = files(tmp_path, time, keep_days=7)
    lines.open("2026-11-23-000001.jsonl:2")
    for passed, is_kept in ((0.0, True), (DELETES_AFTER / 2, True), (DELETES_AFTER, False)):
        time.passed, time.wrong_by = passed, 400 * DAY
        lines.append(b"2\n")
        lines.open(None)
        assert (tmp_path / "2026-11-23-000001.jsonl").exists() == is_kept


def test_a_start_with_a_wrong_clock_deletes_nothing(tmp_path: Path) -> None:
    """The last run left behind what time it had been, and a year is not believed at once."""
    aged(tmp_path / "2026-11-23-000001.jsonl", NOON)
    time = Time()
    time.wrong_by = 400 * DAY
    files(tmp_path, time, keep_days=7, known=NOON).open(None)

    assert (tmp_path / "2026-11-23-000001.jsonl").exists()


def test_lines_behind_the_state_are_not_written_twice(tmp_path: Path) -> None:
    """They are there because the gateway died before it could say that it had written them."""
    lines = files(tmp_path, rotate_bytes=6)
    lines.open(None)
    lines.append(b"1\n")
    kept = lines.append(b"2\n")
    lines.append(b"3\n4\n")
    last = lines.append(b"5\n")
    lines.close()
    there = contents(tmp_path)
    with (tmp_path / "2026-11-23-000002.jsonl").open("ab") as torn:
        torn.write(b"6 is half a li")

    assert lines.open(kept) == kept
    lines.append(b"3\n")
    assert lines.append(b"4\n5\n") == last
    assert lines.append(b"6 is half a line\n") == "2026-11-23-000003.jsonl:17"
    lines.close()
    assert contents(tmp_path) == {**there, "2026-11-23-000003.jsonl": b"6 is half a line\n"}


def test_an_event_that_is_given_again_in_other_words_is_the_same_event(tmp_path: Path) -> None:
    lines = files(tmp_path)
    kept = lines.open(None)
    lines.append(b'{"messageId":"m-1","plan":"pro"}\n{"messageId":"m-2"}\n')
    lines.close()

    lines.open(kept)
    lines.append(b'{"messageId":"m-1"}\n{"messageId":"m-3"}\n')
    lines.close()
    assert contents(tmp_path) == {
        "2026-11-23-000001.jsonl": b'{"messageId":"m-1","plan":"pro"}\n{"messageId":"m-3"}\n',
        "2026-11-23-000001.set-aside-1.jsonl": b'{"messageId":"m-2"}\n',
    }


@pytest.mark.parametrize("known", [0, 1, 3, 5])
def test_lines_that_the_journal_does_not_give_again_are_kept(tmp_path: Path, known: int) -> None:
    """The journal is an older copy; it has the first of them, and then others."""
    lines = files(tmp_path, rotate_bytes=8)
    state = lines.open(None)
    old = [f"old {n}\n".encode() for n in range(6)]
    for line in old:
        lines.append(line)
    lines.close()

    lines.open(state)
    new = [*old[:known], b"new 1\n", b"new 2\n"]
    for line in new:
        state = lines.append(line)
    lines.close()

    found = contents(tmp_path)
    aside = [name for name in found if "set-aside" in name]
    assert b"".join(found[name] for name in aside) == b"".join(old[known:])
    assert b"".join(found[name] for name in found if name not in aside) == b"".join(new)
    assert lines.open(state) == state
    assert {name: (tmp_path / name).stat().st_size for name in aside} == {
        name: len(found[name]) for name in aside
    }


def test_what_cannot_be_set_aside_yet_stays_where_it_is(tmp_path: Path) -> None:
    """A full disk: nothing is cut off before it stands elsewhere, and the next try does it."""
    lines = files(tmp_path)
    state = lines.open(None)
    lines.append(b"old 1\nold 2\n")
    lines.close()
    lines.open(state)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            lines.append(b"new 1\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert contents(tmp_path) == {"2026-11-23-000001.jsonl": b"old 1\nold 2\n"}

    lines.append(b"new 1\n")
    lines.close()
    assert contents(tmp_path) == {
        "2026-11-23-000001.jsonl": b"new 1\n",
        "2026-11-23-000001.set-aside-1.jsonl": b"old 1\nold 2\n",
    }


def test_the_first_state_holds_before_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "2026-11-23-0007.jsonl").write_bytes(b"of an earlier journal\n")
    lines = files(tmp_path)
    first = lines.open(None)
    lines.append(b"1\n")
    lines.close()

    assert lines.open(first) == first
    lines.append(b"1\n")
    lines.close()
    assert contents(tmp_path) == {
        "2026-11-23-0007.jsonl": b"of an earlier journal\n",
        "2026-11-23-000008.jsonl": b"1\n",
    }


@pytest.mark.parametrize("loss", ["moved", "deleted", "emptied", "replaced", "grown"])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_file_somebody_touched_is_left_and_the_next_begun(
    tmp_path: Path, loss: str, is_open: bool
) -> None:
    lines = files(tmp_path)
    lines.open(None)
    state = lines.append(b"1\n")
    file = tmp_path / "2026-11-23-000001.jsonl"
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

    *_, last = sorted(file for file in tmp_path.glob("2026-*") if "aside" not in file.name)
    assert last.read_bytes().endswith(b"2\n")
    if is_open:
        assert last.name == "2026-11-23-000002.jsonl"
        assert last.read_bytes() == b"2\n"


def test_the_group_may_read_and_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        lines = files(tmp_path / "events")
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
        lines = files(folder / "events", rotate_bytes=10**6)
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
    events = [stored_event(n, event(str(n)).header, {"n": n}) for n in (4, 5)]
    [request] = made(destination, events)
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
    [request] = made(destination, events)
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
    lines = files(tmp_path / "audit")
    destination = FileDestination("audit/", lines, audit_line)
    [request] = made(destination, [AuditLine(1, CleanBytes(b"{}"))])
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
    assert contents(tmp_path / "audit") == {"2026-11-23-000002.jsonl": b"{}\n"}


def test_a_write_that_fails_behind_lines_that_are_there_doubles_none(tmp_path: Path) -> None:
    lines = files(tmp_path)
    state = lines.open(None)
    lines.append(b"1\n")
    lines.close()
    lines.open(state)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            lines.append(b"1\n2\n3\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    lines.append(b"1\n2\n3\n")
    lines.close()
    assert contents(tmp_path) == {"2026-11-23-000001.jsonl": b"1\n2\n3\n"}
