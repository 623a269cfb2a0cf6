"""What rendering brings back does not leave, unless today's policy lets that very text go."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.config import load
from gateway.delivery import Delivery, Egress, Replay, VendorCare, destination_feed
from gateway.delivery.policy_in_force import permitted
from gateway.destinations import (
    BodyFormat,
    Delivered,
    Draft,
    Rejected,
    Rendered,
    Request,
    RetryLater,
    Verdict,
)
from gateway.destinations.egress_guard import EgressGuard, promised
from gateway.destinations.mixpanel.client import MixpanelDestination
from gateway.destinations.mixpanel.settings import MixpanelSettings
from gateway.destinations.segment.client import SegmentDestination
from gateway.destinations.segment.settings import SegmentSettings
from gateway.event import Reason, StoredEvent
from gateway.journal import Journal, encoded
from gateway.journal.sqlite import SqliteJournal
from gateway.pipeline.decide import Rules
from gateway.pipeline.rules import compile_rules, pseudonymizer_for_a_look
from tests.delivery.test_delivery import AT_ONCE, Vendor
from tests.destinations import events as stored
from tests.destinations.events import Renders
from tests.journal.building import NO_LIMIT, event
from tests.wire.running import ROOT, until

ADDRESS = "198.51.100.7"
MAIL = "ada.byron@example.com"


def rules(folder: Path, policy: str) -> tuple[Rules, EgressGuard]:
    """A policy in force, and the guard that fits it."""
    (folder / "privacy.yaml").write_text(policy)
    (folder / "routing.yaml").write_text("destinations: {local: {type: file, path: events}}\n")
    (folder / "gateway.yaml").write_text(
        f"sources: [{{name: web, write_keys: [k]}}]\ndata_dir: {folder}/data\n"
        f"schemas: {{path: {ROOT}/schemas}}\n"
    )
    configuration = load(folder / "gateway.yaml", os.environ)
    pseudonymizer = pseudonymizer_for_a_look(configuration)
    compiled = compile_rules(configuration, os.environ, pseudonymizer)
    return compiled, EgressGuard(promised(configuration.policy))


def egress(
    folder: Path, policy: str, mode: Any = "block", body: BodyFormat = BodyFormat.JSON_LINES
) -> Egress:
    compiled, guard = rules(folder, policy)
    return Egress(
        "vendor",
        mode,
        body,
        guard=lambda: guard,
        permits=lambda event: permitted(event, "vendor", compiled),
    )


def request(*carried: StoredEvent, more: str = "") -> Request:
    body = b"\n".join([*(event.body for event in carried), orjson.dumps(more)])
    return Request("POST", "http://vendor.test", body, events=tuple(e.sequence for e in carried))


async def refusal(
    guard: Egress, request: Request | Draft, carried: Sequence[StoredEvent]
) -> Rejected | None:
    passed = await guard.passed(request, carried)
    return passed if isinstance(passed, Rejected) else None


MASK = "rules: [{id: m, match: {kind: [email, ipv4]}, action: mask}]\n"


@pytest.mark.parametrize("more", [MAIL, ADDRESS, f"from {ADDRESS}"])
async def test_what_came_back_in_rendering_is_stopped(tmp_path: Path, more: str) -> None:
    guard = egress(tmp_path, MASK)
    one = stored.Journal().segment()
    assert await refusal(guard, request(one), [one]) is None
    kind = "email" if more == MAIL else "ipv4"
    refused = await refusal(guard, request(one, more=more), [one])
    assert refused == Rejected(Reason.LEAK, None, kind)
    assert guard.leaks == {kind: 1}


async def test_a_warning_lets_it_go_and_is_counted(tmp_path: Path) -> None:
    guard = egress(tmp_path, MASK, "warn")
    several = [stored.Journal().segment() for _ in range(3)]
    assert await refusal(guard, request(*several, more=MAIL), several) is None
    assert guard.leaks == {"email": 1}


async def test_what_the_policy_has_learned_since_is_stopped(tmp_path: Path) -> None:
    """The event was stored when addresses were let through."""
    one = stored.Journal().segment(properties={"note": MAIL})
    assert await refusal(egress(tmp_path, MASK), request(one), [one]) is not None
    assert await refusal(egress(tmp_path, "rules: []\n"), request(one), [one]) is None


@pytest.mark.parametrize(
    ("policy", "fields"),
    [
        (MASK + "keep: [/properties/server]\n", {"properties": {"server": ADDRESS}}),
        (MASK + "client_ip: keep\n", {"context": {"ip": ADDRESS}}),
        (MASK + "client_ip: truncate\n", {"context": {"ip": "198.51.100.0"}}),
        ("rules: []\n", {"properties": {"server": ADDRESS}}),
    ],
)
async def test_what_the_policy_lets_go_may_go(
    tmp_path: Path, policy: str, fields: dict[str, Any]
) -> None:
    guard = egress(tmp_path, policy)
    one = stored.Journal().segment(**fields)
    assert await refusal(guard, request(one), [one]) is None
    assert await refusal(guard, request(one, more="203.0.113.9"), [one]) is not None


async def test_a_large_request_is_looked_through_as_well(tmp_path: Path) -> None:
    guard = egress(tmp_path, MASK)
    journal = stored.Journal()
    many = [journal.segment(properties={"text": "x" * 500}) for _ in range(200)]
    assert await refusal(guard, request(*many), many) is None
    assert await refusal(guard, request(*many, more=MAIL), many) is not None
    assert guard.leaks == {}, "it is counted where the event is known"


async def test_a_policy_that_cannot_judge_permits_nothing(tmp_path: Path) -> None:
    def breaks(_: StoredEvent) -> Any:
        raise LookupError(MAIL)

    guard = EgressGuard(["email"])
    one = stored.Journal().segment(properties={"note": MAIL})
    egress = Egress("vendor", "block", BodyFormat.JSON, guard=lambda: guard, permits=breaks)
    assert await refusal(egress, request(one), [one]) is not None


SEGMENT = SegmentDestination("s", SegmentSettings(type="segment", write_key="w"))
MIXPANEL = MixpanelDestination("m", MixpanelSettings(type="mixpanel", token="t"))


@pytest.mark.parametrize(
    ("destination", "body"),
    [(SEGMENT, BodyFormat.JSON), (MIXPANEL, BodyFormat.FORM_JSON)],
    ids=["segment", "mixpanel"],
)
async def test_ids_times_and_pseudonyms_are_no_leaks(
    tmp_path: Path, destination: Renders[StoredEvent], body: BodyFormat
) -> None:
    """The shipped policy, and events full of what only looks like numbers of somebody."""
    guard = egress(tmp_path, (ROOT / "config" / "privacy.yaml").read_text(), body=body)
    chance = random.Random(7)
    journal = stored.Journal()

    def digits(count: int) -> str:
        return f"{chance.getrandbits(count * 4):0{count}x}"

    for _ in range(20):
        made = [
            journal.segment(
                user=digits(64),
                messageId=chance.choice([str(uuid.UUID(digits(32))), f"node-next-{digits(8)}"]),
                anonymousId=digits(64),
                timestamp=f"2026-11-{chance.randrange(10, 30)}T07:51:04.317Z",
                properties={"time": 1_700_000_000_000 + chance.randrange(10**11), "n": digits(24)},
            )
            for _ in range(100)
        ]
        for each in destination.render(made).requests:
            assert await refusal(guard, each, made) is None


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncGenerator[Journal]:
    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    yield journal
    await journal.close()


async def test_one_leak_is_found_among_many_events_and_never_sent(
    journal: Journal, tmp_path: Path
) -> None:
    class Careless(Vendor):
        """Puts an address into what it makes of one event."""

        def render(self, events: Sequence[StoredEvent]) -> Rendered:
            (made,) = super().render(events).requests
            odd = [e for e in events if e.header.message_id == "m7"]
            body = orjson.dumps([MAIL for _ in odd])
            return Rendered((Request("POST", made.url, body, events=made.events, context=events),))

    await journal.follow({"local": "events"})
    vendor = Careless()
    guard = egress(tmp_path, MASK)
    feed = destination_feed(journal, "local", lambda event: event)
    care = VendorCare(guard, Replay(lambda event: event, vendor.render))
    carrying = Delivery(journal, feed, vendor, AT_ONCE, care=care)
    await journal.append(encoded([event(f"m{n}") for n in range(16)]))
    carrying.start()
    await carrying.stop(10)

    assert vendor.names == [f"m{n}" for n in range(16) if n != 7]
    assert journal.view.cursors["local"].dead == {Reason.LEAK: 1}
    assert guard.leaks == {"email": 1}
    [buried] = await journal.dead_letters("local", after=0, most=10)
    assert buried.letter.detail == "email"


@pytest.mark.parametrize("mode", ["block", "warn"])
@pytest.mark.parametrize(
    "broken",
    [
        Request("POST", "http://v.test", b"\x1f\x8b not JSON", events=(1,)),
        Request("POST", "http://v.test", b"{}", {"Content-Encoding": "br"}, events=(1,)),
        Request("POST", "http://[v.test", b"{}", events=(1,)),
    ],
)
async def test_what_cannot_be_read_does_not_leave(
    tmp_path: Path, mode: Any, broken: Request
) -> None:
    guard = egress(tmp_path, MASK, mode)
    one = stored.Journal().segment()
    for request in (broken, Draft(broken.url, broken.events, lambda: broken)):
        refused = await refusal(guard, request, [one])
        assert refused is not None
        assert refused.reason is Reason.UNCHECKED
    assert guard.leaks == {}


async def test_what_cannot_be_built_is_refused_and_stops_no_other(tmp_path: Path) -> None:
    def breaks() -> Request:
        raise LookupError(MAIL)

    guard = egress(tmp_path, MASK)
    refused = await refusal(guard, Draft("http://v.test", (1,), breaks), [])
    assert refused is not None
    assert refused.reason is Reason.UNRENDERABLE
    assert refused.detail.startswith("LookupError at test_egress.py:")


class Waits(Vendor):
    """Is away for some attempts; its requests are built when they leave."""

    def __init__(self, away: int) -> None:
        super().__init__(self._answer)
        self.built: list[Request] = []
        self.sent: list[str] = []
        self._away = away

    def _answer(self, request: Request) -> Verdict:
        self.sent.append(request.headers["X-Number"])
        return RetryLater("away") if len(self.sent) <= self._away else Delivered()

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        (made,) = super().render(events).requests
        body = b"\n".join(event.body for event in events)

        def build() -> Request:
            stamp = {"X-Number": str(len(self.built))}
            self.built.append(Request("POST", made.url, body, stamp, events=made.events,
                                      context=events))  # fmt: skip
            return self.built[-1]

        return Rendered((Draft(made.url, made.events, build),))


async def test_each_attempt_is_built_and_read_anew(journal: Journal, tmp_path: Path) -> None:
    """The policy becomes stricter while the event waits for its vendor."""
    await journal.follow({"local": "events"})
    vendor = Waits(away=9)
    guard = Egress(
        "local",
        "block",
        BodyFormat.JSON_LINES,
        guard=lambda: EgressGuard(["email"] if len(vendor.built) > 2 else []),
        permits=lambda _: {},
    )
    care = VendorCare(guard, Replay(lambda event: event, vendor.render))
    feed = destination_feed(journal, "local", lambda event: event)
    carrying = Delivery(journal, feed, vendor, AT_ONCE, care=care)
    await journal.append(encoded([event(MAIL)]))
    carrying.start()
    await until(lambda: bool(journal.view.cursors["local"].dead), 30, lambda: "it is not refused")
    await carrying.stop(10)
    assert journal.view.cursors["local"].dead == {Reason.LEAK: 1}
    assert [request.headers["X-Number"] for request in vendor.built] == ["0", "1", "2"]
    assert vendor.sent == ["0", "1"]
