"""A destination that is back is back for everybody; one bad request is not driven by the others."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest
from structlog.testing import capture_logs

from gateway.delivery import Backoff, Delivery, DeliveryOptions, destination_feed, poison_requests
from gateway.destinations import Delivered, Request, RetryLater, Verdict
from gateway.event import Reason, StoredEvent
from gateway.journal import Journal, encoded
from gateway.journal.sqlite import SqliteJournal
from tests.delivery.test_delivery import Vendor, same
from tests.journal.building import NO_LIMIT, event
from tests.wire.running import until

HOURS = DeliveryOptions(lanes=8, linger=0, batch=1, backoff=Backoff(first=7200, most=7200))
STRANGER = RetryLater("not an answer of Segment's (http 400, a page)")
HANG = 60
"""Seconds until a test gives up; every wait that must be cut short is hours long."""


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncGenerator[Journal]:
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    await journal.follow({"local": "events"})
    yield journal
    await journal.close()


def delivery(
    journal: Journal,
    vendor: Vendor,
    pace: DeliveryOptions = HOURS,
    draw: Callable[[], float] = lambda: 0.9,
) -> Delivery[StoredEvent]:
    return Delivery(journal, destination_feed(journal, "local", same), vendor, pace, draw=draw)


class Away:
    """Answers nothing until it is back."""

    def __init__(self, verdict: RetryLater = RetryLater("connection")) -> None:  # noqa: B008 (frozen)
        self.verdict: Verdict = verdict

    def __call__(self, _: Request) -> Verdict:
        return self.verdict


async def append(journal: Journal, *users: str) -> None:
    """An event of each user, of his name."""
    await journal.append(encoded([event(user, user=user) for user in users]))


def of_lane(lane: int) -> str:
    """A user whose events go through it."""
    return next(
        name
        for name in map("user-{}".format, itertools.count())
        if crc32(name.encode()) % HOURS.lanes == lane
    )


async def sleeping(one: Delivery[StoredEvent], vendor: Vendor, count: int) -> None:
    """Until so many requests have failed, and all of them sleep."""
    await vendor.until(lambda: len(vendor.attempts) >= count)
    await until(lambda: one.status.doing == "waiting" and not one._slots._taken, HANG, str)


async def test_the_first_success_wakes_every_lane(journal: Journal) -> None:
    """The one that finds the vendor back is new, and had not failed."""
    away = Away()
    vendor = Vendor(away)
    one = delivery(journal, vendor)
    one.start()
    await append(journal, *map(of_lane, range(7)))
    await sleeping(one, vendor, 7)
    away.verdict = Delivered()
    await append(journal, of_lane(7))
    async with asyncio.timeout(HANG):
        await vendor.until(lambda: vendor.has(8))
    assert len(vendor.attempts) == 7 + 8
    await one.stop(5)


async def test_a_retry_that_succeeds_wakes_every_lane(journal: Journal) -> None:
    away = Away()
    vendor = Vendor(away)
    draws: list[float] = []

    def draw() -> float:
        """All wait for hours but the last, which finds the vendor back."""
        draws.append(0.9 if len(draws) < 7 else 0.0)
        if len(draws) == 8:
            away.verdict = Delivered()
        return draws[-1]

    one = delivery(journal, vendor, draw=draw)
    one.start()
    await append(journal, *map(of_lane, range(8)))
    async with asyncio.timeout(HANG):
        await vendor.until(lambda: vendor.has(8))
    assert len(vendor.attempts) == 8 + 8
    await one.stop(5)


async def test_who_fails_while_another_succeeds_does_not_sleep_on_it(journal: Journal) -> None:
    """A request that began before the vendor came back may end long after."""
    late = asyncio.Event()
    answered = asyncio.Event()

    class Slow(Vendor):
        async def send(self, request: Request) -> Verdict:
            verdict = await super().send(request)
            if self.attempts.count(request.events) == 2 and request.events == (1,):
                answered.set()
                await late.wait()
                return RetryLater("timeout")
            return verdict

    away = Away()
    vendor = Slow(away)
    one = delivery(journal, vendor, draw=lambda: 0.0)
    one._limit.value = 8.0
    one.start()
    await append(journal, of_lane(0))
    async with asyncio.timeout(HANG):
        await answered.wait()
        one._draw = lambda: 0.9
        one._limit.value = 8.0
        away.verdict = Delivered()
        await append(journal, of_lane(1))
        await vendor.until(lambda: vendor.has(1))
        late.set()
        await vendor.until(lambda: vendor.has(2))
    await one.stop(5)


async def test_recovery_and_waiting_are_each_one_line(journal: Journal) -> None:
    away = Away()
    vendor = Vendor(away)
    one = delivery(journal, vendor)
    with capture_logs() as logs:
        await append(journal, *[f"user-{n}" for n in range(20)])
        one.start()
        await sleeping(one, vendor, 2)
        wait = one.status.wait
        assert wait is not None
        assert wait.cause == "connection"
        assert wait.since < wait.next_try
        away.verdict = Delivered()
        one.try_now()
        async with asyncio.timeout(HANG):
            await vendor.until(lambda: vendor.has(20))
            await until(lambda: one.status.wait is None, HANG, str)
        await one.stop(5)
    said = [line["event"] for line in logs if line["log_level"] in ("warning", "info")]
    assert Counter(said) == {"delivery waits": 1, "delivery continues": 1}
    for line in logs:
        assert line["cause"] == "connection"
        assert line["since"] <= line.get("next_try", line["since"])


async def test_try_now_ends_a_pause_that_the_vendor_asked_for(journal: Journal) -> None:
    away = Away(RetryLater("http 429", after=3600))
    vendor = Vendor(away)
    one = delivery(journal, vendor)
    await append(journal, *[f"user-{n}" for n in range(20)])
    one.start()
    await sleeping(one, vendor, 1)
    attempts = len(vendor.attempts)
    away.verdict = Delivered()
    for n in range(20):  # what comes anew must not send before, either
        await append(journal, f"more-{n}")
    await asyncio.sleep(0.1)
    assert len(vendor.attempts) == attempts
    one.try_now()
    async with asyncio.timeout(HANG):
        await vendor.until(lambda: vendor.has(40))
    await one.stop(5)


async def test_one_bad_request_is_not_driven_by_the_others(journal: Journal) -> None:
    def answer(request: Request) -> Verdict:
        is_bad = request.context[0].header.message_id == "bad"
        return RetryLater("http 500") if is_bad else Delivered()

    vendor = Vendor(answer)
    one = delivery(journal, vendor, replace(HOURS, pieces=500))
    await append(journal, "bad")
    one.start()
    await sleeping(one, vendor, 1)
    good = [f"good-{n}" for n in range(400)]
    await append(journal, *good)
    async with asyncio.timeout(HANG):
        # Those in the lane of the bad one wait behind it.
        await vendor.until(lambda: len(vendor.arrived) > 300)
    tries = vendor.attempts.count((1,))
    assert 2 <= tries <= 12, "doubling: 400 successes are worth nine"
    await one.stop(5)


@pytest.mark.parametrize("others_arrive", [True, False])
async def test_a_firewall_that_dislikes_one_event_blocks_nothing_for_ever(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, others_arrive: bool
) -> None:
    """And while it dislikes everything, nothing is given up."""
    monkeypatch.setattr(poison_requests, "GIVE_UP_SECONDS", 0.0)
    tries: Counter[tuple[int, ...]] = Counter()

    def answer(request: Request) -> Verdict:
        tries[request.events] += 1
        is_bad = any(event.sequence == 1 for event in request.context)
        return STRANGER if is_bad or not others_arrive else Delivered()

    vendor = Vendor(answer)
    pace = DeliveryOptions(lanes=8, linger=0, batch=4, backoff=Backoff(first=0.001, most=0.001))
    one = delivery(journal, vendor, pace)
    await append(journal, of_lane(0))
    await append(journal, *[f"good-{n}" for n in range(400)])
    one.start()
    async with asyncio.timeout(HANG):
        if others_arrive:
            await vendor.until(lambda: vendor.has(400))
            await until(lambda: one.status.pending == 0, HANG, str)
        else:
            await vendor.until(lambda: sum(tries.values()) > 300)
    dead = journal.view.cursors["local"].dead
    assert dead == ({Reason.GIVEN_UP: 1} if others_arrive else {})
    assert others_arrive or len(tries) <= HOURS.lanes, "no batch was halved"
    await one.stop(5)
