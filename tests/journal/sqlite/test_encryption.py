"""With a key, no byte of an event is in the journal's files; a wrong key destroys nothing."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tarfile
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.encryption import MAGIC, PLAIN, Key, Keyring, key_of
from gateway.errors import JournalError
from gateway.event import CleanBytes, Reason, StoredEvent
from gateway.journal import AuditLine, DeadLetter, Settlement, Step, encoded
from gateway.journal.block import Block, Stream
from gateway.journal.sqlite import SqliteJournal, conversion, sealing
from gateway.journal.sqlite.examine import Examined, Unreadable
from gateway.journal.sqlite.repair import repair
from gateway.journal.sqlite.snapshot import looking
from tests.journal.building import NO_LIMIT, event, until

ROOT = Path(__file__).parents[3]
SECRETS = [random.Random(n).randbytes(32) for n in (1, 2)]
FIRST, SECOND = map(Key.of, SECRETS)
ON, OFF = Keyring(FIRST), Keyring(None, [FIRST])
ROTATED = Keyring(SECOND, [FIRST])
EVENTS = 40
WORDS = ("zoe", "message-", "Signed Up", "vendor said", "audited-")
"""What stands in events, in the detail of a dead letter and in audit lines."""


def opened(folder: Path, ring: Keyring | None) -> SqliteJournal:
    return SqliteJournal.open(folder / "journal", NO_LIMIT, ring=ring)


async def filled(journal: SqliteJournal, first: int = 0) -> None:
    """Events and audit lines that wait for `local`, and one that died on the way to `vendor`."""
    await journal.follow({"local": "events", "vendor": "events", "audit/": "audit"})
    for n in range(first, first + EVENTS):
        audit = [CleanBytes(f'{{"messageId":"audited-{n}"}}'.encode())]
        await journal.append(encoded([event(f"message-{n}", user="zoe")], audit))
    at = journal.view.cursors["vendor"].position
    (dead,) = await journal.events(at, most=1, size=1)
    letter = DeadLetter(dead, Reason.REFUSED, 400, "vendor said no")
    await journal.advance("vendor", Step(dead=[letter]))


def held(folder: Path, ring: Keyring | None) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """The names of all events, the audit lines, and the names and details of dead letters."""
    with looking(folder / "journal", ring) as look:
        return (
            [name for piece in look.events(0) for name in names_in(piece)],
            [name for piece in look.audit(0) for name in names_in(piece)],
            [(each.letter.event.header.message_id, each.letter.detail) for each in look.letters()],
        )


def names_in(piece: Examined[StoredEvent] | Examined[AuditLine]) -> list[str]:
    """Of a block; nothing for what cannot be read."""
    names = [json.loads(item.body).get("messageId") for item in piece.readable]
    return names + [""] * sum(gap.count for gap in piece.unreadable)


def expected(
    count: int, letters: Iterable[int]
) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    return (
        [f"message-{n}" for n in range(count)],
        [f"audited-{n}" for n in range(count)],
        [(f"message-{n}", "vendor said no") for n in letters],
    )


def is_copied(folder: Path) -> bool:
    return any(folder.glob("journal.copy-*"))


def leaks(folder: Path) -> list[str]:
    """The words that are found in a file, whichever it is."""
    content = b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    assert b"events" in content, "nothing was stored at all"
    return [word for word in WORDS if word.encode() in content]


async def converted(journal: SqliteJournal, ring: Keyring) -> None:
    wanted = frozenset() if ring.writes == PLAIN else {ring.writes}
    await until(lambda: journal.encryption_keys == wanted)


async def test_no_word_of_an_event_is_in_a_file_and_all_of_it_can_be_read(tmp_path: Path) -> None:
    journal = opened(tmp_path, ON)
    await filled(journal)
    assert leaks(tmp_path) == []  # in the WAL, too: nothing was copied from it yet
    assert journal.encryption_keys == {FIRST.id}
    assert held(tmp_path, ON) == expected(EVENTS, [0])
    (letter,) = await journal.dead_letters("vendor", after=0, most=1)
    await journal.revive([letter.id])
    again = DeadLetter(letter.letter.event, Reason.REFUSED, 400, "vendor said no")
    await journal.settle("vendor", Settlement({letter.id: again}))
    assert held(tmp_path, ON) == expected(EVENTS, [0])
    await journal.close()

    assert leaks(tmp_path) == []
    assert held(tmp_path, ON) == expected(EVENTS, [0])


async def test_turning_it_on_off_and_over_converts_what_waits(tmp_path: Path) -> None:
    journal = opened(tmp_path, None)
    await filled(journal)
    assert journal.encryption_keys == frozenset()
    await journal.close()
    assert set(leaks(tmp_path)) == set(WORDS)

    for count, ring in enumerate((ON, ROTATED, Keyring(None, [FIRST, SECOND]), None, ON), 2):
        journal = opened(tmp_path, ring)
        await filled(journal, EVENTS * (count - 1))
        if ring:
            await converted(journal, ring)
        assert held(tmp_path, ring) == expected(EVENTS * count, range(count))
        is_encrypted = ring is not None and ring.current is not None
        assert (leaks(tmp_path) == []) == is_encrypted
        await journal.close()
        assert (leaks(tmp_path) == []) == is_encrypted
    with pytest.raises(JournalError, match="names no key"):
        opened(tmp_path, None)


async def test_what_was_pruned_before_is_not_in_the_file_either(tmp_path: Path) -> None:
    journal = opened(tmp_path, None)
    await filled(journal)
    await journal.advance("local", Step(delivered=EVENTS))
    await journal.advance("vendor", Step(delivered=EVENTS - 1))
    await journal.advance("audit/", Step(delivered=EVENTS))
    await journal.close()
    with closing(sqlite3.connect(tmp_path / "journal" / "journal.db")) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("INSERT INTO probe VALUES (?)", (b"audited-" * 5000,))
        connection.commit()
        connection.execute("DELETE FROM probe")
        connection.commit()
    assert "audited-" in leaks(tmp_path)  # on pages that are free, too

    journal = opened(tmp_path, ON)
    await converted(journal, ON)
    assert leaks(tmp_path) == []
    await journal.close()
    assert leaks(tmp_path) == []


@pytest.mark.parametrize(
    ("ring", "says"),
    [
        (Keyring(SECOND), f"encrypted with the key {FIRST.id}.*{SECOND.id}"),
        (None, f"encrypted with the key {FIRST.id}.*names no key"),
        (Keyring(None, [SECOND]), "encryption.previous"),
    ],
)
async def test_a_missing_key_stops_the_start_and_changes_nothing(
    tmp_path: Path, ring: Keyring | None, says: str
) -> None:
    journal = opened(tmp_path, ON)
    await filled(journal)
    await journal.close()
    before = (tmp_path / "journal" / "journal.db").read_bytes()

    with pytest.raises(JournalError, match=says):
        opened(tmp_path, ring)
    with pytest.raises(JournalError, match=says):
        repair(tmp_path / "journal", {"local": "events"}, 0.0, ring)
    with looking(tmp_path / "journal", ring) as look:
        assert look.view().heads["events"] == EVENTS  # numbers are plain
        with pytest.raises(JournalError, match=says):
            list(look.events(0))
        with pytest.raises(JournalError, match=says):
            list(look.letters())
    assert (tmp_path / "journal" / "journal.db").read_bytes() == before
    assert not is_copied(tmp_path)


async def test_a_header_that_is_gone_and_a_wrong_key_destroy_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path, ON)
    await filled(journal)
    await journal.close()
    file = tmp_path / "journal" / "journal.db"
    with file.open("r+b") as damaged:
        damaged.write(bytes(4096))
    before = file.read_bytes()
    for ring in (Keyring(SECOND), None):
        with pytest.raises(JournalError, match=f"cannot be repaired.*{FIRST.id}"):
            repair(tmp_path / "journal", {"local": "events"}, 1e9, ring)
        assert file.read_bytes() == before
    done = repair(tmp_path / "journal", {"local": "events", "audit/": "audit"}, 1e9, ON)
    assert f"events: {EVENTS} saved, 0 not readable" in done.sentences
    assert leaks(tmp_path) == []
    journal = opened(tmp_path, ON)
    assert held(tmp_path, ON) == expected(EVENTS, [0])
    await converted(journal, ON)
    await journal.close()


def test_a_row_can_be_decrypted_in_its_place_only() -> None:
    with closing(sqlite3.connect(":memory:", factory=sealing.Connection)) as connection:
        connection.ring = ON
        block = Block(7, 2, b"lines", None)
        columns = sealing.block_columns(connection, "events", block)
        assert sealing.block_of_row(connection, "events", (7, 2, *columns)) == block
        others: list[tuple[Stream, int, int]] = [
            ("audit", 7, 2),
            ("events", 8, 2),
            ("events", 7, 3),
        ]
        for stream, first, count in others:
            row = first, count, *columns
            assert sealing.block_of_row(connection, stream, row).lines == columns[0]
        lines, checksum = sealing.letter_columns(connection, "vendor", 7, b"lines", 5)
        read = partial(sealing.letter_of_row, connection, lines=lines, checksum=checksum)
        assert read(destination="vendor", sequence=7) == (b"lines", 5)
        assert read(destination="other", sequence=7)[0] == lines
        assert read(destination="vendor", sequence=8)[0] == lines


async def test_rows_that_change_places_are_damage(tmp_path: Path) -> None:
    journal = opened(tmp_path, ON)
    await filled(journal)
    await filled(journal, EVENTS)
    await journal.close()
    with closing(sqlite3.connect(tmp_path / "journal" / "journal.db")) as connection, connection:
        for table, place in (("events", "first"), ("dead_letters", "id")):
            one, two = connection.execute(
                f"SELECT {place}, lines FROM {table} ORDER BY 1 LIMIT 2"
            ).fetchall()
            for at, lines in ((one[0], two[1]), (two[0], one[1])):
                connection.execute(f"UPDATE {table} SET lines = ? WHERE {place} = ?", (lines, at))
        # An event in the place of its audit line, too.
        connection.execute("UPDATE audit SET lines = (SELECT lines FROM events WHERE first = 5)"
                           " WHERE first = 5")  # fmt: skip
    journal = opened(tmp_path, ON)
    names, audit, letters = held(tmp_path, ON)
    assert names == ["", "", *(f"message-{n}" for n in range(2, 2 * EVENTS))]
    assert [n for n, line in enumerate(audit) if not line] == [4]
    assert [name for name, _ in letters] == ["", ""]
    await journal.close()


FOLDER: list[Path] = []


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_costs_the_block_it_is_in(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if not FOLDER:
        FOLDER.append(tmp_path_factory.mktemp("flipped"))
        asyncio.run(_closed(FOLDER[0]))
    folder = FOLDER[0]
    with closing(sqlite3.connect(folder / "journal" / "journal.db")) as connection, connection:
        first = data.draw(st.integers(1, EVENTS))
        (lines,) = connection.execute(
            "SELECT lines FROM events WHERE first = ?", (first,)
        ).fetchone()
        at = data.draw(st.integers(0, len(lines) - 1))
        changed = bytearray(lines)
        changed[at] ^= 1 << data.draw(st.integers(0, 7))
        write = "UPDATE events SET lines = ? WHERE first = ?"
        connection.execute(write, (bytes(changed), first))
        connection.commit()
        with looking(folder / "journal", ON) as look:
            found = [piece for piece in look.events(0) if piece.unreadable]
        assert [piece.unreadable for piece in found] == [[Unreadable(first, 1)]]
        connection.execute(write, (lines, first))


async def _closed(folder: Path) -> None:
    journal = opened(folder, ON)
    await filled(journal)
    await journal.close()


async def test_damage_in_one_block_is_repaired_around_it(tmp_path: Path) -> None:
    await _closed(tmp_path)
    file = tmp_path / "journal" / "journal.db"
    content = bytearray(file.read_bytes())
    with closing(sqlite3.connect(file)) as connection:
        (lines,) = connection.execute("SELECT lines FROM events WHERE first = 7").fetchone()
    content[content.index(lines) + 100] ^= 1
    content[:4096] = bytes(4096)
    file.write_bytes(content)
    done = repair(tmp_path / "journal", {"local": "events", "audit/": "audit"}, 1e9, ON)
    assert f"events: {EVENTS - 1} saved, 1 not readable" in done.sentences
    journal = opened(tmp_path, ON)
    names, audit, _ = held(tmp_path, ON)
    assert names == [f"message-{n}" if n != 6 else "" for n in range(EVENTS)]
    assert len(audit) == EVENTS
    await journal.close()


async def test_killed_in_the_middle_of_a_conversion_it_goes_on(tmp_path: Path) -> None:
    journal = opened(tmp_path, None)
    for start in range(0, 10 * EVENTS, EVENTS):
        await filled(journal, start)
    await journal.close()
    chance = random.Random(20261125)
    unlike: set[str] = set()
    for _ in range(5):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.journal.sqlite.converting", str(tmp_path / "journal"),
            SECRETS[0].hex(), stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        assert child.stdout is not None
        for _ in range(chance.randrange(1, 60)):
            if not await child.stdout.readline():
                break
        if child.returncode is None:
            os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(tmp_path / "journal", copy)
        with closing(sqlite3.connect(copy / "journal.db")) as connection:
            unlike |= {key_of(row) for (row,) in connection.execute("SELECT lines FROM events")}
        shutil.rmtree(copy)
    assert unlike == {PLAIN, FIRST.id}  # it was killed in the middle
    journal = opened(tmp_path, ON)
    await converted(journal, ON)
    assert held(tmp_path, ON) == expected(10 * EVENTS, range(10))
    assert leaks(tmp_path) == []
    await journal.close()


async def test_a_large_journal_is_rewritten_once_it_is_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "REWRITTEN_BYTES", 0)
    monkeypatch.setattr(conversion, "TRY_SECONDS", 0.01)
    journal = opened(tmp_path, None)
    await filled(journal)
    await journal.close()
    journal = opened(tmp_path, ON)

    def all_are_encrypted() -> bool:
        with closing(sqlite3.connect(tmp_path / "journal" / "journal.db")) as connection:
            rows = connection.execute("SELECT lines FROM events").fetchall()
        return all(row.startswith(MAGIC) for (row,) in rows)

    await until(all_are_encrypted)
    assert journal.encryption_keys == {PLAIN, FIRST.id}
    monkeypatch.setattr(conversion, "REWRITTEN_BYTES", 2**30)
    await converted(journal, ON)
    assert leaks(tmp_path) == []
    await journal.close()


async def test_a_journal_of_0_1_0_is_encrypted(tmp_path: Path) -> None:
    with tarfile.open(ROOT / "tests" / "releases" / "0.1.0.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    shutil.copytree(tmp_path / "data", tmp_path / "plain")
    await opened(tmp_path / "plain", None).close()
    before = held(tmp_path / "plain", None)
    assert len(before[2]) == 8

    journal = opened(tmp_path / "data", ON)
    await converted(journal, ON)
    assert held(tmp_path / "data", ON) == before
    await journal.close()
    content = (tmp_path / "data" / "journal" / "journal.db").read_bytes()
    assert not [name for name in before[0] if name and name.encode() in content]
