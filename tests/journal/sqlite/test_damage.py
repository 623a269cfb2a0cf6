"""A damaged byte costs the event it is in and no other, and every number still adds up."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tarfile
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Generic, TypeVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import health
from gateway.delivery import Delivery, DeliveryOptions, audit_feed, destination_feed
from gateway.destinations import Delivered, Rendered, Request
from gateway.errors import JournalError
from gateway.event import CleanBytes, Reason, StoredEvent
from gateway.journal import AuditLine, DeadLetter, Step, encoded
from gateway.journal.block import Block, audit_of, block_of, encode, events_of
from gateway.journal.sqlite import SqliteJournal, high_water
from gateway.journal.sqlite.repair import repair
from tests.journal.building import NO_LIMIT, event, until

ALL = {"most": 100_000, "size": 10**9}
PAGE = 4096


Item = TypeVar("Item", StoredEvent, AuditLine)


class Collector(Generic[Item]):
    """A destination that takes everything."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def render(self, items: Sequence[Item]) -> Rendered:
        places = tuple(each.sequence for each in items)
        return Rendered((Request("POST", "memory:", b"", events=places, context=items),))

    async def send(self, request: Request) -> Delivered:
        self.items += request.context
        return Delivered()

    async def open(self, state: str | None) -> None: ...
    async def close(self) -> None: ...


async def filled(folder: Path, entries: int = 60, of_each: int = 15) -> None:
    """A journal of many pages in which everything waits for `local` and for the audit."""
    journal = SqliteJournal.open(folder, NO_LIMIT)
    await journal.follow({"local": "events", "audit/": "audit"})
    for n in range(entries):
        names = [f"m{n * of_each + place}" for place in range(of_each)]
        await journal.append(
            encoded(
                [event(name, size=100) for name in names],
                [CleanBytes(f'{{"messageId":"{name}"}}'.encode()) for name in names[:3]],
                {"received/demo": of_each},
            )
        )
    await journal.close()


async def delivered(folder: Path) -> tuple[list[str], list[bytes], SqliteJournal]:
    """Carry everything; the journal is closed, and can still be asked."""
    journal = SqliteJournal.open(folder, NO_LIMIT)
    await journal.follow({"local": "events", "audit/": "audit"})
    events, audit, pace = (
        Collector[StoredEvent](),
        Collector[AuditLine](),
        DeliveryOptions(linger=0),
    )
    local = Delivery(journal, destination_feed(journal, "local", unchanged), events, pace)
    audited = Delivery(journal, audit_feed(journal), audit, pace)
    local.start()
    audited.start()
    await until(
        lambda: all(
            journal.view.cursors[name].position == journal.view.heads[stream]
            for name, stream in journal.view.followed.items()
        )
    )
    await local.stop(5)
    await audited.stop(5)
    await journal.close()
    return names_of(events), [line.body for line in audit.items], journal


def unchanged(event: StoredEvent) -> StoredEvent:
    return event


def names_of(events: Collector[StoredEvent]) -> list[str]:
    return [each.header.message_id for each in events.items]


def flipped(file: Path, needle: bytes, by: int = 0x01) -> None:
    """Change one bit of the first place where the bytes stand in an event or in an audit line."""
    content = bytearray(file.read_bytes())
    content[content.index(needle, content.index(b'"m4"'))] ^= by
    file.write_bytes(content)


async def test_a_bit_inside_a_value_is_not_delivered_unnoticed(tmp_path: Path) -> None:
    await filled(tmp_path)
    flipped(tmp_path / "journal.db", b'"m317"')

    names, _, journal = await delivered(tmp_path)
    assert names == [f"m{n}" for n in range(900) if n != 317]
    cursor = journal.view.cursors["local"]
    assert (cursor.delivered, cursor.dead) == (899, {Reason.UNREADABLE: 1})

    again = SqliteJournal.open(tmp_path, NO_LIMIT)
    assert again.refusal() is None
    [letter] = await again.dead_letters("local", after=0, most=10)
    await again.close()
    assert letter.letter.event.sequence == 318
    assert not letter.letter.event.is_readable
    assert "317" in letter.letter.event.body.decode()


