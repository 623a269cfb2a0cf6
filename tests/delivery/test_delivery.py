"""What each consumer of the journal gets, when, and what it says while it cannot."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.delivery import (
    QUARANTINE,
    Backoff,
    Delivery,
    DeliveryOptions,
    destination_feed,
    quarantine_feed,
)
from gateway.destinations import Delivered, Rejected, Rendered, Request, RetryLater, Verdict
from gateway.errors import DestinationError
from gateway.event import CleanBytes, Reason, StoredEvent
from gateway.journal import Journal, encoded
from gateway.journal.sqlite import SqliteJournal
from tests.journal.building import NO_LIMIT, event

AT_ONCE = DeliveryOptions(linger=0, backoff=Backoff(first=0, most=0))
LATER = DeliveryOptions(linger=0, backoff=Backoff(first=3600, most=3600))


class Vendor:
    """A destination in memory. `answer` gives the verdict on each request."""

    def __init__(self, answer: Callable[[Request], Verdict] = lambda _: Delivered()) -> None:
        self.answer = answer
        self.gate = asyncio.Event()
        self.gate.set()
        self.attempts: list[tuple[int, ...]] = []
        self.arrived: list[StoredEvent] = []
        self.opened: list[str | None] = []
        self.is_open = False
        self.most_at_once = 0
        self._now = 0
        self._changed = asyncio.Condition()

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        places = tuple(event.sequence for event in events)
        return Rendered(
            (Request("POST", "http://vendor.test/", b"", events=places, context=events),)
        )

    async def send(self, request: Request) -> Verdict:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.attempts.append(request.events)
        await self._tell()
        await self.gate.wait()
        await asyncio.sleep(0)  # a network lets the other lanes go on
        self._now -= 1
        verdict = self.answer(request)
        if isinstance(verdict, Delivered):
            self.arrived += request.context
        await self._tell()
        return verdict

    async def open(self, state: str | None) -> str | None:
        self.opened.append(state)
        self.is_open = True
        return None

    async def close(self) -> None:
        self.is_open = False

    async def until(self, holds: Callable[[], object]) -> None:
        async with self._changed:
            await self._changed.wait_for(holds)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def has(self, count: int) -> bool:
        return len(self.arrived) == count

    @property
    def names(self) -> list[str]:
        return [event.header.message_id for event in self.arrived]


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncGenerator[Journal]:
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    yield journal
    await journal.close()


def same(event: StoredEvent) -> StoredEvent:
    return event


def delivery(
    journal: Journal, name: str, vendor: Vendor, pace: DeliveryOptions = AT_ONCE
) -> Delivery[StoredEvent]:
    return Delivery(journal, destination_feed(journal, name, same), vendor, pace)


async def append(journal: Journal, *names: str, to: tuple[str, ...] = ("local",)) -> None:
    await journal.append(encoded([event(name, to=to) for name in names]))


async def test_a_slow_destination_leaves_the_others_at_full_speed(journal: Journal) -> None:
    await journal.follow({"fast": "events", "slow": "events", "failing": "events"})
    fast, slow = Vendor(), Vendor()
    failing = Vendor(lambda _: RetryLater("http 503", after=3600))
    slow.gate.clear()
    deliveries = [
        delivery(journal, name, vendor)
        for name, vendor in {"fast": fast, "slow": slow, "failing": failing}.items()
    ]
    for each in deliveries:
        each.start()
    for n in range(100):
        await append(journal, str(n), to=("fast", "slow", "failing"))
        await fast.until(partial(fast.has, n + 1))

    assert fast.names == [str(n) for n in range(100)]
    assert slow.arrived == failing.arrived == []
    assert deliveries[1].status.doing == "delivering"
    waiting = deliveries[2].status
    assert waiting.wait is not None
    assert (waiting.doing, waiting.pending, waiting.wait.cause) == ("waiting", 100, "http 503")
    assert waiting.wait.next_try - waiting.wait.since >= 3600

    slow.gate.set()
    await slow.until(lambda: len(slow.arrived) == 100)
    assert slow.names == fast.names
    for each in deliveries:
        await each.stop(10)
    assert journal.view.pending("failing") == 100
    assert len(failing.attempts) == 1


async def test_only_what_is_routed_to_a_destination_reaches_it_and_the_rest_is_counted(
    journal: Journal,
) -> None:
    await journal.follow({"local": "events", QUARANTINE: "events"})
    await journal.append(
        encoded(
            [
                event("yes"),
                event("no consent", to=(), filtered={"local": Reason.CONSENT}),
                event("quarantined", to=(), filtered={"local": Reason.QUARANTINED}),
                event("before it was configured", to=("other",)),
            ]
        )
    )
    local, quarantine = Vendor(), Vendor()
    deliveries = [
        delivery(journal, "local", local),
        Delivery(journal, quarantine_feed(journal, same), quarantine, AT_ONCE),
    ]
    for each in deliveries:
        each.start()
    for each in deliveries:
        await each.stop(10)

    assert local.names == ["yes"]
    assert quarantine.names == ["quarantined"]
    cursor = journal.view.cursors["local"]
    assert (cursor.delivered, cursor.filtered) == (
        1,
        {Reason.CONSENT: 1, Reason.QUARANTINED: 1, Reason.DESTINATION_AWAY: 1},
    )
    assert journal.view.cursors[QUARANTINE].filtered == {Reason.NO_ROUTE: 3}


async def test_pseudonyms_are_made_the_destinations_own_before_rendering(journal: Journal) -> None:
    await journal.follow({"local": "events"})
    vendor = Vendor()

    def localise(event: StoredEvent) -> StoredEvent:
        return replace(event, body=CleanBytes(event.body.replace(b"m", b"M", 2)))

    feed = destination_feed(journal, "local", localise)
    carrying = Delivery(journal, feed, vendor, AT_ONCE)
    carrying.start()
    await append(journal, "m1")
    await carrying.stop(10)

    assert vendor.arrived[0].message["MessageId"] == "M1"


async def test_a_failed_request_is_sent_again_until_it_arrives(journal: Journal) -> None:
    verdicts: list[Verdict] = [
        RetryLater("timeout"),
        RetryLater("http 429", after=0.0),
        Delivered(),
    ]
    vendor = Vendor(lambda _: verdicts.pop(0))
    await journal.follow({"local": "events"})
    carrying = delivery(journal, "local", vendor)
    carrying.start()
    await append(journal, "m1", "m2")
    await vendor.until(lambda: not verdicts)
    await carrying.stop(10)

    assert vendor.attempts == [(1, 2)] * 3
    assert carrying.status.wait is None
    assert journal.view.pending("local") == 0


async def test_one_users_events_stay_in_order_through_many_lanes(journal: Journal) -> None:
    def flaky(_: Request) -> Verdict:
        return RetryLater("reset") if len(vendor.attempts) % 3 else Delivered()

    vendor = Vendor(flaky)
    await journal.follow({"local": "events"})
    pace = replace(AT_ONCE, lanes=4, batch=5)
    carrying = delivery(journal, "local", vendor, pace)
    carrying.start()
    for n in range(100):
        await journal.append(encoded([event(f"{user}-{n}", user=str(user)) for user in range(8)]))
    await vendor.until(lambda: len(vendor.arrived) == 800)
    await carrying.stop(10)

    of_user: defaultdict[str, list[str]] = defaultdict(list)
    for arrived in vendor.arrived:
        of_user[arrived.header.user].append(arrived.header.message_id)
    assert of_user == {str(u): [f"{u}-{n}" for n in range(100)] for u in range(8)}
    assert vendor.most_at_once > 1
    assert journal.view.cursors["local"].delivered == 800


async def test_a_stuck_lane_bounds_what_is_read_and_the_cursor_stays_behind_it(
    journal: Journal,
) -> None:
    def answer(request: Request) -> Verdict:
        stuck = any(event.header.user == "stuck" for event in request.context)
        return RetryLater("http 500") if stuck else Delivered()

    vendor = Vendor(answer)
    await journal.follow({"local": "events"})
    carrying = delivery(journal, "local", vendor, replace(LATER, lanes=16, batch=10, pieces=3))
    await journal.append(encoded([event("first", user="stuck")]))
    await journal.append(encoded([event(str(n), user="other") for n in range(200)]))
    carrying.start()
    await vendor.until(lambda: len(vendor.arrived) == 29)
    await carrying.stop(10)

    assert vendor.names == [str(n) for n in range(29)]
    assert journal.view.cursors["local"].position == 0
    assert journal.view.pending("local") == 201


async def test_a_refused_event_is_kept_as_a_dead_letter_and_the_next_go_on(
    journal: Journal,
) -> None:
    def answer(request: Request) -> Verdict:
        poisoned = any(event.header.message_id == "bad" for event in request.context)
        return Rejected(Reason.REFUSED, 400, "no such thing") if poisoned else Delivered()

    vendor = Vendor(answer)
    await journal.follow({"local": "events"})
    carrying = delivery(journal, "local", vendor)
    await append(journal, "m1", "m2", "bad", "m4")
    carrying.start()
    await carrying.stop(10)

    assert vendor.names == ["m1", "m2", "m4"]
    cursor = journal.view.cursors["local"]
    assert (cursor.delivered, cursor.dead) == (3, {Reason.REFUSED: 1})
    [buried] = await journal.dead_letters("local", after=0, most=10)
    assert buried.letter.event.header.message_id == "bad"
    assert (buried.letter.status, buried.letter.detail) == (400, "no such thing")


async def test_stop_delivers_what_is_there_and_a_restart_goes_on_where_it_was(
    journal: Journal,
) -> None:
    await journal.follow({"local": "events"})
    first = Vendor()
    carrying = delivery(journal, "local", first, replace(AT_ONCE, linger=3600))
    carrying.start()
    await append(journal, "m1", "m2")
    await carrying.stop(10)
    assert first.names == ["m1", "m2"]
    assert not first.is_open
    assert carrying.status.doing == "stopped"

    await append(journal, "m3")
    second = Vendor()
    carrying = delivery(journal, "local", second)
    carrying.start()
    await second.until(lambda: second.arrived)
    await carrying.stop(10)
    assert second.names == ["m3"]


async def test_stop_does_not_wait_for_a_destination_that_hangs(journal: Journal) -> None:
    await journal.follow({"local": "events"})
    vendor = Vendor()
    vendor.gate.clear()
    carrying = delivery(journal, "local", vendor)
    carrying.start()
    await append(journal, "m1")
    await vendor.until(lambda: vendor.attempts)
    await carrying.stop(0)

    assert carrying.status.doing == "stopped"
    assert journal.view.pending("local") == 1


async def test_a_destination_that_cannot_be_opened_is_tried_again(journal: Journal) -> None:
    class Closed(Vendor):
        async def open(self, state: str | None) -> str | None:
            await super().open(state)
            if len(self.opened) < 3:
                raise DestinationError("permission denied")
            return "ready"

    await journal.follow({"local": "events"})
    vendor = Closed()
    carrying = delivery(journal, "local", vendor)
    await append(journal, "m1")
    with capture_logs() as logs:
        carrying.start()
        await vendor.until(lambda: vendor.arrived)
        await carrying.stop(10)

    assert vendor.opened == [None, None, None]
    assert {log["cause"] for log in logs if "cause" in log} == {"permission denied"}
    assert journal.view.cursors["local"].state == "ready"


async def test_a_fault_in_a_destination_is_named_without_its_message_and_tried_again(
    journal: Journal,
) -> None:
    def answer(request: Request) -> Verdict:
        if len(vendor.attempts) == 1:
            raise LookupError("ada@example.com")
        return Delivered()

    vendor = Vendor(answer)
    await journal.follow({"local": "events"})
    carrying = delivery(journal, "local", vendor)
    await append(journal, "m1")
    with capture_logs() as logs:
        carrying.start()
        await vendor.until(lambda: vendor.arrived)
        await carrying.stop(10)

    assert vendor.names == ["m1"]
    assert "ada" not in str(logs)
    [cause] = {log["cause"] for log in logs if "cause" in log}
    assert cause.startswith("LookupError at test_delivery.py")


async def test_what_has_an_interval_leaves_together(journal: Journal) -> None:
    """What waits for an interval, among much else, fills batches at a start and at a stop."""
    await journal.follow({"local": "events"})
    vendor = Vendor()
    for number in range(30):
        await append(journal, f"early-{number}")
        await append(journal, *[f"other-{number}-{place}" for place in range(20)], to=("away",))
    hourly = DeliveryOptions(batch=25, pieces=200, interval=3600)
    hourly_delivery = delivery(journal, "local", vendor, hourly)
    hourly_delivery.start()
    await vendor.until(lambda: len(vendor.arrived) == 30)
    assert [len(events) for events in vendor.attempts] == [25, 5]
    await append(journal, "late-1")
    await append(journal, *[f"late-{number}" for number in range(2, 30)])
    assert len(vendor.attempts) == 2
    await hourly_delivery.stop(5)
    assert [len(events) for events in vendor.attempts] == [25, 5, 25, 4]
    assert journal.view.pending("local") == 0


class SlowToOpen(Vendor):
    """Opens when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_open = asyncio.Event()

    async def open(self, state: str | None) -> str | None:
        await self.may_open.wait()
        return await super().open(state)


