"""Appends numbered events, delivers them to files, until killed; a life for each line.

`python -m tests.delivery.child DATA_DIR` reads one generation a line, forks, and the fork prints
`pid` and its process id, and then the name of each acknowledged event. All modules are loaded
before, so that a life begins within milliseconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from gateway.delivery import AUDIT, Delivery, DeliveryOptions, audit_feed, destination_feed
from gateway.destinations.jsonl.client import FileDestination, audit_line
from gateway.destinations.jsonl.mapping import segment_line
from gateway.event import CleanBytes
from gateway.journal import encoded
from gateway.journal.sqlite import SqliteJournal
from gateway.jsonl.chain import Chain
from gateway.jsonl.files import LineFiles
from tests.journal.building import NO_LIMIT, event

USERS = 4


async def live(data_dir: Path, generation: str) -> None:
    journal = SqliteJournal.open(data_dir / "journal", NO_LIMIT)
    await journal.follow({"local": "events", AUDIT: "audit"})
    pace = DeliveryOptions(linger=0.002)
    events = LineFiles(data_dir / "events", rotate_bytes=20_000)
    audit = LineFiles(data_dir / "audit", rotate_bytes=5_000, chain=Chain())
    Delivery(
        journal,
        destination_feed(journal, "local", lambda event: event),
        FileDestination("local", events, segment_line),
        pace,
    ).start()
    Delivery(journal, audit_feed(journal), FileDestination(AUDIT, audit, audit_line), pace).start()
    os.write(1, b"pid %d\n" % os.getpid())

    async def send(user: int) -> None:
        number = 0
        while True:
            names = [f"{generation}-{user}-{number + n}" for n in range(1 + number % 3)]
            number += len(names)
            await journal.append(
                encoded(
                    [event(name, user=str(user), size=number % 700) for name in names],
                    [CleanBytes(b'{"messageId":"%s"}' % name.encode()) for name in names],
                    {"received/demo": len(names)},
                )
            )
            os.write(1, "".join(f"{name}\n" for name in names).encode())

    async with asyncio.TaskGroup() as tasks:
        for user in range(USERS):
            tasks.create_task(send(user))


def main(data_dir: Path) -> None:
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            asyncio.run(live(data_dir, line.strip()))
        os.waitpid(child, 0)
        os.write(1, b"dead\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
