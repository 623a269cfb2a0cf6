"""Pulses leave as documented, are settled by success alone, and never are too old to report."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.delivery import Backoff, Delivery, DeliveryOptions, destination_feed
from gateway.destinations import Delivered, RetryLater, finished
from gateway.event import CleanEvent, CleanText, Reason, StoredEvent
from gateway.extensions.appsmith.cloud.client import PAGE, CloudDestination
from gateway.extensions.appsmith.cloud.settings import CloudSettings as Settings
from gateway.extensions.appsmith.outbox import KEPT, Outbox
from gateway.extensions.appsmith.signature import sign, verify
from gateway.extensions.appsmith.views import usage
from gateway.journal import encoded
from gateway.journal.sqlite import SqliteJournal
from tests.clean import stored_event
from tests.destinations.events import Journal as Events
from tests.destinations.events import made
from tests.fakes.cloud_services import CloudServices, declines
from tests.fakes.vendor import answers, breaks_off, drips_its_body, resets, running
from tests.journal.building import NO_LIMIT

KEY = "SYNTH-LICENSE-0000"
INSTANCE = "65a1b2c3d4e5f60718293a4b"


class Pulses:
    """Numbers pulses in the order they are made."""

    def __init__(self) -> None:
        self._events = Events()

    def one(self, instance: str = INSTANCE, **more: Any) -> StoredEvent:
        event = self._events.appsmith()
        name = f"p-{event.sequence}"
        message = {
            "type": "usage_pulse",
            "messageId": name,
            "user": f"user-{event.sequence}",
            "instanceId": instance,
            "tenantId": "65a1b2c3d4e5f60718293a50",
            "viewMode": True,
            "isAnonymousUser": False,
            "createdAt": "2026-03-05T09:12:44.120Z",
            **more,
        }
        header = replace(
            event.header, message_id=CleanText(name), type="usage_pulse", to=("cloud",)
        )
        return stored_event(event.sequence, header, message)

    def many(self, count: int) -> list[StoredEvent]:
        return [self.one() for _ in range(count)]


@pytest.fixture
async def cloud() -> AsyncIterator[CloudServices]:
    async with running(CloudServices(KEY)) as vendor:
        yield vendor


@pytest.fixture
async def destination(tmp_path: Path, cloud: CloudServices) -> AsyncIterator[CloudDestination]:
    settings = Settings(type="cloud", license_key=KEY, host=cloud.url, timeout=0.5)
    one = CloudDestination("cloud", settings, tmp_path)
    await one.open(None)
    yield one
    await one.close()


def test_the_signature_is_appsmiths() -> None:
    """The published vector, and the document's small letters."""
    expected = "953D7D721FE4FDDA63E519696A726A1FE84B32215305A9906FB226367C1D2705"
    assert sign("appsmith", "123456") == expected
    assert verify("appsmith", expected.lower(), "123456") == "valid"
    assert verify("appsmith", expected, "") == "unchecked"
    for wrong in ("", expected[:-1], f"{expected[:-1]}6", "é" * 64, "\ud800"):
        assert verify("appsmith", wrong, "123456") == "invalid"


async def test_a_report_is_the_documented_payload(
    destination: CloudDestination, cloud: CloudServices
) -> None:
    [request] = made(destination, [Pulses().one(user="f3273dd1", extra="no")])
    assert request.url == f"{cloud.url}/api/v1/usage/report"
    body = json.loads(request.body)
    assert body == {
        "usageData": [
            {
                "user": "f3273dd1",
                "tenantId": "65a1b2c3d4e5f60718293a50",
                "viewMode": True,
                "isAnonymousUser": False,
                "createdAt": 1772701964,
            }
        ],
        "message": body["message"],
        "hashedMessage": sign(body["message"], KEY),
        "instanceId": INSTANCE,
    }
    assert await destination.send(request) == Delivered()
    assert cloud.reports == [body]
    assert KEY not in repr(request)