async def test_what_comes_while_it_starts_waits_for_its_interval(journal: Journal) -> None:
    await journal.follow({"local": "events"})
    vendor = SlowToOpen()
    hourly = delivery(journal, "local", vendor, DeliveryOptions(interval=3600))
    hourly.start()
    await append(journal, "before it is open")
    vendor.may_open.set()
    for number in range(50):  # turns in which it would have been sent
        await append(journal, f"then-{number}")
    assert vendor.is_open
    await hourly.stop(5)
    assert [len(events) for events in vendor.attempts] == [51]


async def test_a_part_that_is_left_out_is_counted_once_with_its_event(journal: Journal) -> None:
    """However often its batch is rendered before it arrives."""

    class Partial(Vendor):
        def render(self, events: Sequence[StoredEvent]) -> Rendered:
            parts = {each.sequence: {"$add": Reason.INCOMPLETE} for each in events}
            return replace(super().render(events), left_out=parts)

    def picky(request: Request) -> Verdict:
        whole = len(request.events) == 1
        return Delivered() if whole else Rejected(Reason.REFUSED, 400, "no")

    await journal.follow({"local": "events"})
    vendor = Partial(picky)
    await append(journal, "a", "b", "c", "d")
    carried = delivery(journal, "local", vendor)
    carried.start()
    await vendor.until(lambda: vendor.has(4))
    await carried.stop(5)
    assert carried.left_out == {("$add", Reason.INCOMPLETE): 4}