@pytest.mark.parametrize("sign", [b"\n", b'":"', b"{", b"}"])
async def test_what_holds_a_line_together_may_be_what_is_damaged(
    tmp_path: Path, sign: bytes
) -> None:
    await filled(tmp_path)
    flipped(tmp_path / "journal.db", sign, by=0x04)

    names, _, journal = await delivered(tmp_path)
    cursor = journal.view.cursors["local"]
    assert len(names) + sum(cursor.dead.values()) == 900
    assert len(names) >= 899


async def test_a_damaged_audit_line_is_counted_and_the_others_are_written(tmp_path: Path) -> None:
    await filled(tmp_path)
    flipped(tmp_path / "journal.db", b'{"messageId":"m17"}\n')

    _, lines, journal = await delivered(tmp_path)
    assert len(lines) == 179
    assert journal.view.cursors["audit/"].filtered == {Reason.UNREADABLE: 1}


async def test_a_damaged_dead_letter_is_not_sent_again(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    await journal.follow({"local": "events"})
    await journal.append(encoded([event("m1")]))
    [first] = await journal.events(0, **ALL)
    await journal.advance("local", Step(dead=[DeadLetter(first, Reason.REFUSED, 400, "no")]))
    await journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        database.execute("UPDATE dead_letters SET lines = CAST(replace(lines, 'm1', 'm2') AS BLOB)")
        database.commit()

    again = SqliteJournal.open(tmp_path, NO_LIMIT)
    [letter] = await again.dead_letters(None, after=0, most=9)
    assert not letter.letter.event.is_readable
    await again.close()


@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=12),
    place=st.integers(0, 10**6),
    new=st.integers(0, 255),
    is_audit=st.booleans(),
)
@settings(max_examples=300)
def test_one_changed_byte_costs_one_item_at_most(
    sizes: list[int], place: int, new: int, is_audit: bool
) -> None:
    """Wherever it is in the lines; and what is given back is what was written, or marked."""
    if is_audit:
        written = [b"[%d]" % size for size in sizes]
        block = block_of(7, [line + b"\n" for line in written])
    else:
        events = [event(str(n), size=size) for n, size in enumerate(sizes)]
        written = [orjson.dumps(each.message) for each in events]
        block = block_of(7, [encode(each) for each in events])
    lines = bytearray(block.lines)
    lines[place % len(lines)] = new
    changed = Block(block.first, block.count, bytes(lines), block.frames)
    items: Sequence[StoredEvent] | Sequence[AuditLine]
    items = audit_of(changed) if is_audit else events_of(changed)

    assert [item.sequence for item in items] == [*range(7, 7 + len(sizes))]
    found = [(item.is_readable, item.body) for item in items]
    assert all(body == own for (good, body), own in zip(found, written, strict=True) if good)
    assert sum(good for good, _ in found) == len(sizes) - (bytes(lines) != block.lines)


@given(
    lines=st.binary(max_size=200),
    frames=st.none() | st.binary(max_size=64),
    count=st.integers(1, 8),
    is_audit=st.booleans(),
)
def test_any_block_gives_as_many_items_as_it_says(
    lines: bytes, frames: bytes | None, count: int, is_audit: bool
) -> None:
    block = Block(3, count, lines, frames)
    items: Sequence[StoredEvent] | Sequence[AuditLine]
    items = audit_of(block) if is_audit else events_of(block)
    assert [item.sequence for item in items] == list(range(3, 3 + count))


async def damaged_pages(folder: Path, pages: Sequence[int]) -> None:
    file = folder / "journal.db"
    content = bytearray(file.read_bytes())
    for page in pages:
        content[page * PAGE : (page + 1) * PAGE] = b"\xa5" * PAGE
    file.write_bytes(content)


