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
from gateway.translation.operation import Operation
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


def operations(message: Message, kind: str, project: Project = SIMPLIFIED) -> tuple[Operation, ...]:
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
    joined, profile = operations(message, "identify", ORIGINAL)
    assert joined == Operation(
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
    assert profile == Operation(
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
        {"createdAt": "B", "created": "A", "created_at": "C"},
        {"createdAt": "A", "created": None, "created_at": "C"},
        {"createdAt": None, "created": None, "created_at": "A"},
    ],
)
def test_the_first_creation_date_counts(traits: Message) -> None:
    (profile,) = operations({"userId": "u1", "traits": traits}, "identify")
    assert profile.record["$set"] == {"$created": "A"}


def test_group() -> None:
    message = {
        "userId": "u1",
        "groupId": "acme",
        "timestamp": TIMESTAMP,
        "traits": {"name": "Acme", "seats": 3},
    }
    update, link = operations(message, "group")
    assert update == Operation(
        "groups",
        {
            "$group_key": "$group_id",
            "$group_id": "acme",
            "$set": {"$name": "Acme", "seats": 3},
        },
    )
    assert link == Operation(
        "people",
        {
            "$distinct_id": "u1",
            "$time": MILLISECONDS,
            "$user_id": "u1",
            "$union": {"$group_id": ["acme"]},
        },
    )
    update, link = operations(
        {**message, "traits": {"company": "x9"}}, "group", Project(group_key="company")
    )
    assert update.record["$group_key"] == "company"
    assert update.record["$group_id"] == "x9"
    assert link.record["$union"] == {"company": ["x9"]}


@pytest.mark.parametrize("traits", [{}, None, [], "none"])
def test_a_group_without_traits_gets_an_empty_profile(traits: Any) -> None:
    update, link = operations({"userId": "u1", "groupId": "acme", "traits": traits}, "group")
    assert update.record["$set"] == {}
    assert link.record["$union"] == {"$group_id": ["acme"]}


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("0", "0"),
        ("none", "none"),
        ("unknown", "unknown"),
        ("true", "true"),
        ("-1", "-1"),
        (0, "0"),
        (42, "42"),
        (4.5, "4.5"),
        (True, "true"),
        (["acme"], "acme"),
    ],
)
def test_what_is_nobody_may_be_a_group(group: Any, expected: str) -> None:
    update, link = operations({"userId": "u1", "groupId": group}, "group")
    assert update.record["$group_id"] == expected
    assert link.record["$union"] == {"$group_id": [expected]}
    event = {"event": "Bought", "userId": "u1", "context": {"groupId": group}}
    assert properties(event)["$group_id"] == expected


@pytest.mark.parametrize(
    ("ids", "distinct_id"),
    [
        ({"userId": "u1", "anonymousId": "d1"}, "u1"),
        ({"anonymousId": "d1"}, "$device:d1"),
        ({}, None),
        ({"userId": "anonymous"}, None),
    ],
)
def test_a_group_is_linked_to_whoever_is_known(ids: Message, distinct_id: str | None) -> None:
    update, *links = operations({**ids, "groupId": "acme"}, "group")
    assert update.kind == "groups"
    assert [link.record["$distinct_id"] for link in links] == ([distinct_id] if distinct_id else [])


def test_several_group_keys() -> None:
    project = Project(group_key="company", group_keys=("team", "region"))
    traits = {"team": ["red", 7, "", None], "region": None, "name": "Acme"}
    message = {"userId": "u1", "groupId": "acme", "traits": traits}
    *profiles, link = operations(message, "group", project)
    assert [(p.record["$group_key"], p.record["$group_id"]) for p in profiles] == [
        ("company", "acme"),
        ("team", "red"),
        ("team", "7"),
    ]
    for profile in profiles:
        assert profile.record["$set"]["$name"] == "Acme"
    assert link.record["$union"] == {"company": ["acme"], "team": ["red", "7"]}
    only, link = operations({"userId": "u1", "traits": {"team": "red"}}, "group", project)
    assert only.record["$group_key"] == "team"
    assert link.record["$union"] == {"team": ["red"]}


