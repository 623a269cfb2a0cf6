"""What a consumer gets from memory is what the file would give it, or nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.event import Reason
from gateway.journal import AuditLine, Entry, Journal, Step
from gateway.journal.recent_events import Tail
from tests.journal.building import NO_LIMIT, event

ALL = {"most": 10_000, "size": 10**9}


def lines(*sequences: int, length: int = 10) -> list[AuditLine]:
    return [AuditLine(sequence, b"x" * length) for sequence in sequences]


async def test_memory_and_file_give_the_same(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, NO_LIMIT)
    entries = [
        Entry([event(f"{n}é", filtered={"segment": Reason.CONSENT}, size=n)] * n, [b"[%d]" % n])
        for n in range(20)
    ]
    await asyncio.gather(*map(journal.append, entries))
    remembered = await journal.events(0, **ALL), await journal.audit(0, **ALL)
    await journal.close()

    journal = Journal.open(tmp_path, NO_LIMIT)
    assert (await journal.events(0, **ALL), await journal.audit(0, **ALL)) == remembered
    assert len(remembered[0]) == sum(range(20))
    await journal.append(Entry([event("later")]))
    assert len(await journal.events(0, **ALL)) == sum(range(20)) + 1
    await journal.close()


async def test_what_every_consumer_passed_is_let_go(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, NO_LIMIT)
    await journal.follow({"fast": "events", "slow": "events"})
    await journal.append(Entry([event(f"m{n}") for n in range(9)]))
    await journal.advance("fast", Step(delivered=9))
    assert len(journal._writer.events.behind(0, **ALL)) == 9
    await journal.advance("slow", Step(delivered=4))
    assert journal._writer.events.behind(0, **ALL) == []
    assert [each.sequence for each in journal._writer.events.behind(4, **ALL)] == [5, 6, 7, 8, 9]
    await journal.close()


def test_gives_as_much_as_is_asked_for() -> None:
    tail: Tail[AuditLine] = Tail()
    tail.add(lines(1, 2, 3, 4))
    assert tail.behind(0, **ALL) == lines(1, 2, 3, 4)
    assert tail.behind(1, most=2, size=10**9) == lines(2, 3)
    assert tail.behind(0, most=9, size=11) == lines(1, 2)
    assert tail.behind(4, **ALL) == []


def test_a_gap_lets_go_of_what_is_before_it() -> None:
    tail: Tail[AuditLine] = Tail()
    tail.add(lines(1, 2))
    tail.add(lines(5, 6))
    assert tail.behind(0, **ALL) == tail.behind(1, **ALL) == tail.behind(2, **ALL) == []
    assert tail.behind(4, **ALL) == lines(5, 6)
    tail.forget(5)
    assert tail.behind(5, **ALL) == lines(6)
    tail.forget(99)
    tail.add(lines(7))
    assert tail.behind(6, **ALL) == lines(7)


def test_its_bytes_are_bounded() -> None:
    tail: Tail[AuditLine] = Tail(most_bytes=10_000)
    tail.add(lines(*range(1, 101), length=1000))
    kept = [each.sequence for each in tail.behind(97, **ALL)]
    assert kept == [98, 99, 100]
    assert tail.behind(95, **ALL) == []
    tail.add(lines(101, length=20_000))
    assert tail.behind(100, **ALL) == []