async def test_damage_that_is_found_while_running_stops_no_destination(tmp_path: Path) -> None:
    """And nothing more is taken into the file, which says what to do."""
    await filled(tmp_path, entries=200)
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    await journal.follow({"local": "events", "audit/": "audit"})
    pages = (tmp_path / "journal.db").stat().st_size // PAGE
    await damaged_pages(tmp_path, range(pages // 2, pages // 2 + 40))

    events = Collector[StoredEvent]()
    feed = destination_feed(journal, "local", unchanged)
    carrying = Delivery(journal, feed, events, DeliveryOptions(linger=0))
    carrying.start()
    await until(lambda: not journal.view.pending("local"))
    assert "doctor --repair" in health.remedy(journal.refusal() or "")
    with pytest.raises(JournalError, match=health.DAMAGED):
        await journal.append(encoded([event("more")]))
    await carrying.stop(5)
    cursor = journal.view.cursors["local"]
    await journal.close()
    names = names_of(events)
    assert len(names) == cursor.delivered
    assert cursor.delivered + cursor.dead[Reason.UNREADABLE] == 3000
    assert cursor.delivered > 2000
    assert names == sorted(names, key=lambda name: int(name[1:]))


@pytest.mark.parametrize("seed", range(12))
async def test_a_repair_saves_the_rest_and_all_numbers_add_up(tmp_path: Path, seed: int) -> None:
    """Whatever pages are destroyed; the first one holds the names of the tables."""
    chance = random.Random(seed)
    folder = tmp_path / "journal"
    await filled(folder)
    journal = SqliteJournal.open(folder, NO_LIMIT)
    await journal.follow({"local": "events", "audit/": "audit"})
    first = await journal.events(0, most=30, size=10**9)
    dead = [DeadLetter(each, Reason.REFUSED, 400, "no") for each in first[:20]]
    await journal.advance("local", Step(delivered=10, dead=dead))
    letters = await journal.dead_letters(None, after=0, most=99)
    await journal.revive([letter.id for letter in letters[:3]])
    await journal.discard([letter.id for letter in letters[3:5]])
    await journal.close()
    pages = (folder / "journal.db").stat().st_size // PAGE
    hit = [0] if seed == 0 else chance.sample(range(2, pages), chance.randrange(1, 4))
    await damaged_pages(folder, hit)
    before = (folder / "journal.db").read_bytes()

    repaired = repair(folder, {"local": "events", "audit/": "audit"}, 1_795_435_200.0)
    if repaired.copy:  # else the pages held nothing that still counts
        assert (repaired.copy / "journal.db").read_bytes() == before
        assert {file.name for file in folder.iterdir()} == {"journal.db"}

    names, _, journal = await delivered(folder)
    view = journal.view
    cursor = view.cursors["local"]
    assert view.heads["events"] == 900
    assert set(names) <= {f"m{n}" for n in range(900)}
    assert max(Counter(names).values(), default=1) == 1
    assert sum(n for name, n in view.counters.items() if name.startswith("received/")) == 900
    assert cursor.position == 900
    assert len(names) > 400

    again = SqliteJournal.open(folder, NO_LIMIT)
    kept = await again.dead_letters("local", after=0, most=10**6)
    replays = await again.replays("local", after=0, most=10**6)
    await again.close()
    discarded = view.counters.get("discarded/local", 0)
    assert len(kept) == sum(cursor.dead.values()) - discarded
    assert len(replays) == cursor.replaying


async def test_a_whole_journal_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    await filled(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    repaired = repair(folder, {}, 0.0)
    assert repaired.copy is None
    assert (folder / "journal.db").read_bytes() == before["journal.db"]
    assert not set(tmp_path.glob("*copy*"))  # noqa: ASYNC240 (a test's own folder)


def snapshot(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


async def test_an_older_copy_is_recognised_and_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    await filled(folder, entries=3)
    old = snapshot(folder, tmp_path / "old")
    await filled(folder, entries=3)
    shutil.rmtree(folder)
    old.rename(folder)

    journal = SqliteJournal.open(folder, NO_LIMIT)
    assert journal.view.heads["events"] == 45
    await journal.append(encoded([event("next")]))
    await journal.close()
    [line] = (tmp_path / "journal.recovered.jsonl").read_text().splitlines()
    assert "an older copy: it ends at event 45, and 90 had been accepted" in line
    await SqliteJournal.open(folder, NO_LIMIT).close()
    assert len((tmp_path / "journal.recovered.jsonl").read_text().splitlines()) == 1


async def test_a_lost_wal_is_an_older_copy(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    await filled(folder, entries=2)
    journal = SqliteJournal.open(folder, NO_LIMIT)
    before = snapshot(folder, tmp_path / "before")
    await journal.append(encoded([event("m")]))
    await journal.close()
    (before / "journal.db-wal").unlink(missing_ok=True)
    shutil.rmtree(folder)
    before.rename(folder)

    await SqliteJournal.open(folder, NO_LIMIT).close()
    assert "older copy" in (tmp_path / "journal.recovered.jsonl").read_text()


@pytest.mark.parametrize("loss", ["emptied", "deleted", "folder deleted", "new"])
async def test_an_empty_journal_is_not_taken_for_a_new_one(tmp_path: Path, loss: str) -> None:
    folder = tmp_path / "journal"
    await filled(folder, entries=2)
    file = folder / "journal.db"
    match loss:
        case "emptied":
            file.write_bytes(b"")
        case "deleted":
            file.unlink()
        case "folder deleted":
            shutil.rmtree(folder)
        case "new":
            shutil.rmtree(folder)
            (mark := high_water.path(folder)).rename(tmp_path / "kept")
            await SqliteJournal.open(folder, NO_LIMIT).close()
            (tmp_path / "kept").rename(mark)
    with pytest.raises(JournalError, match="the journal is empty, and 30 events had been accepted"):
        SqliteJournal.open(folder, NO_LIMIT)

    repaired = repair(folder, {}, 1_795_435_200.0)
    assert repaired.copy is not None
    assert repaired.copy.exists()
    journal = SqliteJournal.open(folder, NO_LIMIT)
    await journal.append(encoded([event("next")]))
    assert journal.view.heads["events"] == 1
    await journal.close()


async def test_the_journal_of_another_installation_stops_the_start(tmp_path: Path) -> None:
    folder, other = tmp_path / "a" / "journal", tmp_path / "b" / "journal"
    await filled(folder, entries=2)
    await filled(other, entries=1)
    shutil.rmtree(folder)
    other.rename(folder)
    with pytest.raises(JournalError, match="another installation's"):
        SqliteJournal.open(folder, NO_LIMIT)

    repair(folder, {}, 1_795_435_200.0)
    names, _, _ = await delivered(folder)
    assert len(names) == 15


async def test_a_mark_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    await filled(folder, entries=2)
    high_water.path(folder).write_bytes(b'{"gen')
    await SqliteJournal.open(folder, NO_LIMIT).close()
    mark = high_water.read(high_water.path(folder))
    assert mark is not None
    assert mark.events == 30


async def test_the_mark_follows_what_is_accepted(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    journal = SqliteJournal.open(folder, NO_LIMIT)

    def marked() -> int:
        mark = high_water.read(high_water.path(folder))
        return mark.events if mark else 0

    await journal.append(encoded([event("m1"), event("m2")]))
    await until(lambda: marked() == 2)
    await journal.append(encoded([event("m3")]))
    await journal.close()
    assert marked() == 3


async def test_a_backup_may_be_put_back_twice(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    await filled(folder, entries=2)
    old = snapshot(folder, tmp_path / "old")
    for _ in range(2):
        await filled(folder, entries=2)
        shutil.rmtree(folder)
        shutil.copytree(old, folder)
        await SqliteJournal.open(folder, NO_LIMIT).close()
    assert (tmp_path / "journal.recovered.jsonl").read_text().count("older copy") == 2


async def test_an_older_copy_that_is_damaged_is_repaired(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    await filled(folder)
    old = snapshot(folder, tmp_path / "old")
    await filled(folder, entries=1)
    shutil.rmtree(folder)
    old.rename(folder)
    pages = (folder / "journal.db").stat().st_size // PAGE
    await damaged_pages(folder, range(pages // 2, pages // 2 + 8))
    with pytest.raises(JournalError, match="doctor --repair"):
        SqliteJournal.open(folder, NO_LIMIT)

    assert repair(folder, {"local": "events", "audit/": "audit"}, 1_795_435_200.0).copy
    names, _, _ = await delivered(folder)
    assert len(names) > 400


def test_a_damaged_journal_of_version_0_1_0_is_saved(tmp_path: Path) -> None:
    with tarfile.open(Path(__file__).parents[2] / "releases" / "0.1.0.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "data" / "journal"
    with closing(sqlite3.connect(folder / "journal.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'probe'"
        ).fetchone()
    content = bytearray((folder / "journal.db").read_bytes())
    content[(page - 1) * PAGE : page * PAGE] = b"\xa5" * PAGE
    (folder / "journal.db").write_bytes(content)

    done = repair(folder, {}, 1_795_435_200.0)
    assert done.copy
    assert not any(" 0 saved" in sentence for sentence in done.sentences), done
    assert not any("dead letters" in sentence for sentence in done.sentences), done
