"""Of a malformed body every whole item is taken, and every piece that is none is counted."""

from __future__ import annotations

import gzip
import json
import random
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.model import Limits, Source
from gateway.errors import RequestError
from gateway.event import Reason
from gateway.ingest import Intake, Refusal, Sources
from gateway.ingest.client_info import Sender
from gateway.ingest.mixpanel.unpack import items
from gateway.ingest.salvage import LOST, salvage_envelopes
from gateway.ingest.segment.parse import RequestContext, read
from tests.clean import inside
from tests.ingest.backend import KEY, NOW, RecordingDoor, serving

SOURCES = Sources(
    [
        Source(name="demo", write_keys=(KEY,)),
        Source(name="other", write_keys=("other-key",)),
        Source(name="shop", write_keys=("shop-key",), origins=("https://shop.example",)),
    ],
    accept_unknown=False,
)
TAIL = b'"sentAt":"2026-11-23T07:51:04.317Z","writeKey":"%s"}' % KEY.encode()


def event(number: int, **more: Any) -> bytes:
    """With all that could mislead: braces and quotes in texts, objects that look like events."""
    properties = {"text": 'a "{[}],\\', "list": [{"type": "page"}, [], {}], "batch": [1, {"a": 2}]}
    message = {"type": "track", "event": f"E{number}", "properties": properties, **more}
    return json.dumps(message, indent=number % 2 or None).encode()


