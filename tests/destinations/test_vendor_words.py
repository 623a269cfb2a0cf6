"""A vendor's words are repeated whole, less what was sent and what opens its door."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations.vendor_words import LENGTH, Sent, vendor_words

TOKEN = "4f1c9d3e8a4b4a57"
EVENT = {
    "event": "Bought",
    "properties": {
        "token": TOKEN,
        "distinct_id": "ada@example.com",
        "$insert_id": "not_legal_1",
        "time": 1795420264317,
        "card": 4111111111111111,
        "price": 4.5,
        "seats": 12,
        "name": "Ada Byron",
        "note": "the second error was worse",
        "deep": {"list": [{"plan": "enterprise-gold"}]},
    },
}


def form(*events: Any) -> bytes:
    return b"data=" + quote_plus(orjson.dumps(list(events))).encode() + b"&verbose=1&ip=0"


def sent(*events: Any) -> Sent:
    credentials = base64.b64encode(f"{TOKEN}:".encode()).decode()
    return Sent.of(form(*events), {"Authorization": f"Basic {credentials}"})


@pytest.mark.parametrize(
    "said",
    [
        "'$insert_id' is invalid: must only contain alphanumeric or hyphen '-' characters",
        "properties.time is invalid: must be specified as seconds since epoch",
        "request exceeds max limit of 2097152 bytes",
        "some data points in the request failed validation",
        "$distinct_id, missing or empty",
        "Project exceeded rate limits. Please retry the request with exponential backoff.",
        "Exceed payload limit",
        "bad_request: event_not_defined at batch[3].event, want a string",
        "`properties` has 300 members, at most 255 are allowed",
    ],
)
def test_a_sentence_without_a_value_is_shown_whole(said: str) -> None:
    assert vendor_words(said, sent(EVENT)) == said


@pytest.mark.parametrize(
    ("said", "repeated"),
    [
        ("'ada@example.com' is not a valid id", "'…' is not a valid id"),
        ("distinct_id ada@example.com is blocked", "distinct_id … is blocked"),
        ("distinct_id=ada@example.com is blocked", "distinct_id=… is blocked"),
        ("id ada@exam... is too long", "id …... is too long"),
        ("id ADA@EXAMPLE.COM is blocked", "id … is blocked"),
        ("id ada%40example.com is blocked", "id … is blocked"),
        ("id ada\\u0040example.com is blocked", "id … is blocked"),
        ("id ada&#64;example.com is blocked", "id … is blocked"),
        ("no such user: Ada Byron", "no such user: …"),
        ('name "Ada Byron" is reserved', 'name "…" is reserved'),
        ("card 4111111111111111 is no card", "card … is no card"),
        ("card 4.111111111111111e+15 is no card", "card … is no card"),
        ("card 4.1111e+15 is no card", "card … is no card"),
        ("time 1795420264317 is in the future", "time … is in the future"),
        ("price 4.5 is too low", "price … is too low"),
        ("seats: 12", "seats: …"),
        ("plan enterprise-gold is unknown", "plan … is unknown"),
        ("plan enterprise is unknown", "plan … is unknown"),
        (f"no project has the token {TOKEN}", "no project has the token …"),
        ("bad credentials: Basic NGYxYzlkM2U4YTRiNGE1Nzo=", "bad credentials: Basic …"),
        ("Bearer eyJhbGciOiJSUzI1NiJ9 has expired", "Bearer … has expired"),
        ("a\nb\x00\x1b[31mc", "a b [31mc"),
    ],
)
def test_what_was_sent_and_what_opens_the_door_is_hidden(said: str, repeated: str) -> None:
    assert vendor_words(said, sent(EVENT)) == repeated


def test_words_that_every_vendor_needs_are_shown_though_an_event_holds_them() -> None:
    assert vendor_words("the second error was bad", sent(EVENT)) == "the … error was bad"


def test_of_a_batch_the_refused_record_counts() -> None:
    batch = sent({"event": "A", "properties": {"plan": "goldfinch"}}, EVENT)
    assert vendor_words("plan goldfinch of Byron", batch.record(0)) == "plan … of Byron"
    assert vendor_words("plan goldfinch of Byron", batch.record(1)) == "plan goldfinch of …"
    assert vendor_words("plan goldfinch of Byron", batch) == "plan … of …"
    assert vendor_words("plan goldfinch of Byron", batch.record(7)) == "plan … of …"


def test_what_looks_personal_is_hidden_whoever_sent_it() -> None:
    said = "ask admin@vendor.example, 49301234567890 or 2097152"
    assert vendor_words(said, sent(EVENT)) == "ask …, … or 2097152"


def test_a_segment_batch_is_read_too() -> None:
    body = orjson.dumps({"batch": [{"userId": "ada@example.com"}], "writeKey": "w-123456"})
    read = Sent.of(body, {"Authorization": "Bearer"})
    assert vendor_words("userId ada@example.com of w-123456", read) == "userId … of …"


def test_a_body_that_is_no_json_hides_all_of_itself() -> None:
    assert vendor_words("Byron?", Sent.of(b"Ada Byron", {})) == "…?"


def test_it_ends() -> None:
    said = vendor_words("word " * 10_000, sent(EVENT))
    assert len(said) == LENGTH
    assert said.endswith("…")


VALUES = st.from_regex(r"[a-z]{5,12}@[a-z]{5,9}\.[a-z]{2,3}", fullmatch=True) | st.integers(
    10_000, 10**15
)


@given(VALUES, st.text(max_size=30), st.sampled_from(["{}", "'{}'", "({})", "x={}", "{}s", "{}."]))
def test_no_value_comes_through(value: Any, before: str, form_: str) -> None:
    said = f"{before} {form_.format(value)} is invalid"
    repeated = vendor_words(said, sent({"event": "E", "properties": {"p": value}}))
    assert str(value) not in repeated