async def test_pages_have_one_instance_and_at_most_a_hundred_pulses(
    destination: CloudDestination,
) -> None:
    pulses = Pulses()
    events = [pulses.one("a" * 24 if place % 3 else "b" * 24) for place in range(301)]
    events.append(
        replace(events[0], sequence=9999, header=replace(events[0].header, type="registration"))
    )
    rendered = destination.render(events)
    assert rendered.filtered == {9999: Reason.NO_EQUIVALENT}
    requests = [*map(finished, rendered.requests)]
    bodies = [json.loads(request.body) for request in requests]
    assert [len(body["usageData"]) for body in bodies] == [PAGE, PAGE, PAGE, 1]
    assert {body["instanceId"] for body in bodies} == {"a" * 24, "b" * 24}
    sent = [place for request in map(finished, rendered.requests) for place in request.events]
    assert sorted(sent) == [event.sequence for event in events[:-1]]
    assert len({body["message"] for body in bodies}) == len(bodies)
    again = made(destination, events)
    assert [request.body for request in again] == [
        request.body for request in map(finished, rendered.requests)
    ]


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (declines(), "the answer does not say success"),
        (answers(200, "OK"), "not an answer of the cloud services (http 200)"),
        (answers(200, '{"responseMeta": {"success": "true"}}'), "the answer does not say success"),
        (answers(200, "[]"), "not an answer of the cloud services (http 200)"),
        (answers(204), "not an answer of the cloud services (http 204)"),
        (answers(400, "{}"), "not an answer of the cloud services (http 400)"),
        (answers(400, '{"responseMeta": {}}'), "http 400"),
        (answers(401, "{}"), "not an answer of the cloud services (http 401)"),
        (answers(500, "{}"), "http 500"),
        (answers(302, headers={"Location": "/elsewhere"}), "redirect 302"),
        (resets, "connection"),
        (breaks_off, "connection"),
        (drips_its_body, "timeout"),
    ],
    ids=lambda value: None if callable(value) else value,
)
async def test_everything_but_success_waits(
    destination: CloudDestination, cloud: CloudServices, behaviour: Any, cause: str
) -> None:
    [request] = made(destination, [Pulses().one()])
    cloud.script.append(behaviour)
    verdict = await destination.send(request)
    assert isinstance(verdict, RetryLater)
    assert verdict.cause == cause
    assert await destination.send(request) == Delivered()
    assert cloud.seen[0].body == cloud.seen[-1].body


async def test_a_busy_upstream_says_when(
    destination: CloudDestination, cloud: CloudServices
) -> None:
    [request] = made(destination, [Pulses().one()])
    cloud.script.append(answers(429, "{}", headers={"Retry-After": "120"}))
    assert await destination.send(request) == RetryLater("http 429", 120)