def test_alias() -> None:
    message: Message = {"previousId": "d1", "userId": "u1", "messageId": "m-3"}
    assert (
        to_mixpanel.translate(CleanMessage(message), header("alias"), SIMPLIFIED)
        is Reason.NO_EQUIVALENT
    )
    (operation,) = operations(message, "alias", ORIGINAL)
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


def test_a_product_alone_is_one_too() -> None:
    order = {**ORDER, "properties": {"products": {"sku": "a"}}}
    assert [o.record["properties"].get("sku") for o in operations(order, "track")] == [None, "a"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"price": "4.50"}, {"price": 4.5}),
        ({"price": "1e2", "quantity": "2", "position": "3"},
         {"price": 100, "quantity": 2, "position": 3}),
        ({"quantity": 2.0}, {"quantity": 2}),
        ({"quantity": "2.5"}, {"quantity": "2.5"}),
        ({"price": "free"}, {"price": "free"}),
        ({"sku": 17, "product_id": 4.5, "variant": True, "coupon": ["X"]},
         {"sku": "17", "product_id": "4.5", "variant": "true", "coupon": "X"}),
        ({"brand": {"id": 1}}, {"brand": {"id": 1}}),
        ({"sizes": ["38"], "weight": "3"}, {"sizes": ["38"], "weight": "3"}),
    ],
)  # fmt: skip
def test_what_segment_knows_of_a_product_has_its_type(given: Message, expected: Message) -> None:
    _, purchase = operations({**ORDER, "properties": {"products": [given]}}, "track")
    found = purchase.record["properties"]
    assert {key: found[key] for key in given} == expected
    assert all(type(found[key]) is type(value) for key, value in expected.items())


@pytest.mark.parametrize(
    ("increment", "sums", "is_whole"),
    [
        ({"logins": 1, "spent": "2.5"}, {"logins": 1, "spent": 2.5}, True),
        ({"logins": "-3"}, {"logins": -3}, True),
        ({"logins": " 7 "}, {"logins": 7}, True),
        ({"logins": "1e3"}, {"logins": 1000}, True),
        ({"logins": "1e300"}, {"logins": 1e300}, True),
        ({"logins": "many"}, None, False),
        ({"logins": "many", "spent": 2}, {"spent": 2}, False),
        ({"logins": "Infinity", "spent": 2}, {"spent": 2}, False),
        ({"logins": "-inf", "more": "NaN", "spent": 2}, {"spent": 2}, False),
        ({"logins": "1e999"}, None, False),
        ({"logins": "1_000"}, None, False),
        ({"logins": "٣"}, None, False),
        ({"logins": ""}, None, False),
        ({"logins": True}, None, False),
        ({"logins": None, "spent": 2}, {"spent": 2}, False),
        ({"logins": [1]}, None, False),
        ({str(i): i for i in range(21)}, None, False),
        ({str(i): i for i in range(20)}, {str(i): i for i in range(20)}, True),
        ({}, None, True),
        (None, None, True),
        ("3", None, False),
        ([1], None, False),
    ],
)
def test_increments(increment: Any, sums: Message | None, is_whole: bool) -> None:
    message = {"event": "Bought", "userId": "u1", "properties": {"increment": increment}}
    found = operations(message, "track", Project(increments=True))
    assert found[0].kind == "event"
    added = [o.record["$add"] for o in found[1:] if not o.reason]
    assert added == ([] if sums is None else [sums])
    left_out = [(o.part, o.reason) for o in found if o.reason]
    assert left_out == ([] if is_whole else [("$add", Reason.INCOMPLETE)])
    assert len(operations(message, "track")) == 1


