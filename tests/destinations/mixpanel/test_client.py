"""Mixpanel gets each record through its own package, and each record's fate is heard."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations import Delivered, Rejected, RetryLater, Verdict, finished
from gateway.destinations.mixpanel.client import MixpanelDestination, _bytes_in_form
from gateway.destinations.mixpanel.settings import MixpanelSettings as Settings
from gateway.event import Reason, StoredEvent
from tests.destinations.events import Journal, made
from tests.fakes.certificate import self_signed
from tests.fakes.mixpanel import FakeMixpanel
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

Record = dict[str, Any]
TOKEN = "project-token"
NOT_ITS = "not an answer of Mixpanel's"


@pytest.fixture
async def vendor() -> AsyncGenerator[FakeMixpanel, None]:
    async with running(FakeMixpanel(TOKEN)) as fake:
        yield fake


@pytest.fixture
def journal() -> Journal:
    """Of events that have just arrived."""
    return Journal(time.time())


@asynccontextmanager
async def destination(
    vendor: FakeMixpanel, **settings: Any
) -> AsyncGenerator[MixpanelDestination, None]:
    given = Settings(**{"type": "mixpanel", "token": TOKEN, "host": vendor.url, **settings})
    opened = MixpanelDestination("mixpanel", given)
    await opened.open(None)
    try:
        yield opened
    finally:
        await opened.close()


async def deliver(opened: MixpanelDestination, *events: StoredEvent) -> list[Verdict]:
    return [await opened.send(request) for request in made(opened, events)]


def native(properties: Record, name: str = "Bought") -> Record:
    return {"event": name, "properties": properties}


async def test_a_segment_event_is_imported(vendor: FakeMixpanel, journal: Journal) -> None:
    event = journal.segment(timestamp="2026-11-23T07:51:04.317Z", properties={"price": 3})
    async with destination(vendor) as opened:
        assert await deliver(opened, event) == [Delivered()]
    assert vendor.events == [
        {
            "event": "Bought",
            "properties": {
                "distinct_id": "u1",
                "id": "u1",
                "$user_id": "u1",
                "$identified_id": "u1",
                "$source": "segment",
                "segment_source_name": "web",
                "event_original_name": "Bought",
                "$insert_id": "m-1",
                "time": 1795420264317,
                "ip": 0,
                "price": 3,
            },
        }
    ]
    (request,) = vendor.seen
    assert request.url == "/import?strict=1"


async def test_a_native_record_arrives_as_it_came(vendor: FakeMixpanel, journal: Journal) -> None:
    properties = {
        "token": "the-source-s-own",
        "distinct_id": "$device:d1",
        "$device_id": "d1",
        "time": 1795420264.317,
        "$insert_id": "k3x9",
        "ip": "198.51.100.7",
        "nested": {"list": [1, 2.5, None, "żółw 🚀"]},
        "none": None,
    }
    record = {**native(properties), "$mp_metadata": {"$mp_event_id": "a1"}}
    people = {"$token": "x", "$distinct_id": "u1", "$time": 1.5, "$append": {"a": [1]}}
    groups = {"$token": "x", "$group_key": "company", "$group_id": "acme", "$unset": ["a"]}
    async with destination(vendor) as opened:
        verdicts = await deliver(
            opened,
            journal.mixpanel("event", record),
            journal.mixpanel("people", people),
            journal.mixpanel("groups", groups),
        )
    assert verdicts == [Delivered()] * 3
    kept = {key: value for key, value in properties.items() if key != "token"}
    assert vendor.events == [{**record, "properties": kept}]
    assert vendor.people == [{k: v for k, v in people.items() if k != "$token"}]
    assert vendor.groups == [{k: v for k, v in groups.items() if k != "$token"}]
    assert all(b"the-source-s-own" not in request.body for request in vendor.seen)
    sent = orjson.loads(parse_qs(vendor.seen[0].body.decode())["data"][0])
    assert list(sent[0]["properties"]) == list(properties)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"distinct_id": "anonymous"}, {"distinct_id": ""}),
        ({}, {"distinct_id": ""}),
        ({"$user_id": "u1"}, {"distinct_id": "u1"}),
        ({"$device_id": "d1"}, {"distinct_id": "$device:d1"}),
        ({"distinct_id": "u1", "$insert_id": "k3x9"}, {"$insert_id": "k3x9"}),
        ({"distinct_id": "u1"}, {"$insert_id": "m-1", "ip": 0}),
        ({"ip": "198.51.100.7"}, {"ip": "198.51.100.7"}),
    ],
)
async def test_what_an_import_would_refuse_is_mended(
    vendor: FakeMixpanel, journal: Journal, given: Record, expected: Record
) -> None:
    async with destination(vendor) as opened:
        assert await deliver(opened, journal.mixpanel("event", native(given))) == [Delivered()]
    (stored,) = vendor.events
    assert expected.items() <= stored["properties"].items()
    assert stored["properties"]["time"] == round(journal.received_at * 1000)


async def test_an_insert_id_that_is_not_legal_is_hashed(
    vendor: FakeMixpanel, journal: Journal
) -> None:
    long = "ajs-next-1795420264317-5e0859ac-0545-4a2a-beb8-5dac29c3f2df"
    async with destination(vendor) as opened:
        for _ in range(2):
            await deliver(
                opened,
                journal.mixpanel("event", native({"distinct_id": "u1", "$insert_id": long})),
                journal.segment(messageId=long),
            )
    found = {event["properties"]["$insert_id"] for event in vendor.events}
    assert len(vendor.events) == 4
    assert len(found) == 1


async def test_a_clock_that_is_ahead_is_set_back(vendor: FakeMixpanel, journal: Journal) -> None:
    ahead = journal.received_at + 7200
    event = journal.mixpanel("event", native({"distinct_id": "u1", "time": ahead}))
    translated = journal.segment(timestamp="2100-01-01T00:00:00.000Z")
    async with destination(vendor) as opened:
        assert await deliver(opened, event, translated) == [Delivered()]
    for stored in vendor.events:
        assert stored["properties"]["time"] == round(journal.received_at * 1000)


async def test_age_loses_nothing(vendor: FakeMixpanel, journal: Journal) -> None:
    old = journal.received_at - 40 * 86400
    event = journal.mixpanel("event", native({"distinct_id": "u1", "time": old}))
    pair = {"distinct_id": "u1", "$anon_distinct_id": "$device:d1", "time": old}
    joined = journal.mixpanel("event", native(pair, "$identify"))
    async with destination(vendor) as opened:
        assert await deliver(opened, event, joined) == [Delivered()] * 2
    assert [stored["event"] for stored in vendor.events] == ["Bought", "$identify"]
    assert [request.url for request in vendor.seen] == ["/import?strict=1", "/track?ip=0"]


async def test_identify_then_profile(vendor: FakeMixpanel, journal: Journal) -> None:
    event = journal.segment("identify", anonymousId="d1", traits={"email": "a@example.com"})
    async with destination(vendor) as opened:
        rendered = opened.render([event])
        assert [request.events for request in rendered.requests] == [(1,), (1,)]
        for request in map(finished, rendered.requests):
            assert await opened.send(request) == Delivered()
    assert [stored["event"] for stored in vendor.events] == ["Identified"]
    assert [stored["$set"] for stored in vendor.people] == [{"$email": "a@example.com"}]


async def test_a_project_with_the_original_merge_is_sent_identify(
    vendor: FakeMixpanel, journal: Journal
) -> None:
    identify = journal.segment("identify", anonymousId="d1")
    alias = journal.segment("alias", previousId="d1")
    async with destination(vendor, identity="original") as opened:
        assert await deliver(opened, identify, alias) == [Delivered()]
    assert [stored["event"] for stored in vendor.events] == ["$identify", "$create_alias"]
    assert [request.url for request in vendor.seen] == ["/track?ip=0"]


async def test_with_the_simplified_merge_nothing_is_sent_that_mixpanel_ignores(
    vendor: FakeMixpanel, journal: Journal
) -> None:
    identify = journal.segment("identify", anonymousId="d1")
    alias = journal.segment("alias", previousId="d1")
    async with destination(vendor, identify_event="Signed In") as opened:
        rendered = opened.render([identify, alias])
        assert rendered.filtered == {2: Reason.NO_EQUIVALENT}
        (request,) = map(finished, rendered.requests)
        assert await opened.send(request) == Delivered()
    (joined,) = vendor.events
    assert joined["event"] == "Signed In"
    assert joined["properties"]["$user_id"] == "u1"
    assert joined["properties"]["$device_id"] == "d1"
    assert [request.url for request in vendor.seen] == ["/import?strict=1"]


def _parts(opened: MixpanelDestination, event: StoredEvent) -> tuple[list[str], Any, Any]:
    rendered = opened.render([event])
    paths = [request.url.removeprefix("https://api.example.com") for request in rendered.requests]
    return (
        paths,
        dict(rendered.left_out.get(event.sequence, {})),
        rendered.filtered.get(event.sequence),
    )


IMPORT, ENGAGE = "/import?strict=1", "/engage?ip=0"


@pytest.mark.parametrize(
    ("message", "paths", "left_out", "filtered"),
    [
        ({"properties": {"increment": {"a": 1}}}, [IMPORT, ENGAGE], {}, None),
        ({"properties": {"increment": {"a": 1, "b": "x"}}}, [IMPORT, ENGAGE],
         {"$add": Reason.INCOMPLETE}, None),
        ({"properties": {"increment": {"b": "x"}}}, [IMPORT], {"$add": Reason.INCOMPLETE}, None),
        ({"properties": {"increment": {"b": "Infinity"}}}, [IMPORT],
         {"$add": Reason.INCOMPLETE}, None),
        ({"userId": None, "properties": {"increment": {"a": 1}}}, [IMPORT],
         {"$add": Reason.INCOMPLETE}, None),
        ({"userId": "undefined", "properties": {"increment": {"a": 1}}}, [IMPORT],
         {"$add": Reason.INCOMPLETE}, None),
        ({"properties": {f"p{i}": i for i in range(260)}}, [], {}, Reason.OVER_VENDOR_LIMIT),
        ({"properties": {**{f"p{i}": i for i in range(260)}, "increment": {"a": 1}}}, [ENGAGE],
         {"event": Reason.OVER_VENDOR_LIMIT}, None),
        ({"properties": {"a": {"b": {"c": {"d": {}}}}}}, [], {}, Reason.OVER_VENDOR_LIMIT),
    ],
)  # fmt: skip
def test_each_part_of_a_message_has_its_own_outcome(
    message: Record, paths: list[str], left_out: Any, filtered: Any
) -> None:
    settings = Settings(
        type="mixpanel", token=TOKEN, host="https://api.example.com", increments=True
    )
    opened = MixpanelDestination("mixpanel", settings)
    assert _parts(opened, Journal().segment(**message)) == (paths, left_out, filtered)


@pytest.mark.parametrize(
    "properties",
    [
        {f"p{i}": i for i in range(255)},
        {"a": {"b": {"c": {"d": 1, "e": {}}}}},
        {"list": list(range(255))},
        {"o": {str(i): i for i in range(255)}},
        {"list": [{"deep": {str(i): i for i in range(255)}}]},
        {"text": "x" * 1024**2},
    ],
)
def test_what_is_over_mixpanel_s_limits_is_not_sent(properties: Record) -> None:
    settings = Settings(type="mixpanel", token=TOKEN, host="https://api.example.com")
    event = Journal().mixpanel("event", native({"distinct_id": "u1", **properties}))
    rendered = MixpanelDestination("mixpanel", settings).render([event])
    assert rendered.requests == ()
    assert rendered.filtered == {1: Reason.OVER_VENDOR_LIMIT}


def test_what_is_just_below_mixpanel_s_limits_is_sent() -> None:
    properties = {
        **{f"p{i}": i for i in range(240)},
        "deep": {"b": {"c": {str(i): i for i in range(254)}}},
        "list": [{"a": {"b": {"c": 1}}}] * 254,
        "text": "x" * 800_000,
    }
    settings = Settings(type="mixpanel", token=TOKEN, host="https://api.example.com")
    event = Journal().mixpanel("event", native({"distinct_id": "u1", **properties}))
    rendered = MixpanelDestination("mixpanel", settings).render([event])
    assert len(rendered.requests) == 1
    assert not rendered.filtered


@pytest.mark.parametrize(
    ("time_", "is_kept"),
    [
        (0, False),
        (1, False),
        (31_535_999.9, False),  # 1970, in seconds
        (31_536_000_000, True),  # in seconds the year 2969: ahead, so the arrival; see below
        (100_000_000_001, True),  # 1973, in milliseconds
        (946_684_800, True),  # 2000, in seconds
        (946_684_800_000, True),
        (-5, False),
        ("soon", False),
        (None, False),
    ],
)
def test_times_that_mixpanel_refuses_are_set_to_the_arrival(time_: Any, is_kept: bool) -> None:
    journal = Journal()
    event = journal.mixpanel("event", native({"distinct_id": "u1", "time": time_}))
    settings = Settings(type="mixpanel", token=TOKEN, host="https://api.example.com")
    (request,) = made(MixpanelDestination("mixpanel", settings), [event])
    (sent,) = orjson.loads(parse_qs(request.body.decode())["data"][0])
    arrival = round(journal.received_at * 1000)
    is_kept = is_kept and time_ != 31_536_000_000
    assert sent["properties"]["time"] == (time_ if is_kept else arrival)


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("1970-06-01T00:00:00.000Z", None),
        ("1970-12-31T23:59:59.999Z", None),
        ("1971-01-01T00:00:00.001Z", 31_536_000_001),
        ("1973-01-01T00:00:00.000Z", 94_694_400_000),
        ("1969-07-20T20:17:00.000Z", None),
        ("0001-01-01T00:00:00.000Z", None),
        ("2026-11-23T08:51:00.000Z", 1_795_423_860_000),
        ("2026-11-23T08:52:00.000Z", None),
        ("9999-12-31T23:59:59.999Z", None),
    ],
)
def test_both_bounds_of_times_are_in_milliseconds(timestamp: str, expected: int | None) -> None:
    journal = Journal()
    events = [
        journal.segment(timestamp=timestamp),
        journal.segment("identify", timestamp=timestamp, traits={"a": 1}),
    ]
    settings = Settings(type="mixpanel", token=TOKEN, host="https://api.example.com")
    requests = made(MixpanelDestination("mixpanel", settings), events)
    track, profile = (
        orjson.loads(parse_qs(request.body.decode())["data"][0])[0] for request in requests
    )
    wanted = expected or round(journal.received_at * 1000)
    assert (track["properties"]["time"], profile["$time"]) == (wanted, wanted)


def test_nobody_s_user_agent_goes_to_mixpanel_under_our_name() -> None:
    settings = Settings(type="mixpanel", token=TOKEN, host="https://api.example.com")
    journal = Journal()
    records = [
        ("event", native({"distinct_id": "u1"})),
        ("event", native({"distinct_id": "u1"}, "$identify")),
        ("people", {"$distinct_id": "u1", "$set": {}}),
        ("groups", {"$group_key": "k", "$group_id": "g", "$set": {}}),
    ]
    events = [journal.mixpanel(kind, {**record, "$user_agent": "A"}) for kind, record in records]
    for request in made(MixpanelDestination("mixpanel", settings), events):
        assert b"user_agent" not in request.body


KINDS = st.sampled_from(["track", "identify", "group", "alias", "people"])


@given(st.lists(st.tuples(KINDS, st.sampled_from("abcde")), max_size=60))
def test_each_user_s_order_holds(script: list[tuple[str, str]]) -> None:
    settings = Settings(
        type="mixpanel", token=TOKEN, host="https://api.example.com", identity="original"
    )
    opened = MixpanelDestination("mixpanel", settings)
    journal = Journal()
    owner: dict[int, str] = {}
    events = []
    for kind, user in script:
        if kind == "people":
            event = journal.mixpanel("people", {"$distinct_id": user, "$add": {"n": 1}}, user)
        else:
            event = journal.segment(
                kind,
                user,
                anonymousId=f"d-{user}",
                previousId=f"d-{user}",
                groupId="g",
                traits={"a": 1},
            )
        owner[event.sequence] = user
        events.append(event)
    rendered = opened.render(events)
    sent = [
        sequence
        for request in map(finished, rendered.requests)
        for sequence in request.context.sequences
    ]
    for user in "abcde":
        mine = [sequence for sequence in sent if owner[sequence] == user]
        assert mine == sorted(mine)
    assert set(sent) == set(owner)
    assert not rendered.filtered


def test_a_mixed_stream_needs_few_requests() -> None:
    settings = Settings(type="mixpanel", token=TOKEN, host="https://api.example.com")
    journal = Journal()
    events = []
    for i in range(200):
        events.append(journal.segment("identify", f"u{i}", traits={"a": 1}))
        events.append(journal.segment("track", f"u{i}"))
    assert len(made(MixpanelDestination("mixpanel", settings), events)) == 2


async def test_batches_stay_within_mixpanel_s_limits(
    vendor: FakeMixpanel, journal: Journal
) -> None:
    big = [journal.segment(properties={"text": '"' * 30_000}) for _ in range(40)]
    many = [journal.segment(properties={"i": i}) for i in range(4500)]
    groups = [journal.segment("group", groupId="g", traits={"i": i}) for i in range(450)]
    async with destination(vendor) as opened:
        assert set(await deliver(opened, *big, *many, *groups)) == {Delivered()}
    assert len(vendor.events) == 4540
    assert [record["$set"]["i"] for record in vendor.groups] == list(range(450))
    for request in vendor.seen:
        records = orjson.loads(parse_qs(request.body.decode())["data"][0])
        assert len(request.body) <= 2_097_152
        assert len(records) <= (200 if request.url.startswith("/groups") else 2000)


@given(st.text())
def test_the_length_of_a_form_is_known_before_it_is_written(text: str) -> None:
    written = text.encode("utf-8", "ignore")
    assert _bytes_in_form(written) == len(quote_plus(written)) + len("%2C")


async def test_what_explain_shows_is_what_goes_out(vendor: FakeMixpanel, journal: Journal) -> None:
    event = journal.segment("identify", anonymousId="d1", traits={"a": 'ż "quoted" ~ +&='})
    group = journal.segment("group", groupId="g", traits={"a": "b"})
    track = journal.segment(properties={"text": "a b"})
    vendor.accounts["robot"] = "secret"
    account = {"username": "robot", "secret": "secret", "project_id": "42"}
    for settings in ({}, {"service_account": account}, {"strict": False}):
        vendor.seen.clear()
        async with destination(vendor, **settings) as opened:
            shown = made(opened, [event, group, track])
            for request in shown:
                assert await opened.send(request) == Delivered()
        assert len(shown) == 5
        for request, sent in zip(shown, vendor.seen, strict=True):
            assert sent.body == request.body
            assert (sent.method, vendor.url + sent.url) == (request.method, request.url)
            assert dict(request.headers) == {k: v for k, v in sent.headers.items() if k != "Host"}
    assert len(vendor.events) == 6


async def test_a_strict_import_names_the_refused_and_keeps_the_rest(
    vendor: FakeMixpanel, journal: Journal
) -> None:
    wide = {f"p{i}": i for i in range(240)}
    vendor.most_properties = 240
    events = [
        journal.segment(properties={"i": 1}),
        journal.segment(properties=wide),
        journal.segment(properties={"i": 3}),
    ]
    async with destination(vendor) as opened:
        (verdict,) = await deliver(opened, *events)
    assert verdict == Rejected(
        Reason.REFUSED,
        400,
        "some data points in the request failed validation",
        events={2: "properties. too many properties"},
        others_arrived=True,
    )
    assert [stored["properties"].get("i") for stored in vendor.events] == [1, 3]


async def test_a_refused_record_points_to_its_event(vendor: FakeMixpanel, journal: Journal) -> None:
    order = journal.segment(
        event="Order Completed", properties={"products": [{"sku": "a"}, {"sku": "b"}]}
    )
    other = journal.segment()
    refusal = {
        "code": 400,
        "error": "some data points in the request failed validation",
        "failed_records": [
            {"index": 2, "field": "properties.sku", "message": "'ada@example.com' is invalid"},
            {"index": 99, "field": "x", "message": "y"},
            "nonsense",
        ],
        "num_records_imported": 3,
    }
    vendor.script.append(answers(400, orjson.dumps(refusal).decode()))
    async with destination(vendor) as opened:
        (verdict,) = await deliver(opened, order, other)
    assert isinstance(verdict, Rejected)
    assert verdict.events == {1: "properties.sku '…' is invalid"}
    assert verdict.others_arrived


UNDERSTOOD = '{"error":null,"status":1}'
TOO_LARGE = '{"code":413,"error":"request exceeds max limit of 2097152 bytes","status":"x"}'
BUSY = '{"code":429,"error":"Project exceeded rate limits.","status":"Too Many Requests"}'


@pytest.mark.parametrize(
    ("behaviour", "verdict"),
    [
        (answers(200, UNDERSTOOD), Delivered()),
        (answers(200, "1"), Delivered()),
        (answers(200, '{"code":200,"num_records_imported":1,"status":"OK"}'), Delivered()),
        (answers(200, "0"), Rejected(Reason.REFUSED, 200, "refused")),
        (
            answers(200, '{"status":0,"error":"$distinct_id, missing or empty"}'),
            Rejected(Reason.REFUSED, 200, "$distinct_id, missing or empty"),
        ),
        (
            answers(200, '{"status":0,"error":"token, missing or empty"}'),
            RetryLater("http 200: the token is refused"),
        ),
        (answers(200, "<html>"), RetryLater(f"{NOT_ITS} (http 200, a page)")),
        (answers(200, ""), RetryLater(f"{NOT_ITS} (http 200)")),
        (answers(200, "[]"), RetryLater(f"{NOT_ITS} (http 200)")),
        (answers(204), RetryLater(f"{NOT_ITS} (http 204)")),
        (answers(400, '{"status":1}'), RetryLater(f"{NOT_ITS} (http 400)")),
        (answers(401, '{"error":"Invalid credentials","status":"x"}'), RetryLater("http 401")),
        (
            answers(413, TOO_LARGE),
            Rejected(Reason.REFUSED, 413, "request exceeds max limit of 2097152 bytes"),
        ),
        (answers(429, BUSY), RetryLater("http 429")),
        (answers(429, BUSY, headers={"Retry-After": "7"}), RetryLater("http 429", 7.0)),
        (answers(500, UNDERSTOOD), RetryLater("http 500")),
        (answers(302, headers={"Location": "/track"}), RetryLater("redirect 302")),
        (resets, RetryLater("connection")),
        (breaks_off, RetryLater("connection")),
        (breaks_off_its_head, RetryLater("connection")),
    ],
)
@pytest.mark.parametrize("kind", ["event", "people"])
async def test_verdicts(
    vendor: FakeMixpanel, journal: Journal, kind: str, behaviour: Behaviour, verdict: Verdict
) -> None:
    record = native({"distinct_id": "u1"}) if kind == "event" else {"$distinct_id": "u", "$set": {}}
    vendor.script.append(behaviour)
    async with destination(vendor) as opened:
        assert await deliver(opened, journal.mixpanel(kind, record)) == [verdict]
    assert len(vendor.seen) == 1


async def test_events_wait_until_the_token_is_right(vendor: FakeMixpanel, journal: Journal) -> None:
    async with destination(vendor, token="mistyped") as opened:
        assert await deliver(opened, journal.segment()) == [RetryLater("http 401")]
    assert vendor.events == []


@pytest.mark.parametrize("behaviour", [drips_its_head, drips_its_body, never_ends])
async def test_an_answer_that_does_not_end_is_ended(
    vendor: FakeMixpanel, journal: Journal, behaviour: Behaviour
) -> None:
    vendor.script.append(behaviour)
    before = threading.active_count()
    async with destination(vendor, timeout=0.3) as opened:
        (verdict,) = await deliver(opened, journal.segment())
        assert isinstance(verdict, RetryLater)
        assert await deliver(opened, journal.segment()) == [Delivered()]
        assert threading.active_count() <= before + 2


async def test_a_certificate_that_nobody_vouches_for(journal: Journal, tmp_path: Path) -> None:
    async with (
        running(FakeMixpanel(TOKEN), self_signed(tmp_path)) as vendor,
        destination(vendor) as opened,
    ):
        assert await deliver(opened, journal.segment()) == [RetryLater("tls")]
        assert vendor.seen == []


async def test_many_at_once(vendor: FakeMixpanel, journal: Journal) -> None:
    async with destination(vendor) as opened:
        verdicts = await asyncio.gather(*[deliver(opened, journal.segment()) for _ in range(40)])
    assert verdicts == [[Delivered()]] * 40
    assert len({stored["properties"]["$insert_id"] for stored in vendor.events}) == 40


def test_what_cannot_be_said_is_named() -> None:
    settings = Settings(type="mixpanel", token=TOKEN, host="https://api.example.com")
    journal = Journal()
    rendered = MixpanelDestination("mixpanel", settings).render(
        [
            journal.appsmith(),
            journal.mixpanel("event", {"event": "x"}),
            journal.segment("identify", traits={}),
            journal.mixpanel("people", {"$add": {"n": 1}}),
            journal.mixpanel("groups", {"$group_key": "company", "$set": {}}),
        ]
    )
    assert rendered.requests == ()
    assert rendered.filtered == {
        1: Reason.NO_EQUIVALENT,
        2: Reason.INCOMPLETE,
        3: Reason.INCOMPLETE,
        4: Reason.INCOMPLETE,
        5: Reason.INCOMPLETE,
    }
