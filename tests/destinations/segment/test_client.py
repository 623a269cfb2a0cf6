"""Segment gets what was accepted, unchanged, through its own package, and its answers are heard."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.config.outgoing import DIRECT, Outgoing, Proxies
from gateway.destinations import Delivered, Rejected, RetryLater, Verdict, finished
from gateway.destinations.segment.client import SegmentDestination
from gateway.destinations.segment.mapping import SERVER_LIBRARIES
from gateway.destinations.segment.settings import OAuth
from gateway.destinations.segment.settings import SegmentSettings as Settings
from gateway.event import Reason, StoredEvent
from tests.clean import inside
from tests.destinations.events import Journal, made
from tests.fakes.certificate import self_signed
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import (
    Behaviour,
    answers,
    breaks_off,
    breaks_off_its_head,
    drips_its_body,
    drips_its_head,
    never_ends,
    resets,
    running,
)
from tests.wire.running import held_ports

Message = dict[str, Any]
Open = Callable[..., AbstractAsyncContextManager[SegmentDestination]]
WRITE_KEY = "segment-write-key"
NODE = {"library": {"name": "@segment/analytics-node", "version": "3.1.0"}}
BROWSER = {"library": {"name": "analytics.js", "version": "next-1.84.3"}}


@pytest.fixture
async def vendor() -> AsyncGenerator[FakeSegment, None]:
    async with running(FakeSegment(WRITE_KEY)) as fake:
        yield fake


@asynccontextmanager
async def destination(
    vendor: FakeSegment, outgoing: Outgoing = DIRECT, **settings: Any
) -> AsyncGenerator[SegmentDestination, None]:
    given = Settings(**{"type": "segment", "write_key": WRITE_KEY, "host": vendor.url, **settings})
    opened = SegmentDestination("segment", given, outgoing)
    await opened.open(None)
    try:
        yield opened
    finally:
        await opened.close()


async def deliver(opened: SegmentDestination, *events: StoredEvent) -> list[Verdict]:
    return [await opened.send(request) for request in made(opened, events)]


async def test_messages_arrive_as_they_were_meant(vendor: FakeSegment) -> None:
    event = Journal().segment(
        anonymousId="d1",
        properties={"price": 3.5, "big": 2**53 + 1, "none": None, "text": "żółw 🚀 <&>"},
        context={**BROWSER, "ip": "198.51.100.7"},
        integrations={"All": True, "Salesforce": {"region": "EU"}},
        originalTimestamp="2026-11-23T09:00:00.000Z",
        sentAt="2026-11-23T09:00:01.000Z",
        receivedAt="2026-11-23T07:51:05.317Z",
        writeKey="the-source-s-own",
    )
    async with destination(vendor) as opened:
        assert await deliver(opened, event) == [Delivered()]
    (request,) = vendor.seen
    (sent,) = json.loads(request.body)["batch"]
    left_out = ("sentAt", "receivedAt", "writeKey")
    assert sent == {key: value for key, value in event.message.items() if key not in left_out}
    assert b"the-source-s-own" not in request.body


async def test_segment_s_own_clock_correction_changes_nothing(vendor: FakeSegment) -> None:
    event = Journal().segment()
    async with destination(vendor) as opened:
        (draft,) = opened.render([event]).requests
        await opened.send(finished(draft))
        vendor.copies.clear()
        await opened.send(finished(draft))
    meant = datetime.fromisoformat(inside(event.message)["timestamp"])
    for stored in vendor.messages:
        shift = datetime.fromisoformat(stored["timestamp"]) - meant
        assert abs(shift.total_seconds()) < 60


async def test_what_explain_shows_is_what_goes_out(vendor: FakeSegment) -> None:
    journal = Journal()
    events = [journal.segment(properties={"text": 'ż "quoted" / \\'}), journal.segment("page")]
    async with destination(vendor) as opened:
        (shown,) = made(opened, events)
        await opened.send(shown)
    (sent,) = vendor.seen
    moment = re.compile(rb'(?<="sentAt": ")[0-9T:.Z-]{24}(?=")')
    assert moment.sub(b"", sent.body) == moment.sub(b"", shown.body)
    assert len(sent.body) == len(shown.body)
    assert (sent.method, vendor.url + sent.url) == (shown.method, shown.url)
    assert dict(shown.headers) == {k: v for k, v in sent.headers.items() if k != "Host"}
    assert shown.events == (1, 2)


@pytest.mark.parametrize(
    ("context", "stored"),
    [
        (BROWSER, "0.0.0.0"),
        (None, "0.0.0.0"),
        ({"library": {"name": "analytics-kotlin"}}, "0.0.0.0"),
        ({**BROWSER, "ip": "198.51.100.7"}, "198.51.100.7"),
        ({**BROWSER, "ip": "0.0.0.0"}, "0.0.0.0"),
        (NODE, None),
        ({**NODE, "direct": True}, "0.0.0.0"),
    ],
)
async def test_our_address_is_never_taken_for_the_user_s(
    vendor: FakeSegment, context: Message | None, stored: str | None
) -> None:
    given: Message = {} if context is None else {"context": context}
    event = Journal().segment(**given)
    async with destination(vendor) as opened:
        await deliver(opened, event)
    (message,) = vendor.messages
    assert (message.get("context") or {}).get("ip") == stored


def test_server_libraries_are_those_segment_leaves_alone() -> None:
    assert "analytics.js" not in SERVER_LIBRARIES
    assert "@segment/analytics-react-native" not in SERVER_LIBRARIES


async def test_a_mixpanel_record_is_translated(vendor: FakeSegment) -> None:
    journal = Journal()
    event = journal.mixpanel(
        "event",
        {
            "event": "Bought",
            "properties": {
                "token": "t",
                "distinct_id": "u1",
                "$insert_id": "abc",
                "time": 1795420264.317,
                "price": 3,
            },
        },
    )
    added = journal.mixpanel("people", {"$distinct_id": "u1", "$add": {"n": 1}})
    async with destination(vendor) as opened:
        rendered = opened.render([event, added, journal.appsmith()])
        assert rendered.filtered == {2: Reason.NO_EQUIVALENT, 3: Reason.NO_EQUIVALENT}
        (request,) = map(finished, rendered.requests)
        await opened.send(request)
    assert json.loads(vendor.seen[0].body)["batch"] == [
        {
            "type": "track",
            "event": "Bought",
            "messageId": "abc",
            "timestamp": "2026-11-23T07:51:04.317Z",
            "userId": "u1",
            "properties": {"price": 3},
            "context": {"ip": "0.0.0.0"},
        }
    ]


async def test_batches_stay_within_segment_s_limits(vendor: FakeSegment) -> None:
    journal = Journal()
    events = [journal.segment(properties={"text": "x" * size}) for size in [20_000] * 60 + [40_000]]
    many = [journal.segment(properties={"i": i}) for i in range(2500)]
    async with destination(vendor) as opened:
        rendered = opened.render(events + many)
        assert rendered.filtered == {61: Reason.OVER_VENDOR_LIMIT}
        for request in map(finished, rendered.requests):
            assert await opened.send(request) == Delivered()
    assert [message["messageId"] for message in vendor.messages] == [
        event.header.message_id for event in events[:60] + many
    ]
    assert all(len(request.body) < 500_000 for request in vendor.seen)


async def test_a_second_delivery_is_known_by_its_id(vendor: FakeSegment) -> None:
    event = Journal().segment()
    async with destination(vendor) as opened:
        assert await deliver(opened, event) == await deliver(opened, event) == [Delivered()]
    assert len(vendor.messages) == 1
    assert vendor.copies == {"m-1": 2}


SUCCESS = '{"success": true}'
NOT_ITS = "not an answer of Segment's"


@pytest.mark.parametrize(
    ("behaviour", "verdict"),
    [
        (answers(200, SUCCESS), Delivered()),
        (answers(200, "OK"), Delivered()),
        (answers(200), RetryLater(f"{NOT_ITS} (http 200)")),
        (answers(204), RetryLater(f"{NOT_ITS} (http 204)")),
        (answers(200, "<html>Sign in"), RetryLater(f"{NOT_ITS} (http 200, a page)")),
        (answers(200, '{"success": false}'), RetryLater(f"{NOT_ITS} (http 200)")),
        (answers(429, headers={"Retry-After": "30"}), RetryLater("http 429", 30.0)),
        (answers(429), RetryLater("http 429")),
        (answers(503, headers={"Retry-After": "soon"}), RetryLater("http 503")),
        (answers(500, "<html>"), RetryLater("http 500")),
        (answers(401, '{"code":"a","message":"b"}'), RetryLater("http 401")),
        (answers(404, "404 page not found"), RetryLater(f"{NOT_ITS} (http 404)")),
        (answers(302, headers={"Location": "/elsewhere"}), RetryLater("redirect 302")),
        (
            answers(400, '{"success": false, "message": "An invalid write key was provided"}'),
            RetryLater("http 400: the write key is refused"),
        ),
        (
            answers(400, '{"code": "bad_request", "message": "Exceed payload limit"}'),
            Rejected(Reason.REFUSED, 400, "bad_request Exceed payload limit"),
        ),
        (answers(400, "Bad Request" + " " * 90), RetryLater(f"{NOT_ITS} (http 400)")),
        (answers(413), RetryLater(f"{NOT_ITS} (http 413)")),
        (
            answers(400, '{"code": "x", "message": "ada@example.com is not a valid userId"}'),
            Rejected(Reason.REFUSED, 400, "x … is not a valid userId"),
        ),
        (answers(400, '["surprise"]'), RetryLater(f"{NOT_ITS} (http 400)")),
        (resets, RetryLater("connection")),
        (breaks_off, RetryLater("connection")),
        (breaks_off_its_head, RetryLater("connection")),
    ],
)
async def test_verdicts(vendor: FakeSegment, behaviour: Behaviour, verdict: Verdict) -> None:
    vendor.script.append(behaviour)
    async with destination(vendor) as opened:
        assert await deliver(opened, Journal().segment()) == [verdict]
    assert len(vendor.seen) == 1


async def test_a_date_is_as_good_as_seconds(vendor: FakeSegment) -> None:
    vendor.script.append(answers(503, headers={"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}))
    async with destination(vendor) as opened:
        (verdict,) = await deliver(opened, Journal().segment())
    assert isinstance(verdict, RetryLater)
    assert verdict.after is not None
    assert verdict.after > 86400


@pytest.mark.parametrize("behaviour", [drips_its_head, drips_its_body, never_ends])
async def test_an_answer_that_does_not_end_is_ended(
    vendor: FakeSegment, behaviour: Behaviour
) -> None:
    vendor.script.append(behaviour)
    before = threading.active_count()
    async with destination(vendor, timeout=0.3) as opened:
        (verdict,) = await deliver(opened, Journal().segment())
        assert isinstance(verdict, RetryLater)
        assert await deliver(opened, Journal().segment()) == [Delivered()]
        assert threading.active_count() <= before + 2
    assert len(vendor.seen) == 2


async def test_nobody_listens(vendor: FakeSegment) -> None:
    with held_ports(1) as [port]:
        async with destination(vendor, host=f"http://127.0.0.1:{port}") as opened:
            assert await deliver(opened, Journal().segment()) == [RetryLater("connection")]


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    async with (
        running(FakeSegment(WRITE_KEY), self_signed(tmp_path)) as vendor,
        destination(vendor) as opened,
    ):
        assert await deliver(opened, Journal().segment()) == [RetryLater("tls")]
        assert vendor.seen == []


@pytest.mark.parametrize("behaviour", [drips_its_head, drips_its_body])
async def test_a_deadline_holds_behind_tls(tmp_path: Path, behaviour: Behaviour) -> None:
    context = self_signed(tmp_path)
    outgoing = Outgoing(ca_bundle=tmp_path / "server.pem")
    async with (
        running(FakeSegment(WRITE_KEY), context) as vendor,
        destination(vendor, outgoing, timeout=0.5) as opened,
    ):
        vendor.script.append(behaviour)
        assert await deliver(opened, Journal().segment()) == [RetryLater("timeout")]
        assert await deliver(opened, Journal().segment()) == [Delivered()]


async def test_a_proxy_is_used(vendor: FakeSegment) -> None:
    outgoing = Outgoing(Proxies(http=vendor.url))
    async with destination(vendor, outgoing, host="http://segment.invalid", timeout=0.5) as opened:
        assert await deliver(opened, Journal().segment()) == [Delivered()]
        vendor.script.append(drips_its_head)
        assert await deliver(opened, Journal().segment()) == [RetryLater("timeout")]
    assert vendor.seen[0].headers["Host"] == "segment.invalid"


async def test_many_at_once(vendor: FakeSegment) -> None:
    journal = Journal()
    async with destination(vendor) as opened:
        sent = [deliver(opened, journal.segment()) for _ in range(40)]
        verdicts = await asyncio.gather(*sent)
    assert verdicts == [[Delivered()]] * 40
    assert len(vendor.messages) == 40


async def test_a_cancelled_attempt_lets_its_thread_go(vendor: FakeSegment) -> None:
    vendor.script.append(drips_its_head)
    async with destination(vendor) as opened:
        (request,) = made(opened, [Journal().segment()])
        sending = asyncio.create_task(opened.send(request))
        await vendor.arrived.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await opened.send(request) == Delivered()


def oauth_of(vendor: FakeSegment) -> OAuth:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    vendor.public_key = key.public_key()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return OAuth(client_id="c", key_id="k", private_key=pem, auth_server=vendor.url)


async def test_oauth_fetches_a_token_and_a_new_one_when_it_is_refused(vendor: FakeSegment) -> None:
    async with destination(vendor, oauth=oauth_of(vendor)) as opened:
        assert await deliver(opened, Journal().segment()) == [Delivered()]
        assert await deliver(opened, Journal().segment()) == [Delivered()]
        assert vendor.tokens == ["token-0"]
        vendor.tokens.append("revoked")
        assert await deliver(opened, Journal().segment()) == [RetryLater("http 401")]
        assert await deliver(opened, Journal().segment()) == [Delivered()]
        assert vendor.tokens[-1] == "token-2"
    assert made(opened, [Journal().segment()])[0].headers["Authorization"] == "Bearer token"


async def test_oauth_that_fails_waits(vendor: FakeSegment) -> None:
    refused = oauth_of(vendor)
    oauth_of(vendor)  # another key pair: the signature of the first one is wrong now
    async with destination(vendor, oauth=refused) as opened:
        assert await deliver(opened, Journal().segment()) == [RetryLater("oauth: no token")]
    broken = OAuth(client_id="c", key_id="k", private_key="no key", auth_server=vendor.url)
    async with destination(vendor, oauth=broken) as opened:
        assert await deliver(opened, Journal().segment()) == [RetryLater("oauth: no token")]


async def test_oauth_that_never_answers_holds_up_nobody(vendor: FakeSegment) -> None:
    vendor.script.append(answers(429, headers={"X-RateLimit-Reset": "86400"}))
    async with destination(vendor, oauth=oauth_of(vendor), timeout=0.3) as opened:
        waits = [RetryLater("oauth: no token in time")]
        assert await deliver(opened, Journal().segment()) == waits
        assert await deliver(opened, Journal().segment()) == waits