@pytest.mark.parametrize("ids", [{}, {"userId": "undefined"}, {"userId": "", "anonymousId": "0"}])
def test_nobody_s_increment_is_left_out_by_itself(ids: Message) -> None:
    message = {**ids, "event": "Bought", "properties": {"increment": {"logins": 1}}}
    event, add = operations(message, "track", Project(increments=True))
    assert (event.kind, event.reason) == ("event", None)
    assert (add.part, add.reason) == ("$add", Reason.INCOMPLETE)


JOIN = {"userId": "u1", "anonymousId": "d1", "timestamp": TIMESTAMP, "messageId": "m-2"}


def test_with_the_simplified_merge_one_ordinary_event_joins_the_ids() -> None:
    (joined,) = operations(JOIN, "identify")
    held = joined.record["properties"]
    assert joined == Operation(
        "event",
        {
            "event": "Identified",
            "properties": {
                "distinct_id": "u1",
                "$identified_id": "u1",
                "$anon_id": "d1",
                "$user_id": "u1",
                "$device_id": "d1",
                "ip": 0,
                "time": 1795392000000,
                "$insert_id": held["$insert_id"],
                "$source": "segment",
                "segment_source_name": "web",
                "segment_call": "identify",
            },
        },
    )
    (named,) = operations(JOIN, "identify", Project(identify_event="Signed In"))
    assert named.record["event"] == "Signed In"


@pytest.mark.parametrize(
    "changed",
    [
        {"messageId": "m-3"},
        {"timestamp": "2026-11-23T00:00:00.000Z"},
        {"timestamp": "2026-11-23T08:20:00.000Z"},
        {"context": {"ip": "198.51.100.7"}},
    ],
)
def test_mixpanel_knows_a_pair_that_it_was_told_of(changed: Message) -> None:
    """It drops a copy by event, time, distinct_id and `$insert_id`."""
    assert operations({**JOIN, **changed}, "identify") == operations(JOIN, "identify")


@pytest.mark.parametrize("changed", [{"userId": "u2"}, {"anonymousId": "d2"}])
def test_another_pair_is_another_event(changed: Message) -> None:
    (one,), (other,) = operations({**JOIN, **changed}, "identify"), operations(JOIN, "identify")
    ids = {o.record["properties"]["$insert_id"] for o in (one, other)}
    assert len(ids) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9-]{1,36}", found) for found in ids)


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({"name": None, "firstName": "Ada", "lastName": "Byron"}, "Ada Byron"),
        ({"name": "A. B.", "firstName": "Ada", "lastName": "Byron"}, "A. B."),
        ({"name": "", "firstName": "Ada", "lastName": "Byron"}, ""),
        ({"firstName": "Ada", "lastName": None}, None),
        ({"firstName": "Ada", "lastName": ""}, None),
        ({"firstName": 1, "lastName": 2}, "1 2"),
        ({"name": None}, None),
    ],
)
def test_a_name_is_made_where_there_is_none(traits: Message, expected: str | None) -> None:
    (profile,) = operations({"userId": "u1", "traits": {"a": 1, **traits}}, "identify")
    assert profile.record["$set"].get("$name") == expected
    assert ("$name" in profile.record["$set"]) == (expected is not None)


def test_nulls_of_traits() -> None:
    traits = {"email": None, "plan": None, "created": None, "createdAt": None, "name": None}
    (profile,) = operations({"userId": "u1", "traits": traits}, "identify")
    assert profile.record["$set"] == {"$email": None, "plan": None}


def test_a_named_trait_wins_over_one_of_mixpanel_s_name() -> None:
    traits = {"$email": "old@example.com", "email": "new@example.com", "$phone": "1"}
    (profile,) = operations({"userId": "u1", "traits": traits}, "identify")
    assert profile.record["$set"] == {"$email": "new@example.com", "$phone": "1"}


