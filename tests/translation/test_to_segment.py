"""A Mixpanel record becomes the one Segment message that means the same, or is left where it is."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from gateway.event import CleanMessage, CleanText, Header, Reason
from gateway.translation import to_segment

Message = dict[str, Any]
RECEIVED_AT = 1_795_420_264.5
RECEIVED = "2026-11-23T07:51:04.500Z"
SECONDS = 1795420264.317
TIMESTAMP = "2026-11-23T07:51:04.317Z"


def header(kind: str, message_id: str = "m-1") -> Header:
    return Header(
        CleanText(message_id),
        "web",
        "mixpanel",
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


def translated(record: Message, kind: str = "event", group_key: str = "$group_id") -> Message:
    message = to_segment.translate(CleanMessage(record), header(kind), group_key)
    assert not isinstance(message, Reason), message
    return message


BROWSER = {
    "event": "Bought",
    "properties": {
        "token": "t",
        "distinct_id": "$device:d1",
        "$device_id": "d1",
        "$insert_id": "abc123",
        "time": SECONDS,
        "mp_lib": "web",
        "$lib_version": "2.83.0",
        "mp_sent_by_lib_version": "2.83.0",
        "mp_processing_time_ms": 7,
        "$mp_api_endpoint": "api-js.mixpanel.com",
        "$had_persisted_distinct_id": False,
        "$current_url": "https://a.example/x",
        "$referrer": "https://b.example",
        "$os": "Mac OS X",
        "$browser": "Chrome",
        "$browser_version": 123,
        "$screen_width": 1920,
        "$city": "Berlin",
        "$region": "Berlin",
        "mp_country_code": "DE",
        "utm_campaign": "TPS",
        "$wifi": True,
        "$group_id": ["acme", "other"],
        "ip": 0,
        "id": "kept",
        "price": 3,
        "nothing": None,
        "$duration": 2.5,
    },
}


def test_an_event_is_a_track() -> None:
    assert translated(BROWSER) == {
        "type": "track",
        "event": "Bought",
        "messageId": "abc123",
        "timestamp": TIMESTAMP,
        "anonymousId": "d1",
        "context": {
            "library": {"name": "mixpanel-web", "version": "2.83.0"},
            "page": {"url": "https://a.example/x", "referrer": "https://b.example"},
            "os": {"name": "Mac OS X"},
            "screen": {"width": 1920},
            "location": {"city": "Berlin", "region": "Berlin", "country": "DE"},
            "campaign": {"name": "TPS"},
            "network": {"wifi": True},
            "groupId": "acme",
        },
        "properties": {
            "$browser": "Chrome",
            "$browser_version": 123,
            "id": "kept",
            "price": 3,
            "nothing": None,
            "$duration": 2.5,
        },
    }


def test_the_record_itself_stays_as_it_is() -> None:
    copy = deepcopy(BROWSER)
    translated(BROWSER)
    assert copy == BROWSER


def test_a_group_of_another_key_is_a_property() -> None:
    message = translated(BROWSER, group_key="company")
    assert "groupId" not in message["context"]
    assert message["properties"]["$group_id"] == ["acme", "other"]


def test_a_page_view_is_a_page() -> None:
    record = {
        "event": "$mp_web_page_view",
        "properties": {
            "distinct_id": "u1",
            "$insert_id": "i",
            "time": SECONDS,
            "current_page_title": "X",
            "current_url_path": "/x",
            "current_url_search": "?q=1",
            "current_domain": "a.example",
            "$current_url": "https://a.example/x?q=1",
            "$referrer": "https://b.example",
        },
    }
    assert translated(record) == {
        "type": "page",
        "name": "X",
        "messageId": "i",
        "timestamp": TIMESTAMP,
        "userId": "u1",
        "context": {"page": {"url": "https://a.example/x?q=1", "referrer": "https://b.example"}},
        "properties": {
            "url": "https://a.example/x?q=1",
            "path": "/x",
            "search": "?q=1",
            "title": "X",
            "referrer": "https://b.example",
            "current_domain": "a.example",
        },
    }


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"distinct_id": "u1"}, {"userId": "u1"}),
        ({"distinct_id": "$device:d1"}, {"anonymousId": "d1"}),
        ({"distinct_id": "d1", "$device_id": "d1"}, {"anonymousId": "d1"}),
        (
            {"distinct_id": "u1", "$device_id": "d1"},
            {"userId": "u1", "anonymousId": "d1"},
        ),
        (
            {"distinct_id": "$device:d1", "$user_id": "u1", "$device_id": "d1"},
            {"userId": "u1", "anonymousId": "d1"},
        ),
        ({"distinct_id": ""}, {"anonymousId": "m-1"}),
        ({}, {"anonymousId": "m-1"}),
        ({"distinct_id": "anonymous"}, {"anonymousId": "m-1"}),
        ({"distinct_id": 7}, {"userId": "7"}),
    ],
)
def test_who(ids: Message, expected: Message) -> None:
    message = translated({"event": "Bought", "properties": ids})
    assert {k: message[k] for k in ("userId", "anonymousId") if k in message} == expected


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (
            {"distinct_id": "u1", "$anon_distinct_id": "$device:d1"},
            {"userId": "u1", "anonymousId": "d1"},
        ),
        ({"$identified_id": "u1", "$anon_id": "d1"}, {"userId": "u1", "anonymousId": "d1"}),
        ({"$identified_id": "u1"}, {"userId": "u1"}),
    ],
)
def test_identify(properties: Message, expected: Message) -> None:
    assert translated({"event": "$identify", "properties": properties}) == {
        "type": "identify",
        "messageId": "m-1",
        "timestamp": RECEIVED,
        "traits": {},
        **expected,
    }


def test_aliases_and_merges() -> None:
    expected = {"type": "alias", "messageId": "m-1", "timestamp": RECEIVED}
    alias = {"event": "$create_alias", "properties": {"distinct_id": "d1", "alias": "u1"}}
    assert translated(alias) == {**expected, "previousId": "d1", "userId": "u1"}
    merge = {"event": "$merge", "properties": {"$distinct_ids": ["u1", "$device:d1"]}}
    assert translated(merge) == {**expected, "previousId": "d1", "userId": "u1"}


WITH_CONTEXT = {
    "ip": "198.51.100.7",
    "mp_lib": "web",
    "$lib_version": "2.83.0",
    "$current_url": "https://a.example/x",
    "$referrer": "https://b.example",
    "$os": "Mac OS X",
    "$screen_width": 1920,
    "utm_source": "news",
    "utm_id": "c-9",
    "$insert_id": "i-1",
    "time": SECONDS,
}
CONTEXT = {
    "ip": "198.51.100.7",
    "library": {"name": "mixpanel-web", "version": "2.83.0"},
    "page": {"url": "https://a.example/x", "referrer": "https://b.example"},
    "os": {"name": "Mac OS X"},
    "screen": {"width": 1920},
    "campaign": {"source": "news", "id": "c-9"},
    "userAgent": "Mozilla/5.0",
}


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("Bought", {"distinct_id": "u1"}),
        ("$mp_web_page_view", {"distinct_id": "u1"}),
        ("$identify", {"distinct_id": "u1", "$anon_distinct_id": "$device:d1"}),
        ("$create_alias", {"distinct_id": "d1", "alias": "u1"}),
        ("$merge", {"$distinct_ids": ["u1", "d1"]}),
    ],
)
def test_every_kind_of_event_has_its_context(name: str, properties: Message) -> None:
    record = {
        "event": name,
        "properties": {**WITH_CONTEXT, **properties},
        "$user_agent": "Mozilla/5.0",
    }
    message = translated(record)
    assert message["context"] == CONTEXT
    assert (message["messageId"], message["timestamp"]) == ("i-1", TIMESTAMP)


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("people", {"$distinct_id": "u1", "$set": {"a": 1}}),
        ("groups", {"$group_key": "$group_id", "$group_id": "acme", "$set": {"a": 1}}),
    ],
)
def test_a_profile_has_its_address_and_user_agent(kind: str, record: Message) -> None:
    record |= {"$ip": "198.51.100.7", "$user_agent": "Mozilla/5.0"}
    message = translated(record, kind)
    assert message["context"] == {"ip": "198.51.100.7", "userAgent": "Mozilla/5.0"}
    assert "$user_agent" not in to_segment.as_it_came(CleanMessage(record), header(kind))


@pytest.mark.parametrize(
    ("properties", "campaign", "kept"),
    [
        ({"utm_id": "c-9"}, {"id": "c-9"}, {}),
        ({"utm_source_platform": "ads", "utm_campaign": "TPS"},
         {"source_platform": "ads", "name": "TPS"}, {}),
        ({"utm_name": "x", "utm_campaign": "TPS"}, {"name": "TPS"}, {}),
        ({"utm_id": 7}, None, {"utm_id": 7}),
        ({"utm_": "x"}, None, {"utm_": "x"}),
        ({"utmost": "x"}, None, {"utmost": "x"}),
    ],
)  # fmt: skip
def test_every_campaign_parameter_has_its_place(
    properties: Message, campaign: Message | None, kept: Message
) -> None:
    message = translated({"event": "Bought", "properties": {"distinct_id": "u1", **properties}})
    assert message.get("context", {}).get("campaign") == campaign
    assert message["properties"] == kept


@pytest.mark.parametrize("group", ["0", "none", "unknown", 7])
def test_what_is_nobody_may_be_a_group(group: Any) -> None:
    record = {"$group_key": "$group_id", "$group_id": group, "$set": {"a": 1}}
    assert translated(record, "groups")["groupId"] == str(group)
    event = {"event": "Bought", "properties": {"distinct_id": "u1", "$group_id": [group]}}
    assert translated(event)["context"]["groupId"] == str(group)


def test_a_profile_is_an_identify() -> None:
    record = {
        "$token": "t",
        "$distinct_id": "u1",
        "$time": SECONDS,
        "$ip": "198.51.100.7",
        "$set": {
            "$email": "a@example.com",
            "$first_name": "Ada",
            "$last_name": "Byron",
            "$name": "Ada Byron",
            "$phone": "+4930",
            "$username": "ada",
            "$created": "2020-01-01",
            "$avatar": "https://a.example/i.png",
            "plan": None,
        },
    }
    assert translated(record, "people") == {
        "type": "identify",
        "messageId": "m-1",
        "timestamp": TIMESTAMP,
        "userId": "u1",
        "context": {"ip": "198.51.100.7"},
        "traits": {
            "email": "a@example.com",
            "firstName": "Ada",
            "lastName": "Byron",
            "name": "Ada Byron",
            "phone": "+4930",
            "username": "ada",
            "createdAt": "2020-01-01",
            "avatar": "https://a.example/i.png",
            "plan": None,
        },
    }


def test_an_update_without_an_id_has_the_same_one_each_time() -> None:
    def identity(value: int) -> Any:
        record: Message = {"$distinct_id": "u1", "$set": {"a": value}}
        message = to_segment.translate(CleanMessage(record), header("people", ""), "$group_id")
        assert not isinstance(message, Reason)
        return message["messageId"]

    assert identity(1) == identity(1) != identity(2)


def test_a_group_profile_is_a_group() -> None:
    record = {"$group_key": "company", "$group_id": "acme", "$set": {"$name": "Acme", "seats": 3}}
    expected = {
        "type": "group",
        "messageId": "m-1",
        "timestamp": RECEIVED,
        "anonymousId": "m-1",
        "groupId": "acme",
    }
    traits = {"name": "Acme", "seats": 3}
    assert translated(record, "groups", "company") == {**expected, "traits": traits}
    assert translated(record, "groups") == {
        **expected,
        "traits": {**traits, "$group_key": "company"},
    }


OPERATIONS = ("$set_once", "$add", "$append", "$union", "$remove", "$unset", "$delete")


@pytest.mark.parametrize(
    ("kind", "record", "reason"),
    [
        *(("people", {"$distinct_id": "u", o: {}}, Reason.NO_EQUIVALENT) for o in OPERATIONS),
        *(("groups", {"$group_id": "g", o: {}}, Reason.NO_EQUIVALENT) for o in OPERATIONS),
        ("event", {"event": "x", "properties": {"$ignore": True}}, Reason.NO_EQUIVALENT),
        ("event", {"properties": {}}, Reason.INCOMPLETE),
        ("event", {"event": "$merge", "properties": {"$distinct_ids": ["a"]}}, Reason.INCOMPLETE),
        ("event", {"event": "$create_alias", "properties": {"alias": "a"}}, Reason.INCOMPLETE),
        ("event", {"event": "$identify", "properties": {}}, Reason.INCOMPLETE),
        ("groups", {"$group_key": "k", "$set": {"a": 1}}, Reason.INCOMPLETE),
        ("pulse", {}, Reason.NO_EQUIVALENT),
    ],
)
def test_what_has_no_place_is_named(kind: str, record: Message, reason: Reason) -> None:
    assert to_segment.translate(CleanMessage(record), header(kind), "$group_id") is reason