ONE, TWO, THREE = event(1), event(2), event(3)
BATCHES: dict[str, tuple[bytes, list[str], int]] = {
    "a comma first": (b'{"batch":[,%b,%b],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 0),
    "commas first": (b'{"batch":[ ,\n,%b,%b],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 0),
    "a comma last": (b'{"batch":[%b,%b,],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 0),
    "two commas": (b'{"batch":[%b,,%b],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 0),
    "no commas": (b'{"batch":[%b%b %b],%b' % (ONE, TWO, THREE, TAIL), ["E1", "E2", "E3"], 0),
    "a comma behind the batch": (b'{"batch":[%b],,%b' % (ONE, TAIL), ["E1"], 0),
    "a comma at the end": (b'{"batch":[%b],%b,}' % (ONE, TAIL[:-1]), ["E1"], 0),
    "cut in the last item": (
        b'{"writeKey":"%s","batch":[%b,%b' % (KEY.encode(), ONE, TWO[:-9]),
        ["E1"],
        1,
    ),
    "cut in a text": (
        b'{"writeKey":"%s","batch":[%b,{"type":"track","event":"E' % (KEY.encode(), ONE),
        ["E1"],
        1,
    ),
    "cut behind an item": (b'{"writeKey":"%s","batch":[%b,' % (KEY.encode(), ONE), ["E1"], 0),
    "cut behind the batch": (b'{"writeKey":"%s","batch":[%b]' % (KEY.encode(), ONE), ["E1"], 0),
    "cut in its tail": (
        b'{"writeKey":"%s","batch":[%b],"sentAt":"2026-' % (KEY.encode(), ONE),
        ["E1"],
        0,
    ),
    "not closed": (b'{"batch":[%b,%b],%b' % (ONE, TWO, TAIL[:-1]), ["E1", "E2"], 0),
    "closed twice": (b'{"batch":[%b,%b]],%b}' % (ONE, TWO, TAIL), ["E1", "E2"], 0),
    "a brace too many": (b'{"batch":[%b},%b],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 0),
    "cut at its front": (b'event":"E0"},%b,%b],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 1),
    "its opening brace lost": (b'"batch":[%b],%b' % (ONE, TAIL), ["E1"], 0),
    "no batch around": (b"%b,%b],%b" % (ONE, TWO, TAIL), ["E1", "E2"], 0),
    "an item cut in the middle": (b'{"batch":[%b,%b],%b' % (ONE[:40], TWO, TAIL), ["E2"], 1),
    "an item cut in a text": (
        b'{"batch":[{"type":"track","event":"Cu,%b,%b],%b' % (TWO, THREE, TAIL),
        ["E2", "E3"],
        1,
    ),
    "an item cut in an inner list": (
        b'{"batch":[%b,{"type":"track","properties":{"a":[1,%b],%b' % (ONE, THREE, TAIL),
        ["E1", "E3"],
        1,
    ),
    "every other item cut": (
        b'{"batch":[%b,%b,%b,%b],%b' % (ONE, TWO[:-1], THREE, TWO[:-30], TAIL),
        ["E1", "E3"],
        2,
    ),
    "an item with a comma too many": (
        b'{"batch":[{"type":"track","event":"E0",},%b],%b' % (ONE, TAIL),
        ["E1"],
        1,
    ),
    "an item not in UTF-8": (
        b'{"batch":[{"type":"track","event":"\xff"},%b],%b' % (ONE, TAIL),
        ["E1"],
        1,
    ),
    "an item too deep": (
        b'{"batch":[{"type":"track","p":%b%b},%b],%b' % (b"[" * 1100, b"]" * 1100, ONE, TAIL),
        ["E1"],
        1,
    ),
    "words between": (b'{"batch":[%b,undefined,%b],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 1),
    "garbage between": (b'{"batch":[%b,x"}y%b],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 1),
    "zeros between": (b'{"batch":[%b\0\0,\0%b],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 0),
    "zeros behind": (b'{"batch":[%b],%b\0\0\0\0' % (ONE, TAIL), ["E1"], 0),
    "zeros before": (b'\0\0{"batch":[%b],%b' % (ONE, TAIL), ["E1"], 0),
    "a line of log before": (b'-- app 1.0 --\n{"batch":[%b],%b' % (ONE, TAIL), ["E1"], 1),
    "a line of log behind": (b'{"batch":[%b],%b\nsent!' % (ONE, TAIL), ["E1"], 1),
    "two joined": (b'{"batch":[%b],%b{"batch":[%b],%b' % (ONE, TAIL, TWO, TAIL), ["E1", "E2"], 0),
    "two joined, a comma first": (
        b'{"batch":[,%b],%b\n{"batch":[,%b],%b' % (ONE, TAIL, TWO, TAIL),
        ["E1", "E2"],
        0,
    ),
    "the first of two cut": (b'{"batch":[%b,{"batch":[%b],%b' % (ONE, TWO, TAIL), ["E1", "E2"], 0),
    "the first of two cut in an item": (
        b'{"batch":[%b,%b{"batch":[%b],%b' % (ONE, TWO[:20], THREE, TAIL),
        ["E1", "E3"],
        1,
    ),
    "an event beside a batch": (b'{"batch":[%b],%b%b' % (ONE, TAIL, TWO), ["E1", "E2"], 0),
    "a control character in a text": (
        b'{"batch":[{"type":"track","event":"E1","properties":{"a":"\x01\n"}}],%b' % TAIL,
        ["E1"],
        0,
    ),
}


def taken(body: bytes, of: str | None = None, **more: Any) -> Intake:
    return read(body, RequestContext(of, Sender(**more), NOW), SOURCES, Limits())


def named(intake: Intake) -> list[str | None]:
    return [raw.name for raw in intake.events]


@pytest.mark.parametrize("name", BATCHES)
def test_what_is_whole_in_a_batch_is_taken_and_what_is_not_is_counted(name: str) -> None:
    body, whole, lost = BATCHES[name]
    intake = taken(body)
    assert named(intake) == whole
    assert [refusal.reason for refusal in intake.refusals] == [Reason.MALFORMED] * lost
    for raw in intake.events:
        assert raw.source == "demo"
        if raw.name and raw.name > "E1":
            assert inside(raw.message)["properties"]["text"] == 'a "{[}],\\'


def test_a_large_batch_with_many_broken_items_keeps_all_the_others() -> None:
    text = "word and word " * 40
    whole = [event(number, messageId=f"m{number}", text=text) for number in range(600)]
    items = [item[:300] if number % 5 == 0 else item for number, item in enumerate(whole)]
    intake = taken(b'{"batch":[%b],%b' % (b",".join(items), TAIL))
    assert named(intake) == [f"E{number}" for number in range(600) if number % 5]
    assert [refusal.reason for refusal in intake.refusals] == [Reason.MALFORMED] * 120


def test_each_of_joined_batches_says_for_itself_what_its_events_share() -> None:
    context = b'"context":{"library":{"name":"%s"}}'
    first = b'{%b,"batch":[,%b],"writeKey":"%s"}' % (context % b"ios", ONE, KEY.encode())
    second = b'{"writeKey":"other-key",%b,"batch":[%b]}' % (context % b"android", TWO)
    intake = taken(first + second)
    found = {raw.source: inside(raw.message)["context"]["library"]["name"] for raw in intake.events}
    assert found == {"demo": "ios", "other": "android"}


def test_a_batch_whose_key_is_lost_has_that_of_its_neighbour_and_one_with_a_wrong_key_none() -> (
    None
):
    intake = taken(b'{"batch":[%b{"batch":[%b],%b' % (ONE, TWO, TAIL))
    assert [raw.source for raw in intake.events] == ["demo", "demo"]
    wrong = b'{"writeKey":"nobody","batch":[,%b,%b]}' % (ONE, TWO)
    intake = taken(wrong + b'{"batch":[%b],%b' % (THREE, TAIL))
    assert named(intake) == ["E3"]
    assert intake.refusals == [Refusal("unknown", None, Reason.UNKNOWN_WRITE_KEY, 2)]
    far = b'{"writeKey":"shop-key","batch":[%b]}' % ONE
    intake = taken(far + b'{"batch":[%b],%b' % (THREE, TAIL), origin="https://evil.example")
    assert intake.refusals == [Refusal("unknown", None, Reason.ORIGIN_NOT_ALLOWED, 1)]
    with pytest.raises(RequestError) as refused:
        taken(wrong + wrong)
    assert refused.value.code == "invalid_write_key"


@pytest.mark.parametrize(
    ("body", "whole", "lost"),
    [
        (b"%b\0\0", ["E1"], 0),
        (b"%b{}{", ["E1"], 1),
        (b"\n,%b,", ["E1"], 0),
        (b"%b%b", ["E1", "E1"], 0),
        (b'%b{"event":"Cut', ["E1"], 1),
    ],
)
def test_so_it_is_where_events_come_alone(body: bytes, whole: list[str], lost: int) -> None:
    alone = event(1, writeKey=KEY)
    intake = taken(body.replace(b"%b", alone), "track")
    assert [name for name in named(intake) if name] == whole
    assert sum(refusal.reason is Reason.MALFORMED for refusal in intake.refusals) == lost


@pytest.mark.parametrize(
    "body",
    [
        b'{"batch":[',
        b'{"batch":[{"type":"track"',
        ONE[:-1],
        b'{"batch":[],%b,,' % TAIL[:-1],
        b"\0" * 99,
        b"[" * 9,
    ],
)
def test_where_nothing_is_whole_the_request_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        taken(body)
    assert refused.value.code == "invalid_json"


@given(st.binary(max_size=30), st.integers(0, 10**6), st.booleans())
def test_whatever_is_put_between_two_items_takes_no_third_one_with_it(
    garbage: bytes, seed: int, is_instead: bool
) -> None:
    """Unless it opens a text or a bracket that swallows what follows."""
    numbers = list(range(1, 9))
    parts = [b"{%b}" % (b'"type":"track","event":"E%d"' % number) for number in numbers]
    place = random.Random(seed).randrange(1, 7)
    if is_instead:
        parts[place] = garbage
    else:
        parts[place:place] = [garbage]
    body = b'{"batch":[%b],%b' % (b",".join(parts), TAIL)
    try:
        found = salvage_envelopes(body, lambda value: value.get("type") == "track")
    except RequestError:
        pytest.fail("it never raises")
    names = [
        item["event"]
        for envelope in found
        for item in envelope["batch"]
        if item is not LOST and "event" in item
    ]
    before = [f"E{number}" for number in numbers[:place]]
    assert names[: len(before)] == before
    if not set(garbage) & set(b'"{}[]\\'):
        assert names == [
            f"E{number}" for number in numbers if not is_instead or number != place + 1
        ]


@pytest.mark.parametrize(
    ("body", "whole", "lost"),
    [
        (b"[,%b,%b]", ["E1", "E2"], 0),
        (b"[%b,%b,]", ["E1", "E2"], 0),
        (b"[%b%b]", ["E1", "E2"], 0),
        (b"[%b][%b]", ["E1", "E2"], 0),
        (b"%b,%b", ["E1", "E2"], 0),
        (b"%b%b", ["E1", "E2"], 0),
        (b"[%b,%b", ["E1", "E2"], 0),
        (b'[%b,%b,{"event":"Cu', ["E1", "E2"], 1),
        (b'[%b,{"event":"Cu,%b]', ["E1", "E2"], 1),
        (b"[%b,\0\0%b]\0", ["E1", "E2"], 0),
        (b"[%b,nil,%b]", ["E1", "E2"], 1),
        (b'%b\n{"event": "torn\n%b', ["E1", "E2"], 1),
        (b"%b%b\n{}\n\n", ["E1", "E2", None], 0),
    ],
)
def test_mixpanels_lists_are_saved_alike(body: bytes, whole: list[str | None], lost: int) -> None:
    given = body
    for number in (1, 2):
        record = {"event": f"E{number}", "properties": {"text": "}{", "list": [{"a": 1}]}}
        given = given.replace(b"%b", orjson.dumps(record), 1)
    found = items(given, 100)
    assert [item.get("event") for item in found if item is not LOST] == whole
    assert found.count(LOST) == lost


async def test_an_sdk_hears_that_its_broken_batch_was_taken(
    http: ClientSession, door: RecordingDoor
) -> None:
    """It would drop all of it, were it told no."""
    body, whole, lost = BATCHES["every other item cut"]
    headers = {"Content-Encoding": "gzip"}
    async with http.post("/v1/batch", data=gzip.compress(body), headers=headers) as response:
        assert (response.status, await response.json()) == (200, {"success": True})
    assert [raw.name for raw in door.events] == whole
    assert [refusal.reason for refusal in door.refusals] == [Reason.MALFORMED] * lost
    assert door.codes == []


async def test_an_importer_hears_which_records_are_lost() -> None:
    door = RecordingDoor(protocol="mixpanel")
    record = orjson.dumps({"event": "E", "properties": {"token": KEY, "time": 1}})
    async with serving(door) as url, ClientSession(url) as client:
        body = b"[%b,{,%b]" % (record, record)
        async with client.post("/import?strict=1", data=body) as response:
            answer = await response.json()
    assert response.status == 400
    assert answer["num_records_imported"] == 2
    assert [failed["index"] for failed in answer["failed_records"]] == [1]