def test_traits_may_be_written_in_other_ways_than_set() -> None:
    project = Project(
        set_once=("createdAt", "source"), union=("tags", "plan"), append=("visits", "one")
    )
    traits = {
        "email": "a@example.com",
        "createdAt": "2020-01-01",
        "source": "ad",
        "tags": ["a", "b"],
        "plan": "pro",
        "visits": ["x", "y"],
        "one": 1,
    }
    found = operations({"userId": "u1", "traits": traits}, "identify", project)
    assert [(o.part, o.record[o.part]) for o in found] == [
        ("$set", {"$email": "a@example.com"}),
        ("$set_once", {"$created": "2020-01-01", "source": "ad"}),
        ("$union", {"tags": ["a", "b"], "plan": ["pro"]}),
        ("$append", {"visits": "x", "one": 1}),
        ("$append", {"visits": "y"}),
    ]
    assert {o.record["$distinct_id"] for o in found} == {"u1"}


@pytest.mark.parametrize(
    ("traits", "parts"),
    [
        ({"source": "ad"}, ["$set_once"]),
        ({"tags": []}, []),
        ({"tags": None, "source": None}, []),
        ({"a": 1, "visits": []}, ["$set"]),
    ],
)
def test_an_operation_without_a_value_is_none(traits: Message, parts: list[str]) -> None:
    project = Project(set_once=("source",), union=("tags",), append=("visits",))
    message = CleanMessage({"userId": CleanText("u1"), "traits": traits})
    found = to_mixpanel.translate(message, header("identify"), project)
    assert ([] if isinstance(found, Reason) else [o.part for o in found]) == parts


def test_traits_of_the_context_may_go_onto_events() -> None:
    context = {
        "traits": {"plan": "pro", "email": "a@example.com", "distinct_id": "x", "none": None}
    }
    message = {
        "event": "Bought",
        "userId": "u1",
        "context": context,
        "properties": {"email": "own"},
    }
    assert "plan" not in properties(message)
    found = properties(message, project=Project(super_properties=("plan", "absent")))
    assert found == {**BARE, "plan": "pro", "email": "own"}
    found = properties(message, project=Project(super_properties=("*",)))
    assert found == {**BARE, "plan": "pro", "email": "own", "none": None}


PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (like Gecko)"
    " Version/17.0 Mobile/15E148 Safari/604.1"
)


def test_what_mixpanel_s_own_sdks_send() -> None:
    context = {
        "userAgent": PHONE,
        "network": {"wifi": True},
        "screen": {"density": 2},
        "page": {"url": "https://a.example/x?gclid=G-1&b=2#fbclid=no", "search": "?fbclid=F%201"},
    }
    message = {"event": "Bought", "userId": "u1", "context": context}
    segment_s = {
        **BARE,
        "$browser": "Mobile Safari",
        "$browser_version": "17.0",
        "$wifi_enabled": True,
        "$screen_density": 2,
        "$current_url": "https://a.example/x?gclid=G-1&b=2#fbclid=no",
    }
    assert properties(message) == segment_s
    assert properties(message, project=Project(sdk_properties=True)) == {
        **segment_s,
        "$os": "iOS",
        "$device": "iPhone",
        "$wifi": True,
        "$screen_dpi": 2,
        "gclid": "G-1",
        "fbclid": "F 1",
    }
    context["os"] = {"name": "iPhone OS"}
    context["device"] = {"name": "maguro"}
    found = properties(message, project=Project(sdk_properties=True))
    assert (found["$os"], found["$device"]) == ("iPhone OS", "maguro")


def test_every_campaign_parameter_is_one() -> None:
    campaign = {"id": "c-9", "source_platform": "ads", "name": "TPS", "empty": "", "n": 7, "o": {}}
    message = {"event": "Bought", "userId": "u1", "context": {"campaign": campaign}}
    assert properties(message) == {
        **BARE,
        "utm_campaign": "TPS",
        "utm_id": "c-9",
        "utm_source_platform": "ads",
        "utm_n": "7",
    }


