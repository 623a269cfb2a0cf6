"""What the journal promises one caller, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import JournalError
from gateway.event import CleanBytes, Reason, StoredEvent
from gateway.journal import DeadLetter, Journal, Step, encoded
from gateway.journal.block import _FRESH, _MOST_FRESH, encode, event_of, items
from gateway.journal.sqlite import SqliteJournal
from tests.clean import clean_event
from tests.journal.building import NO_LIMIT, event, until

ALL = {"most": 10_000, "size": 10**9}


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncGenerator[Journal]:
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    yield journal
    await journal.close()


async def test_gives_back_what_was_appended(journal: Journal) -> None:
    appended = event("m1", to=("local",), filtered={"segment": Reason.CONSENT}, size=3)
    await journal.append(encoded([appended], [CleanBytes(b'{"rule":"r"}')], {"received/demo": 1}))

    [stored] = await journal.events(0, **ALL)
    assert stored.sequence == 1
    assert stored.header == appended.header
    assert stored.message == appended.message
    [line] = await journal.audit(0, **ALL)
    assert (line.sequence, line.body) == (1, b'{"rule":"r"}')
    assert journal.view.counters == {"received/demo": 1}


async def test_an_entry_without_events_still_counts(journal: Journal) -> None:
    await journal.append(encoded(audit=[CleanBytes(b"{}")], counts={"rejected/opted_out": 2}))
    await journal.append(encoded(counts={"rejected/opted_out": 3}))

    assert journal.view.counters == {"rejected/opted_out": 5}
    assert journal.view.heads == {"events": 0, "audit": 1}


async def test_concurrent_entries_are_stored_whole_and_in_the_order_they_came(
    journal: Journal,
) -> None:
    entries = [encoded([event(f"{n}-{i}") for i in range(3)]) for n in range(50)]
    await asyncio.gather(*map(journal.append, entries))

    stored = await journal.events(0, **ALL)
    assert [e.sequence for e in stored] == list(range(1, 151))
    assert [e.header.message_id for e in stored] == [
        f"{n}-{i}" for n in range(50) for i in range(3)
    ]


async def test_reads_are_bounded_and_go_on_where_they_ended(journal: Journal) -> None:
    await journal.append(encoded([event(str(n), size=30_000) for n in range(40)]))

    assert [e.sequence for e in await journal.events(0, most=3, size=10**9)] == [1, 2, 3]
    assert [e.sequence for e in await journal.events(3, most=99, size=1)] == [4]
    seen: list[StoredEvent] = []
    while piece := await journal.events(len(seen), most=7, size=200_000):
        seen += piece
    assert [e.header.message_id for e in seen] == [str(n) for n in range(40)]


async def test_a_caller_that_gives_up_does_not_take_its_events_along(journal: Journal) -> None:
    appending = asyncio.ensure_future(journal.append(encoded([event("m1")])))
    waiting = asyncio.ensure_future(journal.beyond("events", 0))
    await asyncio.sleep(0)
    appending.cancel()

    await waiting
    assert journal.view.heads["events"] == 1


async def test_a_new_consumer_starts_at_the_head(journal: Journal) -> None:
    await journal.append(encoded([event("m1"), event("m2")]))
    await journal.follow({"local": "events"})

    assert journal.view.cursors["local"].position == 2
    assert journal.view.pending("local") == 0
    await journal.append(encoded([event("m3")]))
    assert journal.view.pending("local") == 1


async def test_cursors_counters_and_sequences_survive_a_restart(tmp_path: Path) -> None:
    first = SqliteJournal.open(tmp_path, NO_LIMIT)
    await first.follow({"local": "events"})
    await first.append(encoded([event(str(n)) for n in range(4)], counts={"received/demo": 4}))
    [_, _, dead, _] = await first.events(0, **ALL)
    letter = DeadLetter(dead, Reason.REFUSED, 400, "no")
    await first.advance("local", Step(1, {Reason.CONSENT: 1}, [letter], "here"))
    await first.close()

    second = SqliteJournal.open(tmp_path, NO_LIMIT)
    cursor = second.view.cursors["local"]
    assert (cursor.delivered, cursor.filtered, cursor.dead, cursor.state) == (
        1,
        {Reason.CONSENT: 1},
        {Reason.REFUSED: 1},
        "here",
    )
    assert second.view.pending("local") == 1
    assert second.view.counters == {"received/demo": 4}
    await second.append(encoded([event("next")]))
    assert [e.sequence for e in await second.events(3, **ALL)] == [4, 5]
    await second.close()


async def test_what_every_consumer_passed_is_deleted_and_no_sequence_is_given_twice(
    tmp_path: Path,
) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    await journal.follow({"fast": "events", "slow": "events"})
    for _ in range(20):
        await journal.append(encoded([event(str(n), size=10_000) for n in range(5)]))
    await journal.advance("fast", Step(delivered=100))
    assert len(await journal.events(0, **ALL)) == 100

    await journal.advance("slow", Step(delivered=95))
    assert [e.sequence for e in await journal.events(95, **ALL)] == [96, 97, 98, 99, 100]
    with pytest.raises(JournalError, match="not in the journal any more"):
        await journal.events(90, **ALL)
    await journal.advance("slow", Step(delivered=5))
    await journal.close()

    again = SqliteJournal.open(tmp_path, NO_LIMIT)
    await again.append(encoded([event("next")]))
    assert again.view.heads["events"] == 101
    await again.close()


async def test_a_consumer_that_was_away_accounts_for_what_it_missed(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    await journal.follow({"local": "events", "segment": "events"})
    for n in range(3):
        await journal.append(encoded([event(str(n))]))
    await journal.advance("segment", Step(delivered=1))
    await journal.follow({"local": "events"})
    await journal.advance("local", Step(delivered=3))
    assert journal.view.cursors["segment"].position == 1

    await journal.follow({"local": "events", "segment": "events"})
    cursor = journal.view.cursors["segment"]
    assert cursor.filtered == {Reason.DESTINATION_AWAY: 1}  # the last block always stays
    assert journal.view.pending("segment") == 1
    await journal.close()


async def test_a_cursor_moves_only_where_there_is_something(journal: Journal) -> None:
    await journal.follow({"local": "events"})
    await journal.append(encoded([event("m1")]))

    with pytest.raises(JournalError, match="more events than there are"):
        await journal.advance("local", Step(delivered=2))
    with pytest.raises(JournalError, match="not among the consumers"):
        await journal.advance("other", Step(delivered=1))
    assert journal.view.pending("local") == 1


@pytest.mark.parametrize("cut", [b"{}\n", b"{}\n{}", b"{}\n{}\n{}\n", b"{}"])
async def test_a_block_whose_items_are_not_whole_is_refused(journal: Journal, cut: bytes) -> None:
    whole = encoded([event("m1")], [CleanBytes(b"{}")])
    for block in (
        replace(whole, events=CleanBytes(whole.events + cut)),
        replace(whole, audit=CleanBytes(whole.audit + cut.rstrip(b"\n"))),
    ):
        with pytest.raises(ValueError, match="not whole"):
            await journal.append(block)
    await journal.append(whole)
    assert journal.view.heads == {"events": 1, "audit": 1}


@given(
    events=st.lists(st.text(), max_size=4),
    audit=st.lists(st.text().map(orjson.dumps).map(CleanBytes), max_size=4),
)
def test_a_block_is_cut_into_the_items_it_was_made_of(
    events: list[str], audit: list[CleanBytes]
) -> None:
    """Whatever stands in them: JSON escapes what would end a line."""
    made = [clean_event(event(text).header, {"text": text}) for text in events]
    block = encoded(made, audit)
    assert items(block.events, "events") == [encode(each) for each in made]
    assert items(block.audit, "audit") == [line + b"\n" for line in audit]
    lines = list(map(encode, made))
    fresh, parsed = ([event_of(7, line) for line in lines] for _ in range(2))
    assert fresh == parsed
    assert [each.message for each in parsed] == [each.message for each in made]


def test_headers_that_nobody_reads_take_bounded_memory() -> None:
    for number in range(_MOST_FRESH + 10):
        encode(event(str(number)))
    assert len(_FRESH) <= _MOST_FRESH


async def test_one_bad_job_does_not_fail_its_neighbours(journal: Journal) -> None:
    good, bad, other = await asyncio.gather(
        journal.append(encoded([event("m1")])),
        journal.advance("nobody", Step(delivered=1)),
        journal.append(encoded([event("m2")])),
        return_exceptions=True,
    )
    assert (good, other) == (None, None)
    assert isinstance(bad, JournalError)
    assert [e.header.message_id for e in await journal.events(0, **ALL)] == ["m1", "m2"]


async def test_a_journal_at_its_limit_refuses_until_something_is_delivered(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT.model_copy(update={"max_bytes": 1_000_000}))
    await journal.follow({"local": "events"})
    while journal.refusal() is None:
        with suppress(JournalError):
            await journal.append(encoded([event("m", size=50_000)]))
    appended = journal.view.heads["events"]
    assert 7 <= appended <= 25
    with pytest.raises(JournalError, match=r"journal\.max_bytes"):
        await journal.append(encoded([event("m", size=50_000)]))

    await journal.advance("local", Step(delivered=appended))
    await until(lambda: journal.refusal() is None)
    await journal.append(encoded([event("after")]))
    assert journal.view.heads["events"] == appended + 1
    await journal.close()


async def test_too_little_free_space_is_refused_and_cursors_still_move(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    await journal.follow({"local": "events"})
    await journal.append(encoded([event("m1")]))
    await journal.close()

    tight = SqliteJournal.open(tmp_path, NO_LIMIT.model_copy(update={"min_free_bytes": 2**60}))
    await tight.follow({"local": "events"})
    assert "min_free_bytes" in (tight.refusal() or "")
    with pytest.raises(JournalError, match="min_free_bytes"):
        await tight.append(encoded([event("m2")]))
    await tight.advance("local", Step(delivered=1))
    assert tight.view.pending("local") == 0
    await tight.close()


async def test_a_closed_journal_refuses(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    await journal.close()

    assert journal.refusal() == "the gateway is stopping"
    with pytest.raises(JournalError, match="stopping"):
        await journal.append(encoded([event("m1")]))


async def test_close_waits_for_what_was_handed_over(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    appending = [asyncio.ensure_future(journal.append(encoded([event(str(n))]))) for n in range(9)]
    await asyncio.sleep(0)
    await journal.close()
    await asyncio.gather(*appending)

    again = SqliteJournal.open(tmp_path, NO_LIMIT)
    assert again.view.heads["events"] == 9
    await again.close()


async def test_files_are_for_the_owner_alone(journal: Journal, tmp_path: Path) -> None:
    await journal.append(encoded([event("m1")]))

    folder = tmp_path / "journal"
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_block_is_text_that_ordinary_tools_read(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    await journal.append(encoded([event("m1"), event("m2")]))
    await journal.close()

    database = sqlite3.connect(tmp_path / "journal.db")
    [(lines,)] = database.execute("SELECT lines FROM events")
    database.close()
    rows = lines.decode().splitlines()
    assert len(rows) == 4
    assert rows[1] == '{"messageId":"m1","properties":{"text":""}}'


@pytest.mark.parametrize("offset", [0, 8192])
async def test_a_damaged_file_stops_the_start_and_is_left_as_it_is(
    tmp_path: Path, offset: int
) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    for n in range(30):
        await journal.append(
            encoded([event(str(n), size=5000)], [CleanBytes(b"{}")], {f"received/{n}": 1})
        )
    await journal.close()
    file = tmp_path / "journal.db"
    content = bytearray(file.read_bytes())
    content[offset : offset + 3000] = b"\xa5" * 3000
    file.write_bytes(content)

    with pytest.raises(JournalError, match=r"is damaged; nothing was changed\. .*doctor --repair"):
        SqliteJournal.open(tmp_path, NO_LIMIT)
    assert file.read_bytes() == content


async def test_a_newer_version_stops_the_start(tmp_path: Path) -> None:
    await SqliteJournal.open(tmp_path, NO_LIMIT).close()
    database = sqlite3.connect(tmp_path / "journal.db")
    database.execute("PRAGMA user_version = 99")
    database.close()

    with pytest.raises(JournalError, match=r"newer gateway .version 99, this one reads 3."):
        SqliteJournal.open(tmp_path, NO_LIMIT)
