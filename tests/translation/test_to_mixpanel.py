"""A Segment message becomes what Segment's own Mixpanel destination would send of it.

The expected values are written out here and not read from the table: each row of the table has its
line in `CONTEXT`, and a row without one fails.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.event import CleanMessage, CleanText, Header, Reason
from gateway.translation import fields, identifiers, to_mixpanel
from gateway.translation.project import Project
from gateway.translation.table import EVENT, RESERVED

Message = dict[str, Any]
RECEIVED_AT = 1_795_420_264.5
SIMPLIFIED = Project()
ORIGINAL = Project(identity="original")
TIMESTAMP = "2026-11-23T07:51:04.317Z"
MILLISECONDS = 1795420264317

CONTEXT: dict[tuple[str, ...], tuple[Any, Message]] = {
    ("messageId",): ("m-9", {"$insert_id": "m-9"}),
    ("timestamp",): (TIMESTAMP, {"time": MILLISECONDS}),
    ("context", "ip"): ("198.51.100.7", {"ip": "198.51.100.7"}),
    ("context", "app", "name"): ("Shop", {"$app_name": "Shop"}),
    ("context", "app", "namespace"): ("com.shop", {"$app_namespace": "com.shop"}),
    ("context", "app", "build"): ("3.0.1", {"$app_build_number": "3.0.1"}),
    ("context", "app", "version"): ("545", {"$app_version_string": "545"}),
    ("context", "app", "platform"): ("iOS", {"app_platform": "iOS"}),
    ("context", "os", "name"): ("iPhone OS", {"$os": "iPhone OS"}),
    ("context", "os", "version"): ("8.1.3", {"$os_version": "8.1.3"}),
    ("context", "userAgentData", "mobile"): (True, {"$mobile": True}),
    ("context", "userAgentData", "platform"): ("macOS", {"$platform": "macOS"}),
    ("context", "userAgentData", "bitness"): ("64", {"$bitness": "64"}),
    ("context", "userAgentData", "platformVersion"): ("13.2", {"$platformVersion": "13.2"}),
    ("context", "userAgentData", "uaFullVersion"): ("114.0.1", {"$uaFullVersion": "114.0.1"}),
    ("context", "userAgentData", "wow64"): (False, {"$wow64": False}),
    ("context", "device", "name"): ("maguro", {"$device": "maguro", "$device_name": "maguro"}),
    ("context", "device", "type"): ("ios", {"$device_type": "ios"}),
    ("context", "device", "manufacturer"): ("Apple", {"$manufacturer": "Apple"}),
    ("context", "device", "model"): ("iPhone7,2", {"$model": "iPhone7,2"}),
    ("context", "device", "idfa"): ("7A3C", {"$ios_ifa": "7A3C"}),
    ("context", "device", "advertisingId"): (
        "7A3D",
        {"$ios_ifa": "7A3D", "advertising_id": "7A3D"},
    ),
    ("context", "device", "adTrackingEnabled"): (True, {"ad_tracking_enabled": "true"}),
    ("context", "network", "bluetooth"): (False, {"$bluetooth_enabled": False}),
    ("context", "network", "carrier"): ("T-Mobile", {"$carrier": "T-Mobile"}),
    ("context", "network", "cellular"): (True, {"$cellular_enabled": True}),
    ("context", "network", "wifi"): (False, {"$wifi_enabled": False}),
    ("context", "location", "country"): ("United States", {"mp_country_code": "United States"}),
    ("context", "location", "region"): ("CA", {}),
    ("context", "location", "city"): ("San Francisco", {}),
    ("context", "locale"): ("en-US", {"$locale": "en-US"}),
    ("context", "timezone"): ("Europe/Amsterdam", {"timezone": "Europe/Amsterdam"}),
    ("context", "library", "name"): ("analytics.js", {"mp_lib": "Segment Actions: analytics.js"}),
    ("context", "library", "version"): ("2.11.1", {"$lib_version": "2.11.1"}),
    ("context", "page", "url"): ("https://a.example/x", {"$current_url": "https://a.example/x"}),
    ("context", "page", "referrer"): ("https://b.example", {"$referrer": "https://b.example"}),
    ("context", "screen", "width"): (320, {"$screen_width": 320}),
    ("context", "screen", "height"): (568, {"$screen_height": 568}),
    ("context", "screen", "density"): (2, {"$screen_density": 2}),
    ("context", "campaign", "source"): ("news", {"utm_source": "news"}),
    ("context", "campaign", "medium"): ("mail", {"utm_medium": "mail"}),
    ("context", "campaign", "name"): ("TPS", {"utm_campaign": "TPS"}),
    ("context", "campaign", "term"): ("tps", {"utm_term": "tps"}),
    ("context", "campaign", "content"): ("image", {"utm_content": "image"}),
}
BARE: Message = {
    "distinct_id": "u1",
    "id": "u1",
    "$user_id": "u1",
    "$identified_id": "u1",
    "$source": "segment",
    "segment_source_name": "web",
    "event_original_name": "Bought",
    "ip": 0,
    "time": 1795420264500,
    "$insert_id": "m-1",
}


def header(kind: str, message_id: str = "m-1") -> Header:
    return Header(
        CleanText(message_id),
        "web",
        "segment",
        kind,
        None,
        "s",
        "optional",
        RECEIVED_AT,
        CleanText("u1"),
        (),
        (),
        {},
    )


def operations(
    message: Message, kind: str, project: Project = SIMPLIFIED
) -> tuple[to_mixpanel.Operation, ...]:
    translated = to_mixpanel.translate(CleanMessage(message), header(kind), project)
    assert not isinstance(translated, Reason), translated
    return translated


def properties(message: Message, kind: str = "track", project: Project = SIMPLIFIED) -> Message:
    (operation,) = operations(message, kind, project)
    assert operation.kind == "event"
    held: Message = operation.record["properties"]
    return held


def test_every_row_of_the_table_has_its_golden_line() -> None:
    assert {row.segment for row in EVENT.rows} == set(CONTEXT)


@pytest.mark.parametrize("path", CONTEXT, ids=".".join)
def test_a_row(path: tuple[str, ...]) -> None:
    value, expected = CONTEXT[path]
    message: Message = {"event": "Bought", "userId": "u1"}
    place = message
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = value
    assert properties(message) == {**BARE, **expected}


def test_the_event_s_own_properties_win_but_for_the_reserved_ones() -> None:
    given = {"plan": "pro", "$os": "BeOS", "none": None, **dict.fromkeys(RESERVED, "mine")}
    message = {
        "event": "Bought",
        "userId": "u1",
        "properties": given,
        "context": {"os": {"name": "iOS"}},
    }
    assert properties(message) == {**BARE, "plan": "pro", "$os": "BeOS", "none": None}


def test_a_group_is_named_by_the_project_s_key() -> None:
    message = {"event": "Bought", "userId": "u1", "context": {"groupId": "acme"}}
    assert properties(message)["$group_id"] == "acme"
    assert properties(message, project=Project(group_key="company"))["company"] == "acme"


def test_iterable_is_its_own_source() -> None:
    message = {"event": "Opened", "userId": "u1", "context": {"integration": {"name": "Iterable"}}}
    assert properties(message)["$source"] == "Iterable"


@pytest.mark.parametrize("address", ["", "0.0.0.0", None])
def test_without_an_address_mixpanel_is_told_not_to_look(address: str | None) -> None:
    message = {"event": "Bought", "userId": "u1", "context": {"ip": address}}
    assert properties(message)["ip"] == 0


@pytest.mark.parametrize(
    ("user", "device", "project", "expected"),
    [
        ("u1", "d1", SIMPLIFIED, {"distinct_id": "u1", "$user_id": "u1", "$device_id": "d1"}),
        ("u1", "d1", ORIGINAL, {"distinct_id": "u1", "$user_id": "u1", "$device_id": "d1"}),
        (None, "d1", SIMPLIFIED, {"distinct_id": "$device:d1", "$device_id": "d1"}),
        (None, "d1", ORIGINAL, {"distinct_id": "d1", "$device_id": "d1"}),
        ("", "d1", ORIGINAL, {"distinct_id": "d1", "$device_id": "d1"}),
        ("anonymous", "d1", ORIGINAL, {"distinct_id": "d1", "$device_id": "d1"}),
        (42, None, ORIGINAL, {"distinct_id": "42", "$user_id": "42"}),
        ("Undefined", "00000000-0000-0000-0000-000000000000", SIMPLIFIED, {"distinct_id": ""}),
    ],
)
def test_identity(user: Any, device: Any, project: Project, expected: Message) -> None:
    message = {"event": "Bought", "userId": user, "anonymousId": device}
    found = properties(message, project=project)
    assert {k: found[k] for k in ("distinct_id", "$user_id", "$device_id") if k in found} == (
        expected
    )
    assert found["id"] == found["distinct_id"]
    assert found.get("$anon_id") == found.get("$device_id")


@pytest.mark.parametrize(
    ("kind", "project", "message", "event"),
    [
        ("page", Project(), {"name": "Home"}, "Viewed Home"),
        ("screen", Project(), {"name": "Home"}, "Viewed Home"),
        ("page", Project(), {}, "Viewed"),
        ("page", Project(page_event="Loaded a Page"), {"name": "Home"}, "Loaded a Page"),
        (
            "page",
            Project(page_event="Viewed {category} {name} Page"),
            {"name": "Home", "category": "Docs"},
            "Viewed Docs Home Page",
        ),
        ("screen", Project(screen_event="Loaded a Screen"), {"name": None}, "Loaded a Screen"),
    ],
)
def test_names_of_pages_and_screens(
    kind: str, project: Project, message: Message, event: str
) -> None:
    (operation,) = operations({**message, "userId": "u1"}, kind, project)
    assert operation.record["event"] == event
    assert operation.record["properties"].get("event_original_name") == message.get("name")


def test_a_page_may_be_mixpanel_s_own_page_view() -> None:
    page = {
        "url": "https://a.example/x?q=1",
        "path": "/x",
        "search": "?q=1",
        "title": "X",
        "referrer": "",
        "plan": "pro",
    }
    message = {"name": "Home", "userId": "u1", "properties": page}
    (operation,) = operations(message, "page", Project(page_event="$mp_web_page_view"))
    assert operation.record == {
        "event": "$mp_web_page_view",
        "properties": {
            **BARE,
            "event_original_name": "Home",
            "$current_url": "https://a.example/x?q=1",
            "current_url_path": "/x",
            "current_url_search": "?q=1",
            "current_page_title": "X",
            "$referrer": "",
            "plan": "pro",
        },
    }


TRAITS = {
    "email": "a@example.com",
    "firstName": "Ada",
    "lastName": "Byron",
    "username": "ada",
    "phone": "+4930",
    "createdAt": "2020-01-01",
    "avatar": "https://a.example/i.png",
    "address": {"city": "London"},
    "first_name": "snake",
    "plan": None,
}
PROFILE = {
    "$email": "a@example.com",
    "$first_name": "Ada",
    "$last_name": "Byron",
    "$name": "Ada Byron",
    "$username": "ada",
    "$phone": "+4930",
    "$created": "2020-01-01",
    "avatar": "https://a.example/i.png",
    "address": {"city": "London"},
    "first_name": "snake",
    "plan": None,
}


def test_identify_joins_the_ids_and_then_sets_the_profile() -> None:
    message = {
        "userId": "u1",
        "anonymousId": "d1",
        "messageId": "m-2",
        "timestamp": TIMESTAMP,
        "traits": TRAITS,
        "context": {"ip": "198.51.100.7"},
    }
    joined, profile = operations(message, "identify")
    assert joined == to_mixpanel.Operation(
        "identity",
        {
            "event": "$identify",
            "properties": {
                "distinct_id": "u1",
                "$identified_id": "u1",
                "$anon_id": "d1",
                "$user_id": "u1",
                "$device_id": "d1",
                "$insert_id": "m-2",
                "$source": "segment",
                "segment_source_name": "web",
            },
        },
    )
    assert profile == to_mixpanel.Operation(
        "people",
        {
            "$distinct_id": "u1",
            "$time": MILLISECONDS,
            "$user_id": "u1",
            "$device_id": "d1",
            "$ip": "198.51.100.7",
            "$set": PROFILE,
        },
    )


@pytest.mark.parametrize(("project", "distinct_id"), [(SIMPLIFIED, "$device:d1"), (ORIGINAL, "d1")])
def test_an_anonymous_profile_is_where_its_events_are(project: Project, distinct_id: str) -> None:
    (profile,) = operations({"anonymousId": "d1", "traits": {"a": 1}}, "identify", project)
    assert profile.record["$distinct_id"] == distinct_id
    assert profile.record["$set"] == {"a": 1}


@pytest.mark.parametrize(
    "traits",
    [
        {"created": "A", "created_at": "B"},
        {"created_at": "A"},
        {"createdAt": "A", "created": "B", "created_at": "C"},
    ],
)
def test_the_first_creation_date_counts(traits: Message) -> None:
    (profile,) = operations({"userId": "u1", "traits": traits}, "identify")
    assert profile.record["$set"] == {"$created": "A"}


def test_group() -> None:
    message = {"userId": "u1", "groupId": "acme", "traits": {"name": "Acme", "seats": 3}}
    (update,) = operations(message, "group")
    assert update == to_mixpanel.Operation(
        "groups",
        {
            "$group_key": "$group_id",
            "$group_id": "acme",
            "$set": {"$name": "Acme", "seats": 3},
        },
    )
    (update,) = operations(
        {**message, "traits": {"company": "x9"}}, "group", Project(group_key="company")
    )
    assert update.record["$group_key"] == "company"
    assert update.record["$group_id"] == "x9"


def test_alias() -> None:
    (operation,) = operations({"previousId": "d1", "userId": "u1", "messageId": "m-3"}, "alias")
    assert operation.kind == "identity"
    assert operation.record == {
        "event": "$create_alias",
        "properties": {
            "distinct_id": "d1",
            "alias": "u1",
            "$insert_id": "m-3",
            "$source": "segment",
            "segment_source_name": "web",
        },
    }


PRODUCTS = [{"sku": "a", "price": 10, "token": "t"}, {"sku": "b", "currency": "USD"}]
ORDER = {
    "event": "Order Completed",
    "userId": "u1",
    "messageId": "5f0c1d3e-8a4b-4a57-9b0e-0f4f5a0d6c11",
    "timestamp": TIMESTAMP,
    "properties": {
        "order_id": "o1",
        "revenue": 30,
        "currency": "EUR",
        "products": PRODUCTS,
    },
}


def test_an_order_is_followed_by_its_products() -> None:
    order, first, second = operations(ORDER, "track")
    assert order.record["event"] == "Order Completed"
    assert order.record["properties"]["products"] == PRODUCTS
    base = {
        **BARE,
        "order_id": "o1",
        "event_original_name": "Order Completed",
    }
    for purchase, own, time in (
        (first, {"sku": "a", "price": 10}, MILLISECONDS - 1),
        (second, {"sku": "b", "currency": "USD"}, MILLISECONDS - 2),
    ):
        held = purchase.record["properties"]
        assert purchase.record["event"] == "Product Purchased"
        assert held == {**base, **own, "time": time, "$insert_id": held["$insert_id"]}
        assert re.fullmatch(r"[A-Za-z0-9-]{1,36}", held["$insert_id"])
    assert first.record["properties"]["$insert_id"] != second.record["properties"]["$insert_id"]
    assert operations(ORDER, "track") == (order, first, second)
    assert len(operations(ORDER, "track", Project(expand_orders=False))) == 1


@pytest.mark.parametrize(
    ("increment", "sums"),
    [
        ({"logins": 1, "spent": "2.5"}, {"logins": 1, "spent": 2.5}),
        ({"logins": "-3"}, {"logins": -3}),
        ({"logins": "many"}, None),
        ({"logins": True}, None),
        ({str(i): i for i in range(21)}, None),
        ({}, None),
        ("3", None),
    ],
)
def test_increments(increment: Any, sums: Message | None) -> None:
    message = {"event": "Bought", "userId": "u1", "properties": {"increment": increment}}
    found = operations(message, "track", Project(increments=True))
    added = [operation.record["$add"] for operation in found if operation.kind == "people"]
    assert added == ([] if sums is None else [sums])
    assert len(operations(message, "track")) == 1


@pytest.mark.parametrize(
    ("kind", "message", "reason"),
    [
        ("track", {"userId": "u1"}, Reason.INCOMPLETE),
        ("track", {"event": 7, "userId": "u1"}, Reason.INCOMPLETE),
        ("identify", {"traits": {"a": 1}}, Reason.INCOMPLETE),
        ("identify", {"userId": "u1"}, Reason.INCOMPLETE),
        ("group", {"groupId": "acme", "userId": "u1"}, Reason.INCOMPLETE),
        ("group", {"traits": {"a": 1}, "userId": "u1"}, Reason.INCOMPLETE),
        ("alias", {"userId": "u1"}, Reason.INCOMPLETE),
        ("alias", {"userId": "u1", "previousId": "u1"}, Reason.INCOMPLETE),
        ("pulse", {}, Reason.NO_EQUIVALENT),
    ],
)
def test_what_cannot_be_said_is_named(kind: str, message: Message, reason: Reason) -> None:
    assert to_mixpanel.translate(CleanMessage(message), header(kind), SIMPLIFIED) is reason


@given(st.text(), st.text())
def test_insert_ids_are_legal_and_distinct(one: str, other: str) -> None:
    found = identifiers.insert_id(one)
    assert re.fullmatch(r"[A-Za-z0-9-]{1,36}", found)
    assert found.lower() not in identifiers.BLOCKED
    assert (found == identifiers.insert_id(other)) == (one == other)


@given(st.datetimes(min_value=datetime(1974, 1, 1)))  # noqa: DTZ001 (the text says it is UTC)
def test_times_keep_their_milliseconds(moment: datetime) -> None:
    text = moment.isoformat(timespec="milliseconds") + "Z"
    assert fields.timestamp(fields.TIME.to_mixpanel(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T08:51:04.317+01:00", MILLISECONDS),
        ("2026-11-23T07:51:04.317999123Z", MILLISECONDS),
        ("2026-11-23", 1795392000000),
        (1795420264, 1795420264000),
        (MILLISECONDS, MILLISECONDS),
        ("Nov 18, 2021, 2:45:07 PM", None),
        (True, None),
        (None, None),
    ],
)
def test_timestamps_as_clients_write_them(text: Any, expected: int | None) -> None:
    assert fields.TIME.to_mixpanel(text) == expected
