"""What one request becomes, by the pure reader."""

from __future__ import annotations

import base64
import copy
import json
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ByteSize

from gateway.config.model import Limits, Source
from gateway.errors import RequestError
from gateway.event import Message, Misfit, RawEvent, Reason
from gateway.ingest import Intake, Refusal, Sources
from gateway.ingest.client_info import Sender
from gateway.ingest.segment import parse as segment
from gateway.ingest.segment.normalize import merged
from tests.clean import inside

NOW = 1_795_420_264.317
NOW_TEXT = "2026-11-23T07:51:04.317Z"
SOURCES = Sources(
    [
        Source(
            name="shop",
            write_keys=("shop-key", "old-shop-key"),
            origins=("https://*.shop.example",),
        ),
        Source(name="docs", write_keys=("docs-key",)),
        Source(name="phones", write_keys=("phone-key",), kind="mobile"),
        Source(name="workers", write_keys=("worker-key",), kind="server"),
    ],
    accept_unknown=False,
)
ACCEPTING = Sources([Source(name="docs", write_keys=("docs-key",))], accept_unknown=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def take(
    value: Any,
    *,
    of: str | None = None,
    authorization: str | None = None,
    sender: Sender = Sender(),  # noqa: B008 (frozen)
    sources: Sources = SOURCES,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> Intake:
    facts = segment.RequestContext(of, sender, NOW, authorization)
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return segment.read(body, facts, sources, limits)


def one(item: Message, **shared: Any) -> RawEvent:
    """The only event of a batch."""
    intake = take({"writeKey": "docs-key", "batch": [{"type": "track", **item}], **shared})
    assert not intake.refusals
    return intake.events[0]


def code(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(RequestError) as refused:
        take(*args, **kwargs)
    return refused.value.code


class TestWriteKey:
    @pytest.mark.parametrize(
        ("header", "envelope", "source"),
        [
            (basic("docs-key:"), None, "docs"),
            (basic("docs-key"), None, "docs"),
            (basic("docs-key:a password"), None, "docs"),
            (basic("docs-key:").rstrip("="), None, "docs"),
            (basic("docs-key:").replace("Basic", "basic"), None, "docs"),
            (None, "docs-key", "docs"),
            ("Bearer a.token", "docs-key", "docs"),
            ("Basic %%%", "docs-key", "docs"),
            (basic("docs-key:"), "shop-key", "docs"),
            (basic("somebody-else:"), "docs-key", "docs"),
            (basic("docs-key:"), "nobody-has-this", "docs"),
            (basic("docs-key:"), 5, "docs"),
            (None, "old-shop-key", "shop"),
        ],
    )
    @pytest.mark.parametrize("alone", [True, False])
    def test_the_header_comes_before_the_body(
        self, header: str | None, envelope: Any, source: str, alone: bool
    ) -> None:
        body = {"event": "Sent"} if alone else {"batch": [{"type": "track", "event": "Sent"}]}
        if envelope is not None:
            body["writeKey"] = envelope
        intake = take(body, of="track" if alone else None, authorization=header)
        assert [event.source for event in intake.events] == [source]

    @pytest.mark.parametrize("key", [None, "", "unknown", "nobody-has-this", 5, ["docs-key"], {}])
    @pytest.mark.parametrize(
        "header", [None, "", basic(""), basic(":"), basic("no"), "Basic", "\0"]
    )
    def test_a_request_without_a_source_is_refused(self, header: str | None, key: Any) -> None:
        item = {"type": "track", "event": "Sent"}
        assert code({"writeKey": key, **item}, of="track", authorization=header) == (
            "invalid_write_key"
        )
        assert code({"writeKey": key, "batch": [item]}, authorization=header) == (
            "invalid_write_key"
        )

    def test_items_may_name_the_source(self) -> None:
        intake = take(
            {
                "batch": [
                    {"type": "track", "writeKey": "docs-key"},
                    {"type": "track", "writeKey": "shop-key"},
                    {"type": "page", "writeKey": "nobody-has-this"},
                    {"type": "page"},
                    5,
                ]
            }
        )
        assert [event.source for event in intake.events] == ["docs", "shop"]
        assert [(refusal.source, refusal.reason) for refusal in intake.refusals] == [
            ("unknown", Reason.UNKNOWN_WRITE_KEY),
            ("unknown", Reason.UNKNOWN_WRITE_KEY),
            ("unknown", Reason.NOT_AN_OBJECT),
        ]

    def test_sources_are_never_mixed(self) -> None:
        """An item of another source goes there; one whose key nobody has belongs to its request."""
        intake = take(
            {
                "writeKey": "docs-key",
                "batch": [
                    {"type": "track", "writeKey": "docs-key"},
                    {"type": "track", "writeKey": "shop-key"},
                    {"type": "track", "writeKey": "a-placeholder"},
                    {"type": "track", "writeKey": None},
                ],
            }
        )
        assert [event.source for event in intake.events] == ["docs", "shop", "docs", "docs"]
        assert all("writeKey" not in event.message for event in intake.events)

    def test_unknown_keys_may_be_accepted(self) -> None:
        intake = take({"writeKey": "whatever", "event": "Sent"}, of="track", sources=ACCEPTING)
        assert intake.events[0].source == "unknown"
        mixed = {"batch": [{"type": "track", "writeKey": key} for key in ("docs-key", "whatever")]}
        intake = take(mixed, sources=ACCEPTING)
        assert [event.source for event in intake.events] == ["docs", "unknown"]
        assert code({"event": "Sent"}, of="track", sources=ACCEPTING) == "invalid_write_key"

    def test_a_page_of_another_origin_may_not_use_the_key(self) -> None:
        near = Sender(origin="https://www.shop.example")
        far = Sender(origin="https://shop.example.evil.example")
        body = {"writeKey": "shop-key", "event": "Sent"}
        assert take(body, of="track", sender=near).events
        assert take(body, of="track").events
        assert code(body, of="track", sender=far) == "origin_not_allowed"
        item = {"type": "track", "writeKey": "shop-key"}
        intake = take({"writeKey": "docs-key", "batch": [item]}, sender=far)
        assert intake.refusals == [Refusal("shop", "track", Reason.ORIGIN_NOT_ALLOWED)]


class TestMessage:
    @pytest.mark.parametrize("of", segment.TYPES)
    def test_the_path_names_the_type_that_is_missing(self, of: str) -> None:
        for without in ({}, {"type": None}, {"type": ""}, {"type": "nonsense"}, {"type": 5}):
            event = take({"writeKey": "docs-key", **without}, of=of).events[0]
            assert event.type == event.message["type"] == of

    def test_a_type_may_be_in_capitals(self) -> None:
        assert one({"type": "Track"}).message["type"] == "track"

    @pytest.mark.parametrize("of", [None, "", "nonsense", 5, ["track"], {}])
    def test_an_item_of_no_known_type_is_refused_alone(self, of: Any) -> None:
        intake = take({"writeKey": "docs-key", "batch": [{"type": of}, {"type": "page"}]})
        assert [(refusal.type, refusal.reason) for refusal in intake.refusals] == [
            (None, Reason.UNKNOWN_TYPE)
        ]
        assert [event.type for event in intake.events] == ["page"]

    @pytest.mark.parametrize("item", [None, 5, "track", True, [], [{"type": "track"}]])
    def test_an_item_that_is_no_object_is_refused_alone(self, item: Any) -> None:
        intake = take({"writeKey": "docs-key", "batch": [item, {"type": "page"}]})
        assert [(refusal.source, refusal.reason) for refusal in intake.refusals] == [
            ("docs", Reason.NOT_AN_OBJECT)
        ]
        assert len(intake.events) == 1

    def test_a_top_level_null_is_absent_and_an_inner_one_is_null(self) -> None:
        nulls = dict.fromkeys(("userId", "name", "category", "context", "timestamp", "anonymousId"))
        message = one({**nulls, "properties": {"category": None, "list": [None]}}).message
        assert not nulls.keys() - {"timestamp"} & message.keys()
        assert message["properties"] == {"category": None, "list": [None]}

    @pytest.mark.parametrize("key", ["userId", "anonymousId", "groupId", "previousId"])
    @pytest.mark.parametrize(
        ("given", "kept"),
        [(42, "42"), (42.0, "42"), (-1.5, "-1.5"), (2**63, str(2**63)), ("u", "u"), ("", "")],
    )
    def test_an_id_is_text(self, key: str, given: Any, kept: Any) -> None:
        event = one({key: given})
        assert event.message[key] == kept
        assert event.misfits == ()

    @pytest.mark.parametrize("key", ["userId", "anonymousId", "groupId", "previousId"])
    @pytest.mark.parametrize(
        ("given", "kind", "length"),
        [
            ({"id": 5}, "object", 1),
            ({}, "object", 0),
            (["u"], "array", 1),
            ([], "array", 0),
            (True, "boolean", 4),
            (False, "boolean", 5),
        ],
    )
    def test_what_can_be_no_id_is_absent_and_told(
        self, key: str, given: Any, kind: str, length: int
    ) -> None:
        event = one({key: given, "event": "Sent"})
        assert key not in event.message
        assert event.misfits == (Misfit((key,), "drop", "wire:id", kind, length),)

    @pytest.mark.parametrize("given", [float("nan"), float("inf"), None])
    def test_what_says_nothing_is_absent(self, given: Any) -> None:
        event = one({"userId": given})
        assert "userId" not in event.message
        assert event.misfits == ()

    def test_phps_empty_array_is_an_empty_object(self) -> None:
        context = {"traits": [], "library": [], "app": [], "categories": [], "page": {"a": []}}
        event = one({"properties": [], "context": context, "integrations": [], "list": []})
        assert event.message["properties"] == event.message["integrations"] == {}
        objects: Message = {"traits": {}, "library": {}, "app": {}}
        assert event.message["context"] == {**objects, "categories": [], "page": {"a": []}}
        assert event.message["list"] == []
        assert one({"type": "identify", "traits": []}).message["traits"] == {}
        assert one({"properties": [1]}).message["properties"] == [1]
        assert one({"context": []}, context={"locale": "pl"}).message["context"] == {"locale": "pl"}
        assert one({}, context=[], integrations=[]).message.keys().isdisjoint({"context"})
        spaced = b'{"writeKey": "docs-key", "batch": [{"type": "track", "properties": [ \n ]}]}'
        assert take(spaced).events[0].message["properties"] == {}

    def test_phps_list_with_gaps_is_a_list(self) -> None:
        batch = {"0": {"type": "track"}, "2": {"type": "page"}}
        intake = take({"writeKey": "docs-key", "batch": batch})
        assert [event.type for event in intake.events] == ["track", "page"]

    def test_the_envelope_keeps_what_is_its_own(self) -> None:
        message = one(
            {"sequence": 3, "_metadata": {"nodeVersion": "20"}},
            messageId="of the envelope",
            sequence=7,
            timestamp="2020-01-01T00:00:00Z",
        ).message
        assert set(message) == {"type", "_metadata", "messageId", "timestamp", "receivedAt"}
        assert message["messageId"] != "of the envelope"
        assert message["timestamp"] == NOW_TEXT

    @pytest.mark.parametrize(("given", "told"), [(None, 0), ("", 0), ({}, 1), ([], 1), (True, 1)])
    def test_a_missing_message_id_is_made(self, given: Any, told: int) -> None:
        misfits = one({"messageId": given}).misfits
        assert [one.path for one in misfits] == [("messageId",)] * told
        made = [inside(one({"messageId": given}).message)["messageId"] for _ in range(2)]
        assert made[0] != made[1]
        assert uuid.UUID(made[0]).version == 4

    def test_a_message_id_is_kept_as_far_as_it_can_be(self) -> None:
        assert one({"messageId": "x" * 100}).message["messageId"] == "x" * 100
        assert one({"messageId": 7}).message["messageId"] == "7"
        ids = ["x" * 101 + end for end in ("", "", "y")]
        long = [inside(one({"messageId": given}).message)["messageId"] for given in ids]
        assert long[0] == long[1] != long[2]
        assert len(long[0]) == 32

    @pytest.mark.parametrize(
        ("of", "item", "name"),
        [
            ("track", {"event": "Sent", "name": "x"}, "Sent"),
            ("page", {"name": "Home", "event": "x"}, "Home"),
            ("screen", {"name": "Home"}, "Home"),
            ("identify", {"name": "x", "event": "x"}, None),
            ("track", {"event": 5}, None),
            ("track", {"event": None}, None),
        ],
    )
    def test_events_have_names(self, of: str, item: Message, name: str | None) -> None:
        assert one({**item, "type": of}).name == name


class TestTimes:
    """The gateway's clock says 07:51:04.317."""

    @pytest.mark.parametrize(
        ("original", "sent", "timestamp"),
        [
            ("2026-11-23T07:00:00Z", "2026-11-23T07:00:10Z", "2026-11-23T07:50:54.317Z"),
            ("2026-11-23T08:00:00+01:00", "2026-11-23T07:00:10.000999", "2026-11-23T07:50:54.317Z"),
            (1_795_417_200, 1_795_417_210_000, "2026-11-23T07:50:54.317Z"),
            ("2026-11-23T07:00:10Z", "2026-11-23T07:00:00Z", "2026-11-23T07:51:14.317Z"),
            ("2026-11-23T07:00:00Z", None, "2026-11-23T07:00:00.000Z"),
            ("2026-11-23T07:00:00Z", "garbage", "2026-11-23T07:00:00.000Z"),
            ("2026-11-23T07:00:00Z", "0001-01-01T00:00:00Z", "4052-10-14T14:51:04.317Z"),
            ("9999-12-31T00:00:00Z", "2000-01-01T00:00:00Z", "9999-12-31T00:00:00.000Z"),
            ("Nov 18, 2021, 2:45:07 PM", "2026-11-23T07:00:10Z", NOW_TEXT),
            (None, "2026-11-23T07:00:10Z", NOW_TEXT),
            ({}, None, NOW_TEXT),
        ],
    )
    @pytest.mark.parametrize("on_envelope", [True, False])
    def test_the_timestamp_is_corrected(
        self, original: Any, sent: Any, timestamp: str, on_envelope: bool
    ) -> None:
        item = {"timestamp": original}
        message = (
            one(item, sentAt=sent).message if on_envelope else one({**item, "sentAt": sent}).message
        )
        assert message["timestamp"] == timestamp
        assert message["receivedAt"] == NOW_TEXT

    def test_the_original_is_kept(self) -> None:
        message = one(
            {"timestamp": "2026-11-23T08:00:00+01:00"}, sentAt="2026-11-23T07:00:10Z"
        ).message
        assert message["originalTimestamp"] == "2026-11-23T07:00:00.000Z"
        assert message["sentAt"] == "2026-11-23T07:00:10.000Z"
        unreadable = one({"timestamp": "Nov 18, 2021, 2:45:07 PM"}).message
        assert unreadable["originalTimestamp"] == "Nov 18, 2021, 2:45:07 PM"
        assert "originalTimestamp" not in one({}).message
        assert "sentAt" not in one({"sentAt": "garbage"}).message

    @pytest.mark.parametrize(
        ("given", "kind"),
        [
            ("yesterday", "string"),
            ({}, "object"),
            ([1], "array"),
            (True, "boolean"),
            (1e300, "number"),
        ],
    )
    @pytest.mark.parametrize("key", ["timestamp", "originalTimestamp"])
    def test_what_is_no_time_is_the_arrival_and_told(self, key: str, given: Any, kind: str) -> None:
        event = one({key: given})
        assert event.message["timestamp"] == NOW_TEXT
        (misfit,) = event.misfits
        assert (misfit.path, misfit.action, misfit.rule) == ((key,), "replace", "wire:time")
        assert misfit.kind == kind

    def test_a_readable_original_stands_for_an_unreadable_time(self) -> None:
        event = one({"timestamp": "soon", "originalTimestamp": 1_795_417_200})
        assert event.message["timestamp"] == "2026-11-23T07:00:00.000Z"
        assert [misfit.path for misfit in event.misfits] == [("timestamp",)]
        assert one({"timestamp": None, "sentAt": None}).misfits == ()
        assert [misfit.path for misfit in one({"sentAt": "soon"}).misfits] == [("sentAt",)]

    def test_rudder_names_its_time_otherwise(self) -> None:
        message = one(
            {"originalTimestamp": "2026-11-23T07:00:00Z", "sentAt": "2026-11-23T07:00:10Z"}
        )
        assert message.message["timestamp"] == "2026-11-23T07:50:54.317Z"
        assert message.message["originalTimestamp"] == "2026-11-23T07:00:00.000Z"

    def test_an_items_own_sent_at_wins(self) -> None:
        item = {"timestamp": "2026-11-23T07:00:00Z", "sentAt": "2026-11-23T07:00:01Z"}
        assert one(item, sentAt="2026-11-23T07:30:00Z").message["timestamp"] == (
            "2026-11-23T07:51:03.317Z"
        )


class TestEnvelope:
    def test_its_context_is_given_to_each_and_the_item_wins(self) -> None:
        intake = take(
            {
                "writeKey": "docs-key",
                "context": {"library": {"name": "analytics-java", "version": "3"}, "ip": "0.0.0.0"},
                "integrations": {"All": False, "Mail": {"a": 1, "b": 2}},
                "batch": [
                    {"type": "track"},
                    {
                        "type": "track",
                        "context": {"library": {"version": "own"}, "ip": None},
                        "integrations": {"Mail": {"a": 3}, "Chat": True},
                    },
                    {"type": "track", "context": "no object", "integrations": []},
                    {"type": "track", "context": None},
                ],
            }
        )
        first, second, third, fourth = (inside(event.message) for event in intake.events)
        shared = {"library": {"name": "analytics-java", "version": "3"}, "ip": "0.0.0.0"}
        assert first["context"] == fourth["context"] == shared
        assert first["integrations"] == {"All": False, "Mail": {"a": 1, "b": 2}}
        assert second["context"] == {
            "library": {"name": "analytics-java", "version": "own"},
            "ip": None,
        }
        assert second["integrations"] == {"All": False, "Mail": {"a": 3}, "Chat": True}
        assert third["context"] == "no object"
        assert third["integrations"] == first["integrations"]
        assert first["context"]["library"] is not fourth["context"]["library"]
        assert first["integrations"]["Mail"] is not fourth["integrations"]["Mail"]

    @given(st.dictionaries(st.text(max_size=3), JSON), st.dictionaries(st.text(max_size=3), JSON))
    def test_merging_loses_nothing_of_the_item(self, shared: Message, own: Message) -> None:
        before = copy.deepcopy(shared)
        both = merged(shared, copy.deepcopy(own))
        assert merged(both, own) == both
        assert both.keys() == shared.keys() | own.keys()
        for key, value in own.items():
            if not isinstance(value, dict):
                assert both[key] == value
        _spoil(both)
        assert shared == before


def _spoil(value: Any) -> None:
    """Change every object and array, as the pipeline may."""
    inner = list(value.values()) if isinstance(value, dict) else list(value)
    for child in inner:
        if isinstance(child, dict | list):
            _spoil(child)
    value.clear()


class TestLimits:
    def test_an_item_is_measured_alone_and_compact(self) -> None:
        limits = Limits(event_bytes=ByteSize(1000))
        small = {"type": "track", "properties": {"text": "x" * 900}}
        large = {"type": "page", "properties": {"text": "x" * 1000}}
        spaced = orjson.dumps(
            {"writeKey": "docs-key", "batch": [small, large, small]}, option=orjson.OPT_INDENT_2
        )
        intake = take(spaced, limits=limits)
        assert len(intake.events) == 2
        assert [(refusal.type, refusal.reason) for refusal in intake.refusals] == [
            ("page", Reason.EVENT_TOO_LARGE)
        ]
        assert code({"writeKey": "docs-key", **large}, of="page", limits=limits) == (
            "payload_too_large"
        )

    def test_what_the_envelope_shares_counts_for_every_item(self) -> None:
        shared = {"writeKey": "docs-key", "context": {"text": "x" * 900}}
        batch = [{"type": "track", "properties": {"text": "x" * size}} for size in (0, 100, 0)]
        intake = take({**shared, "batch": batch}, limits=Limits(event_bytes=ByteSize(1000)))
        assert len(intake.events) == 2
        assert [refusal.reason for refusal in intake.refusals] == [Reason.EVENT_TOO_LARGE]

    def test_a_shared_context_cannot_multiply_a_body(self) -> None:
        batch = [{"type": "track"}] * 2500
        large = {"writeKey": "docs-key", "context": {"text": "x" * 60_000}, "batch": batch}
        assert code(large) == "payload_too_large"

    def test_a_batch_is_cut_and_the_rest_counted(self) -> None:
        body = {"writeKey": "docs-key", "batch": [{"type": "track"}] * 5}
        intake = take(body, limits=Limits(batch_events=3))
        assert len(intake.events) == 3
        assert intake.refusals == [Refusal("docs", None, Reason.TOO_MANY_IN_BATCH, count=2)]

    @pytest.mark.parametrize("depth", [10, 11, 12, 500])
    def test_nesting_is_bounded(self, depth: int) -> None:
        """The event is the first level, its properties the second."""
        nested: Any = 1
        for _ in range(depth - 2):
            nested = [nested]
        item = {"type": "track", "properties": {"deep": nested}}
        batch = {"writeKey": "docs-key", "batch": [item, {"type": "track"}]}
        shared = {"writeKey": "docs-key", "context": {"deep": nested}, "batch": [{"type": "track"}]}
        limits = Limits(nesting=10)
        intake = take(batch, limits=limits)
        if depth == 10:
            assert len(intake.events) == 2
            assert take({"writeKey": "docs-key", **item}, of="track", limits=limits).events
            assert take(shared, limits=limits).events
        else:
            assert [refusal.reason for refusal in intake.refusals] == [Reason.TOO_DEEP]
            assert len(intake.events) == 1
            assert code({"writeKey": "docs-key", **item}, of="track", limits=limits) == "too_deep"
            assert code(shared, limits=limits) == "too_deep"

    @pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null", b"true"])
    def test_a_body_must_be_an_object(self, body: bytes) -> None:
        assert code(body) == code(body, of="track") == "not_an_object"

    @pytest.mark.parametrize("batch", [None, {}, "[]", 5])
    def test_a_batch_must_be_an_array(self, batch: Any) -> None:
        assert code({"writeKey": "docs-key", "batch": batch}) == "invalid_batch"

    def test_an_empty_batch_is_fine(self) -> None:
        assert take({"writeKey": "docs-key", "batch": []}) == Intake("segment", [], [])


class TestSender:
    PAGE = Sender(address="192.0.2.1", origin="https://www.shop.example", is_page=True)
    OTHER = Sender(address="192.0.2.1")

    @pytest.mark.parametrize(
        ("key", "sender", "context", "known"),
        [
            ("docs-key", PAGE, None, True),
            ("docs-key", OTHER, None, False),
            ("docs-key", OTHER, {"library": {"name": "analytics-kotlin"}}, True),
            ("docs-key", OTHER, {"library": {"name": "analytics.js"}}, True),
            ("docs-key", OTHER, {"library": {"name": "homemade"}}, False),
            ("docs-key", PAGE, {"library": {"name": "homemade"}}, True),
            ("docs-key", PAGE, {"library": {"name": "analytics-python"}}, False),
            ("docs-key", PAGE, {"library": {"name": "@segment/analytics-node"}}, False),
            ("docs-key", OTHER, {"direct": True}, True),
            ("docs-key", OTHER, {"direct": "yes", "library": []}, False),
            ("docs-key", PAGE, "no object", True),
            ("phone-key", OTHER, {"library": {"name": "analytics-python"}}, True),
            ("worker-key", PAGE, {"library": {"name": "analytics.js"}}, False),
            ("worker-key", PAGE, {"direct": True}, False),
        ],
    )
    def test_only_a_persons_device_has_an_address(
        self, key: str, sender: Sender, context: Any, known: bool
    ) -> None:
        event = take({"writeKey": key, "context": context}, of="track", sender=sender).events[0]
        assert event.client_address == ("192.0.2.1" if known else None)

    def test_a_batch_is_opted_out_as_a_whole(self) -> None:
        body = {"writeKey": "docs-key", "batch": [{"type": "track"}] * 2}
        intake = take(body, sender=Sender(opted_out=True))
        assert [event.opted_out for event in intake.events] == [True, True]

    def test_nothing_of_a_person_shows_in_a_repr(self) -> None:
        body = {"writeKey": "docs-key", "event": "Met Ann", "userId": "ann@example.org"}
        shown = repr(take(body, of="track", sender=self.PAGE)) + repr(self.PAGE)
        for secret in ("Ann", "ann@example.org", "192.0.2.1"):
            assert secret not in shown