class TestACrash:
    """Another process takes up what one began. `request` is what it would send."""

    @pytest.fixture
    async def after(
        self, tmp_path: Path, destination: CloudDestination
    ) -> AsyncIterator[Callable[..., Awaitable[CloudDestination]]]:
        opened: list[CloudDestination] = []

        async def after(state: str | None = "begun", **changed: Any) -> CloudDestination:
            settings = destination._settings.model_copy(update=changed)
            one = CloudDestination("cloud", settings, tmp_path)
            await one.open(state)
            opened.append(one)
            return one

        yield after
        for one in opened:
            await one.close()

    async def test_before_the_answer_repeats_the_very_same_report(
        self, destination: CloudDestination, cloud: CloudServices, after: Any
    ) -> None:
        pulses = Pulses()
        begun, behind = pulses.many(3), pulses.many(2)
        [request] = made(destination, begun)
        cloud.script.append(resets)
        assert isinstance(await destination.send(request), RetryLater)
        second = await after()
        requests = made(second, [*begun, *behind])
        assert [request.events for request in requests] == [(1, 2, 3), (4, 5)]
        for request in requests:
            assert await second.send(request) == Delivered()
        first, again, rest = (seen.body for seen in cloud.seen)
        assert first == again != rest
        assert [pulse["user"] for pulse in cloud.pulses] == [f"user-{n}" for n in range(1, 6)]

    async def test_behind_the_answer_sends_nothing_twice(
        self, tmp_path: Path, destination: CloudDestination, cloud: CloudServices, after: Any
    ) -> None:
        pulses = Pulses()
        begun, behind = pulses.many(3), pulses.many(2)
        [request] = made(destination, begun)
        assert await destination.send(request) == Delivered()
        second = await after()
        for request in made(second, [*begun, *behind]):
            assert await second.send(request) == Delivered()
        assert [len(report["usageData"]) for report in cloud.reports] == [3, 2]
        assert sum(one["pulses"] for one in usage(tmp_path, 0)["reports"]) == 5

    async def test_a_report_whose_pulses_come_apart_is_sent_once_and_whole(
        self, destination: CloudDestination, cloud: CloudServices, after: Any
    ) -> None:
        begun = Pulses().many(4)
        [request] = made(destination, begun)
        cloud.script.append(resets)
        await destination.send(request)
        second = await after()
        for part in (begun[:3], begun[3:]):
            [request] = made(second, part)
            assert request.events == tuple(event.sequence for event in part)
            assert await second.send(request) == Delivered()
        assert [len(report["usageData"]) for report in cloud.reports] == [4]

    async def test_a_new_licence_signs_what_an_old_one_began(
        self, destination: CloudDestination, cloud: CloudServices, after: Any
    ) -> None:
        begun = Pulses().many(2)
        [request] = made(destination, begun)
        cloud.license_key = "SYNTH-LICENSE-0001"
        assert await destination.send(request) == RetryLater("http 401")
        second = await after(license_key=cloud.license_key)
        [request] = made(second, begun)
        assert await second.send(request) == Delivered()
        before, behind = (json.loads(seen.body) for seen in cloud.seen)
        assert before["message"] == behind["message"]

    async def test_a_new_journal_has_nothing_to_do_with_it(
        self, destination: CloudDestination, after: Any
    ) -> None:
        begun = Pulses().many(2)
        await destination.send(made(destination, begun)[0])
        second = await after(None)
        assert not made(second, begun)[0].context.is_done

    async def test_the_outbox_does_not_grow(
        self, tmp_path: Path, destination: CloudDestination, cloud: CloudServices
    ) -> None:
        pulses = Pulses()
        for _ in range(KEPT + 5):
            [request] = made(destination, [pulses.one()])
            assert await destination.send(request) == Delivered()
        assert len(Outbox.open(tmp_path, "cloud").begun()) == KEPT


async def test_an_outage_of_a_month_loses_nothing(tmp_path: Path, cloud: CloudServices) -> None:
    """Pulses of a month ago; the upstream fails, then the gateway stops; then all is well."""
    month_ago = time.time() - 30 * 86400
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    await journal.follow({"cloud": "events"})
    events = Pulses().many(250)
    await journal.append(
        encoded([CleanEvent(replace(e.header, received_at=month_ago), e.message) for e in events])
    )
    cloud.script += [answers(500, "{}"), declines(), resets] * 3
    settings = Settings(type="cloud", license_key=KEY, host=cloud.url)
    pace = DeliveryOptions(interval=3600, pieces=200, backoff=Backoff(first=0, most=0.01))

    def delivery() -> Delivery[StoredEvent]:
        sink = CloudDestination("cloud", settings, tmp_path)
        return Delivery(journal, destination_feed(journal, "cloud", lambda e: e), sink, pace)

    first = delivery()
    first.start()
    while len(cloud.seen) < 5:
        cloud.arrived.clear()
        await cloud.arrived.wait()
    await first.stop(0)
    assert journal.view.pending("cloud") == 250
    second = delivery()
    second.start()
    while len(cloud.pulses) < 250:
        cloud.arrived.clear()
        await cloud.arrived.wait()
    await second.stop(10)
    assert journal.view.pending("cloud") == 0
    assert [len(report["usageData"]) for report in cloud.reports] == [100, 100, 50]
    assert [pulse["user"] for pulse in cloud.pulses] == [f"user-{n}" for n in range(1, 251)]
    assert journal.view.cursors["cloud"].delivered == 250
    await journal.close()
