"""Lines that were written and not yet accounted for at a kill are in the files once, afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from gateway.erasure import places
from gateway.erasure.job import Job
from gateway.erasure.places import Surroundings
from gateway.event import CleanEvent
from gateway.journal import Step, encoded
from gateway.journal.sqlite import SqliteJournal
from gateway.jsonl.files import LineFiles
from gateway.privacy import Pseudonymizer
from gateway.privacy.person import Person
from tests.clean import clean_event
from tests.journal.building import NO_LIMIT, event

NEVER = 1 << 40


async def test_lines_of_a_kill_are_in_the_files_once(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    events = [of(user, n) for n in range(4) for user in ("ann", "ben")]
    try:
        await journal.follow({"local": "events"})
        await journal.append(encoded(events))
        files = LineFiles(folder, rotate_bytes=NEVER)
        files.open(None)
        state = files.append(lines(events[:2]))
        await journal.advance("local", Step(delivered=2, state=state))
        files.append(lines(events[2:6]))
        files.append(b'{"messageId":"of-nobody-here","userId":"ben"}\n')
        files.close()
        around = Surroundings(
            data_dir=tmp_path,
            journal=journal,
            pseudonymizer=lambda: Pseudonymizer(bytes(range(32))),
            policy=cast("Any", None),
            names=["local"],
            folders={"local": folder},
            deletions={},
        )
        job = Job("1", 0.0)

        await places.erase(job, Person(frozenset({"ann"})), around)

        assert (job.events, sum(job.files["events"].values())) == (4, 3)
        files.open(state)
        left = await journal.events(2, most=9, size=10_000)
        ids = [one.header.message_id for one in left if one.header.message_id]
        files.append(lines([of("ben", int(one[-1])) for one in ids]))
        files.close()
    finally:
        await journal.close()
    found = [json.loads(line) for file in day(folder) for line in file.read_text().splitlines()]
    kept = sorted(one["messageId"] for one in found)
    assert kept == ["ben-0", "ben-1", "ben-2", "ben-3", "of-nobody-here"]


def of(user: str, number: int) -> CleanEvent:
    name = f"{user}-{number}"
    return clean_event(event(name, user=user).header, {"messageId": name, "userId": user})


def lines(events: list[CleanEvent]) -> bytes:
    return b"".join(one.stored(1).body + b"\n" for one in events)


def day(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))
