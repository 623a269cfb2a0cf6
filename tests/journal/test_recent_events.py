"""What a consumer gets from memory is what the file would give it, or nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.event import CleanBytes, Reason
from gateway.journal import AuditLine, Step, encoded
from gateway.journal.block import line_of
from gateway.journal.recent_events import TAIL_BYTES, Tail
from gateway.journal.sqlite import SqliteJournal
from tests.journal.building import NO_LIMIT, event

ALL = {"most": 10_000, "size": 10**9}


def lines(*sequences: int, length: int = 10) -> list[AuditLine]:
    return [AuditLine(sequence, CleanBytes(b"x" * length)) for sequence in sequences]


def tail(most_bytes: int = TAIL_BYTES) -> Tail[AuditLine]:
    return Tail(line_of, most_bytes)


def add(to: Tail[AuditLine], *sequences: int, length: int = 10) -> None:
    to.add(sequences[0], [line.body + b"\n" for line in lines(*sequences, length=length)])


async def test_memory_and_file_give_the_same(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    entries = [
        encoded(
            [event(f"{n}é", filtered={"segment": Reason.CONSENT}, size=n)] * n,
            [CleanBytes(b"[%d]" % n)],
        )
        for n in range(20)
    ]
    await asyncio.gather(*map(journal.append, entries))
    remembered = await journal.events(0, **ALL), await journal.audit(0, **ALL)
    await journal.close()

    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    assert (await journal.events(0, **ALL), await journal.audit(0, **ALL)) == remembered
    assert len(remembered[0]) == sum(range(20))
    await journal.append(encoded([event("later")]))
    assert len(await journal.events(0, **ALL)) == sum(range(20)) + 1
    await journal.close()


async def test_what_every_consumer_passed_is_let_go(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path, NO_LIMIT)
    await journal.follow({"fast": "events", "slow": "events"})
    await journal.append(encoded([event(f"m{n}") for n in range(9)]))
    await journal.advance("fast", Step(delivered=9))
    assert len(journal._writer.events.behind(0, **ALL)) == 9
    await journal.advance("slow", Step(delivered=4))
    assert journal._writer.events.behind(0, **ALL) == []
    assert [each.sequence for each in journal._writer.events.behind(4, **ALL)] == [5, 6, 7, 8, 9]
    await journal.close()


def test_gives_as_much_as_is_asked_for() -> None:
    kept = tail()
    add(kept, 1, 2, 3, 4)
    assert kept.behind(0, **ALL) == lines(1, 2, 3, 4)
    assert kept.behind(1, most=2, size=10**9) == lines(2, 3)
    assert kept.behind(0, most=9, size=11) == lines(1, 2)
    assert kept.behind(4, **ALL) == []


def test_a_gap_lets_go_of_what_is_before_it() -> None:
    kept = tail()
    add(kept, 1, 2)
    add(kept, 5, 6)
    assert kept.behind(0, **ALL) == kept.behind(1, **ALL) == kept.behind(2, **ALL) == []
    assert kept.behind(4, **ALL) == lines(5, 6)
    kept.forget(5)
    assert kept.behind(5, **ALL) == lines(6)
    kept.forget(99)
    add(kept, 7)
    assert kept.behind(6, **ALL) == lines(7)


def test_its_bytes_are_bounded() -> None:
    kept = tail(10_000)
    add(kept, *range(1, 101), length=1000)
    assert [each.sequence for each in kept.behind(97, **ALL)] == [98, 99, 100]
    assert kept.behind(95, **ALL) == []
    add(kept, 101, length=20_000)
    assert kept.behind(100, **ALL) == []
