"""An id is known for as long as the window says, through restarts, and no other id is."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.journal import encoded
from gateway.journal.contract import DIGEST_BYTES
from gateway.journal.seen_ids import SYNC_IDS, SeenIds
from gateway.journal.sqlite import SqliteJournal
from tests.journal.building import NO_LIMIT, event, until

HOUR = 3600.0


class Time:
    def __init__(self) -> None:
        self.passed = 0.0

    def clock(self) -> Clock:
        return Clock(None, lambda: 1e9 + self.passed, lambda: self.passed)


def digests(count: int) -> list[bytes]:
    return [secrets.token_bytes(DIGEST_BYTES) for _ in range(count)]


def table_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_what_was_added_is_known_and_nothing_else(tmp_path: Path) -> None:
    """Through several tables, each twice as large as the one before."""
    seen = SeenIds.open(tmp_path, 24 * HOUR, "g" * 16, Time().clock())
    known, unknown = digests(40_000), digests(40_000)
    for start in range(0, len(known), 100):
        seen.add(b"".join(known[start : start + 100]))
    assert all(map(seen.has, known))
    assert not any(map(seen.has, unknown))
    seen.close()

    again = SeenIds.open(tmp_path, 24 * HOUR, "g" * 16, Time().clock())
    assert all(map(again.has, known))
    assert not any(map(again.has, unknown))
    again.close()
    assert table_bytes(tmp_path) <= 28 * len(known)


@given(
    st.lists(
        st.tuples(st.floats(0, 10 * HOUR), st.integers(0, 5), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=60)
def test_an_id_is_known_for_the_window_and_forgotten_soon_after(
    steps: list[tuple[float, int, bool]],
) -> None:
    """Whatever the rhythm, and whenever it is opened again."""
    import tempfile

    window = 24 * HOUR
    with tempfile.TemporaryDirectory() as folder:
        time = Time()
        seen = SeenIds.open(Path(folder), window, "g" * 16, time.clock())
        added: list[tuple[float, bytes]] = []
        for passes, count, is_restart in steps:
            time.passed += passes
            if is_restart:
                seen.close()
                seen = SeenIds.open(Path(folder), window, "g" * 16, time.clock())
            new = digests(count)
            if new:
                seen.add(b"".join(new))
            added += [(time.passed, one) for one in new]
            for moment, one in added:
                if time.passed - moment <= window:
                    assert seen.has(one)
        time.passed += 2 * window
        seen.add(digests(1)[0])
        assert not any(seen.has(one) for _, one in added)
        assert len(list(Path(folder).iterdir())) == 1
        seen.close()


def test_ids_of_another_journal_are_not_known(tmp_path: Path) -> None:
    """An older copy of the journal does not have the events that the tables tell of."""
    [one] = digests(1)
    seen = SeenIds.open(tmp_path, HOUR, "a" * 16, Time().clock())
    seen.add(one)
    seen.close()

    other = SeenIds.open(tmp_path, HOUR, "b" * 16, Time().clock())
    assert not other.has(one)
    other.close()


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"seenids1" + bytes(56 + 64)])
def test_a_file_that_is_no_table_is_not_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0000000001.ids").write_bytes(content)
    seen = SeenIds.open(tmp_path, HOUR, "g" * 16, Time().clock())
    [one] = digests(1)
    seen.add(one)
    assert seen.has(one)
    seen.close()


def test_without_room_for_a_table_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = SeenIds.open(tmp_path, 24 * HOUR, "g" * 16, Time().clock())
    first = digests(100)
    seen.add(b"".join(first))

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    seen.add(b"".join(digests(20_000)))
    assert all(map(seen.has, first))
    monkeypatch.undo()
    late = digests(10)
    seen.add(b"".join(late))
    assert all(map(seen.has, late))
    seen.close()


async def test_an_id_is_known_once_its_event_is_kept(tmp_path: Path) -> None:
    [kept, refused] = digests(2)
    journal = SqliteJournal.open(tmp_path, NO_LIMIT, 24 * HOUR)
    assert not journal.has_seen(kept)
    await journal.append(encoded([event("m1")], seen=kept))
    assert journal.has_seen(kept)
    await journal.close()

    tight = NO_LIMIT.model_copy(update={"min_free_bytes": 2**60})
    journal = SqliteJournal.open(tmp_path, tight, 24 * HOUR)
    assert journal.has_seen(kept)
    with pytest.raises(Exception, match="min_free_bytes"):
        await journal.append(encoded([event("m2")], seen=refused))
    assert not journal.has_seen(refused)
    await journal.close()


async def test_lost_tables_are_filled_again_from_the_journal(tmp_path: Path) -> None:
    """As after a power cut: what was not on the disk yet is still in the journal."""
    known = digests(50)
    journal = SqliteJournal.open(tmp_path, NO_LIMIT, 24 * HOUR)
    for one in known:
        await journal.append(encoded([event("m")], seen=one))
    await journal.close()
    for file in (tmp_path / "seen").iterdir():
        file.unlink()

    journal = SqliteJournal.open(tmp_path, NO_LIMIT, 24 * HOUR)
    assert all(map(journal.has_seen, known))
    await journal.close()


async def test_the_journal_lets_go_of_digests_that_are_on_the_disk(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT, 24 * HOUR)
    first = digests(SYNC_IDS)
    await journal.append(encoded([event("m")], seen=b"".join(first)))
    rest = digests(3)

    def kept() -> int:
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
            found = database.execute("SELECT sum(length(digests)) FROM seen_ids").fetchone()
        return int(found[0])

    for one in rest:
        await journal.append(encoded([event("m")], seen=one))
    await until(lambda: kept() <= DIGEST_BYTES * len(rest))
    await journal.close()

    journal = SqliteJournal.open(tmp_path, NO_LIMIT, 24 * HOUR)
    assert all(map(journal.has_seen, first[:1000] + rest))
    await journal.close()
