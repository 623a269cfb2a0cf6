"""What is too old goes, is counted, and a clock that is wrong by years deletes nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.clock import Clock
from gateway.config.model import GatewaySettings
from gateway.config.model import Retention as Settings
from gateway.event import Reason
from gateway.journal import DISCARDED, EXPIRED, DeadLetter, Step, encoded
from gateway.journal.sqlite import SqliteJournal
from gateway.retention import Part, Retention, first_start
from tests.journal.building import NO_LIMIT, event

DAY = 86_400.0
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
KEPT = Settings(events=90 * DAY, audit=400 * DAY, quarantine=30 * DAY, dead_letters=30 * DAY)


class Time:
    """A wall clock that may be set, beside one that may not."""

    def __init__(self) -> None:
        self.passed, self.set_by = 0.0, 0.0

    def clock(self) -> Clock:
        return Clock(NOON, lambda: NOON + self.passed + self.set_by, lambda: self.passed)


def file_of(folder: Path, days: int, suffix: str = ".jsonl") -> Path:
    """A file whose last line was written so many days ago."""
    moment = datetime.fromtimestamp(NOON, UTC) - timedelta(days=days)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{moment.date().isoformat()}-{1000 - days:06}{suffix}"
    file.write_text("{}\n")
    os.utime(file, (moment.timestamp(), moment.timestamp()))
    return file


async def test_files_and_letters_go_by_their_age(tmp_path: Path) -> None:
    time = Time()
    folders = {tmp_path / part: part for part in ("events", "audit", "quarantine")}
    files = {
        (part, days, suffix): file_of(tmp_path / part, days, suffix)
        for part in folders.values()
        for days in (1, 40, 100, 500)
        for suffix in (".jsonl", ".jsonl.gz")
    }
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    journal.clock = time.clock()
    try:
        await journal.follow({"vendor": "events"})
        await journal.append(encoded([event(f"e{n}", to=("vendor",)) for n in range(4)]))
        events = await journal.events(0, most=4, size=10_000)
        letters = [DeadLetter(one, Reason.REFUSED, 400, "no") for one in events]
        await journal.advance("vendor", Step(dead=letters))
        dated(tmp_path / "journal/journal.db", {1: NOON - 31 * DAY, 2: NOON - 29 * DAY, 3: 0.0})
        retention = Retention(journal, lambda: KEPT, folders, since=0.0)  # type: ignore[arg-type]

        await retention.look()

        left = {key for key, file in files.items() if file.exists()}
        assert left == {
            (part, days, suffix)
            for part, most in (("events", 90), ("audit", 400), ("quarantine", 30))
            for days in (1, 40, 100)
            for suffix in (".jsonl", ".jsonl.gz")
            if days < most
        } | {("audit", 500, ".jsonl.gz")}  # is in nobody's chain
        assert retention.deleted == {"events": 4, "audit": 1, "quarantine": 6}
        view = journal.view
        assert view.counters[f"{DISCARDED}/vendor"] == view.counters[f"{EXPIRED}/vendor"] == 1
        assert view.cursors["vendor"].dead == {Reason.REFUSED: 4}
        kept = await journal.dead_letters("vendor", after=0, most=9)
        assert [letter.id for letter in kept] == [2, 3, 4]
    finally:
        await journal.close()


async def test_a_start_says_what_will_be_deleted(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    try:
        with capture_logs() as lines:
            retention = Retention(journal, Settings, {}, since=NOON)
            retention.start()
            retention.stop()
    finally:
        await journal.close()
    [line] = lines
    assert (line["events"], line["dead_letters"]) == ("forever", "30 days")
    assert line["from_"] == "2026-12-02T12:00:00.000Z"


async def test_a_clock_that_is_years_ahead_deletes_nothing_at_once(tmp_path: Path) -> None:
    time = Time()
    file = file_of(tmp_path / "quarantine", 1)
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    journal.clock = time.clock()
    try:
        folders: dict[Path, Part] = {tmp_path / "quarantine": "quarantine"}
        retention = Retention(journal, lambda: KEPT, folders, since=0.0)
        time.set_by = 20 * 365 * DAY
        for _ in range(23):
            await retention.look()
            time.passed += 3600
        assert file.exists()
        time.passed += 3 * 3600
        await retention.look()
        assert not file.exists()
    finally:
        await journal.close()


async def test_nothing_is_deleted_in_the_first_week(tmp_path: Path) -> None:
    """What an earlier version kept, somebody may want to keep."""
    time = Time()
    file = file_of(tmp_path / "quarantine", 300)
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    journal.clock = time.clock()
    folders: dict[Path, Part] = {tmp_path / "quarantine": "quarantine"}
    try:
        for days in (0, 3, 6.9):
            time.passed = days * DAY
            since = first_start(tmp_path, NOON + time.passed)
            await Retention(journal, lambda: KEPT, folders, since=since).look()
            assert file.exists()
        time.passed = 7.1 * DAY
        since = first_start(tmp_path, NOON + time.passed)
        await Retention(journal, lambda: KEPT, folders, since=since).look()
        assert not file.exists()
    finally:
        await journal.close()


def dated(file: Path, times: dict[int, float]) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for place, moment in times.items():
            connection.execute("UPDATE dead_letters SET died_at = ? WHERE id = ?", (moment, place))
        connection.commit()


def test_events_are_kept_unless_somebody_says_otherwise() -> None:
    default = Settings()
    assert default.events == "forever"
    assert (default.audit, default.quarantine) == (400 * DAY, 30 * DAY)
    assert Settings.model_validate({"audit": "forever"}).audit == "forever"
    assert Settings.model_validate({"events": "90d"}).events == 90 * DAY


@pytest.mark.parametrize("wrong", ["for ever", "0", "10s", -1, "never"])
def test_an_age_that_is_none_is_a_mistake(wrong: object) -> None:
    with pytest.raises(ValueError, match="retention"):
        GatewaySettings.model_validate({"retention": {"events": wrong}})
