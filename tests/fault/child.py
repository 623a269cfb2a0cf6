"""Takes events, delivers them to both vendors and replays, until killed; a life for each line.

`python -m tests.fault.child FOLDER SEGMENT MIXPANEL` reads one generation a line, forks, and the
fork prints `pid` and its process id, and then the name of each acknowledged event. All modules are
loaded before, so that a life begins within milliseconds.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.delivery import (
    Backoff,
    Delivery,
    DeliveryOptions,
    Egress,
    Replay,
    VendorCare,
    destination_feed,
)
from gateway.destinations import registry
from gateway.destinations.egress_guard import EgressGuard
from gateway.destinations.mixpanel.client import MixpanelDestination
from gateway.destinations.mixpanel.settings import MixpanelSettings
from gateway.destinations.segment.client import SegmentDestination
from gateway.destinations.segment.settings import SegmentSettings
from gateway.encryption import Key, Keyring
from gateway.event import StoredEvent
from gateway.journal import Journal, encoded
from gateway.journal.sqlite import SqliteJournal
from gateway.privacy.detectors import PERSONAL
from gateway.process import logs
from tests.fault.events import USERS, event, name
from tests.journal.building import NO_LIMIT

VENDORS = ("segment", "mixpanel")
LIVES_A_KEY = 25
"""Lives that begin under one encryption key."""
REVIVED = 5
"""Dead letters that each life tries again."""
GUARD = EgressGuard(PERSONAL)
KEYS = [Key.of(random.Random(n).randbytes(32)) for n in range(3)]
PACE = DeliveryOptions(lanes=3, batch=20, linger=0.001, backoff=Backoff(first=0.01, most=0.05))


def ring_of(generation: int) -> Keyring | None:
    """Nothing is encrypted at first; from then on the key changes every few lives."""
    if generation < LIVES_A_KEY:
        return None
    current = KEYS[generation // LIVES_A_KEY % len(KEYS)]
    return Keyring(current, [key for key in KEYS if key is not current])


def deliveries(journal: Journal, segment: str, mixpanel: str) -> Iterator[Delivery[StoredEvent]]:
    for destination in (
        SegmentDestination(
            "segment",
            SegmentSettings(type="segment", write_key="segment-write-key", host=segment),
        ),
        MixpanelDestination(
            "mixpanel",
            MixpanelSettings(type="mixpanel", token="project-token", host=mixpanel),
        ),
    ):
        feed = destination_feed(journal, destination.name, lambda event: event)
        kind = registry.declared(destination.name)
        assert kind.body is not None
        egress = Egress(
            destination.name,
            "block",
            kind.body,
            guard=lambda: GUARD,
            permits=lambda event: event.message,
            configured=[segment, mixpanel],
        )
        care = VendorCare(egress, Replay(lambda event: event, destination.render))
        yield Delivery(journal, feed, destination, PACE, care=care)


async def live(folder: Path, generation: int, segment: str, mixpanel: str) -> None:
    journal = SqliteJournal.open(folder, NO_LIMIT, ring=ring_of(generation))
    await journal.follow(dict.fromkeys(VENDORS, "events"))
    for delivery in deliveries(journal, segment, mixpanel):
        delivery.start()
    letters = await journal.dead_letters("segment", after=0, most=REVIVED)
    await journal.revive([letter.id for letter in letters])
    os.write(1, b"pid %d\n" % os.getpid())

    async def send(user: int) -> None:
        number = 0
        while True:
            names = [name(generation, user, number + n) for n in range(1 + number % 3)]
            number += len(names)
            await journal.append(encoded([event(each, to=VENDORS) for each in names]))
            os.write(1, "".join(f"{each}\n" for each in names).encode())
            await asyncio.sleep(0.002)

    async with asyncio.TaskGroup() as tasks:
        for user in range(USERS):
            tasks.create_task(send(user))


def main(folder: Path, segment: str, mixpanel: str) -> None:
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            logs.configure("error")
            asyncio.run(live(folder, int(line), segment, mixpanel))
        os.waitpid(child, 0)
        os.write(1, b"dead\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