EMPTY = [path for path, (value, _) in CONTEXT.items() if path[0] == "context" and value is not None]


@pytest.mark.parametrize("path", EMPTY, ids=".".join)
@pytest.mark.parametrize("value", ["", None, {}, [], {"a": 1}, [1, 2]])
def test_what_is_empty_or_of_a_wrong_kind_is_left_out(path: tuple[str, ...], value: Any) -> None:
    message: Message = {"event": "Bought", "userId": "u1"}
    place = message
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = value
    assert properties(message) == BARE


@pytest.mark.parametrize("name", [7, 4.5, True, ["7"]])
def test_names_that_are_no_texts(name: Any) -> None:
    written = {7: "7", 4.5: "4.5", True: "true"}.get(name) if not isinstance(name, list) else "7"
    (event,) = operations({"event": name, "userId": "u1"}, "track")
    assert event.record["event"] == written
    assert event.record["properties"]["event_original_name"] == written
    (view,) = operations({"name": name, "userId": "u1"}, "page")
    assert view.record["event"] == f"Viewed {written}"


@pytest.mark.parametrize(
    ("template", "message", "event"),
    [
        ("Viewed {name}", {"name": "A  B"}, "Viewed A  B"),
        ("Viewed {category} {name}", {"name": "A  B"}, "Viewed A  B"),
        ("Viewed {category} {name}", {"category": 7}, "Viewed 7"),
        ("{name}: {category}", {"name": "{category}", "category": "x"}, "{category}: x"),
        ("{name}", {}, None),
        ("{name}", {"name": {}}, None),
    ],
)
def test_a_template_leaves_the_name_as_it_is(
    template: str, message: Message, event: str | None
) -> None:
    whole = CleanMessage({**message, "userId": CleanText("u1")})
    found = to_mixpanel.translate(whole, header("screen"), Project(screen_event=template))
    if event is None:
        assert found is Reason.INCOMPLETE
    else:
        assert not isinstance(found, Reason)
        assert found[0].record["event"] == event


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_a_category_beside_the_properties_becomes_one(kind: str) -> None:
    message = {"name": "Home", "category": "Docs", "userId": "u1", "properties": {"a": 1}}
    assert properties(message, kind)["category"] == "Docs"
    message["properties"] = {"category": "own"}
    assert properties(message, kind)["category"] == "own"
    assert properties({**message, "category": 7, "properties": None}, kind)["category"] == "7"


@pytest.mark.parametrize(
    ("kind", "message", "reason"),
    [
        ("track", {"userId": "u1"}, Reason.INCOMPLETE),
        ("track", {"event": "", "userId": "u1"}, Reason.INCOMPLETE),
        ("track", {"event": {}, "userId": "u1"}, Reason.INCOMPLETE),
        ("identify", {"traits": {"a": 1}}, Reason.INCOMPLETE),
        ("identify", {"userId": "u1"}, Reason.INCOMPLETE),
        ("group", {"groupId": "", "userId": "u1"}, Reason.INCOMPLETE),
        ("group", {"traits": {"a": 1}, "userId": "u1"}, Reason.INCOMPLETE),
        ("alias", {"userId": "u1", "previousId": "u0"}, Reason.NO_EQUIVALENT),
        ("pulse", {}, Reason.NO_EQUIVALENT),
    ],
)
def test_what_cannot_be_said_is_named(kind: str, message: Message, reason: Reason) -> None:
    assert to_mixpanel.translate(CleanMessage(message), header(kind), SIMPLIFIED) is reason


@pytest.mark.parametrize("message", [{"userId": "u1"}, {"userId": "u1", "previousId": "u1"}])
def test_an_alias_needs_two_ids(message: Message) -> None:
    assert (
        to_mixpanel.translate(CleanMessage(message), header("alias"), ORIGINAL) is Reason.INCOMPLETE
    )


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
