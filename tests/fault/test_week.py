"""A vendor is away for a week of simulated time: the journal grows within its size, no more."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import ByteSize

from gateway.config.model import JournalSettings as Settings
from gateway.delivery import Backoff, Delivery, DeliveryOptions, destination_feed
from gateway.destinations import Delivered, Request, RetryLater, Verdict
from gateway.errors import JournalError
from gateway.journal import Journal, encoded
from gateway.journal.capacity import Usage
from gateway.journal.forecast import Trend
from gateway.journal.sqlite import SqliteJournal
from tests.delivery.test_delivery import Vendor
from tests.fault.hurried import HurriedLoop
from tests.journal.building import event, until

WEEK = 7 * 86400.0
EVERY = 600.0
"""Seconds between two requests of clients."""
ROUNDS = int(WEEK / EVERY)
USERS = 5
LANES = 4
MOST = 1800.0
NO_DISK = Usage({}, {}, None)
PACE = DeliveryOptions(lanes=LANES, batch=100, linger=0, backoff=Backoff(first=1, most=MOST))


@dataclass(slots=True)
class Week:
    """What happened in it."""

    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0
    warned_at: float | None = None
    full_at: float | None = None
    largest: int = 0
    seconds: float = 0.0


async def live_through(journal: Journal, settings: Settings) -> Week:
    """Clients send for a week, and are told 503 where the journal says no."""
    clock = asyncio.get_running_loop().time
    week, trend, began = Week(), Trend(settings), clock()
    for number in range(ROUNDS):
        now = clock() - began
        names = [f"{user}-{number}" for user in range(USERS)]
        try:
            await journal.append(
                encoded(
                    [event(name, user=name[0], to=("away", "well"), size=300) for name in names]
                )
            )
            week.acknowledged += names
        except JournalError:
            week.refused += 1
            week.full_at = week.full_at or now
        trend.weigh(now / 100, journal.used_bytes, NO_DISK)  # its window is minutes
        if trend.forecast().warning and week.warned_at is None:
            week.warned_at = now
        week.largest = max(week.largest, journal.used_bytes)
        await asyncio.sleep(EVERY)
    week.seconds = clock() - began
    return week


def in_order(names: list[str]) -> bool:
    of_user: defaultdict[str, list[int]] = defaultdict(list)
    for name in names:
        user, _, number = name.partition("-")
        of_user[user].append(int(number))
    return all(numbers == sorted(numbers) for numbers in of_user.values())


@pytest.mark.parametrize("max_bytes", [50_000_000, 2_000_000])
def test_nothing_is_lost_and_all_arrives_in_order_afterwards(
    tmp_path: Path, max_bytes: int
) -> None:
    settings = Settings(max_bytes=ByteSize(max_bytes), min_free_bytes=ByteSize(0))

    async def live() -> None:
        is_back = False

        def answer(_: Request) -> Verdict:
            return Delivered() if is_back else RetryLater("connection")

        journal = SqliteJournal.open(tmp_path, settings)
        await journal.follow({"away": "events", "well": "events"})
        away, well = Vendor(answer), Vendor()
        deliveries = [
            Delivery(journal, destination_feed(journal, name, lambda event: event), sink, PACE)
            for name, sink in {"away": away, "well": well}.items()
        ]
        for delivery in deliveries:
            delivery.start()
        week = await live_through(journal, settings)

        count = len(week.acknowledged)
        await well.until(lambda: well.has(count))
        assert sorted(well.names) == sorted(week.acknowledged)
        assert in_order(well.names)
        assert journal.view.pending("away") == count
        assert away.arrived == []
        assert week.seconds >= WEEK
        assert len(away.attempts) < LANES * (20 + 3 * week.seconds / MOST)
        assert max(map(len, away.attempts)) <= PACE.batch
        assert week.largest <= max_bytes + 1_000_000
        if max_bytes < 10_000_000:
            assert week.refused
            assert week.full_at is not None
            assert week.warned_at is not None
            assert week.warned_at < week.full_at
        else:
            assert (week.refused, week.full_at) == (0, None)
            assert count == USERS * ROUNDS

        is_back = True
        await away.until(lambda: away.has(count))
        await until(lambda: not journal.view.pending("away"))  # a week's grace may leap by at once
        for delivery in deliveries:
            await delivery.stop(WEEK)
        assert sorted(away.names) == sorted(week.acknowledged)
        assert in_order(away.names)
        assert journal.view.pending("away") == 0
        await until(lambda: journal.refusal() is None)
        await journal.append(encoded([event("after", to=("away", "well"))]))
        await journal.close()

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(live())
