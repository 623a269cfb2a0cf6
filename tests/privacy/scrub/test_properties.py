"""Whatever an event looks like: what is personal goes, what is not stays."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy, Scrubbed
from tests.clean import inside

MakeEvent = Callable[..., RawEvent]

SECRETS: dict[str, tuple[str, ...]] = {
    "email": (
        "zoe.qvist+tag@mail.example.com",
        "ZOE_QVIST@EXAMPLE.ORG",
        "zoë.qvist@пример.рф",
        "zoe.qvist@xn--bcher-kva.example",
        "zoe.qvist%40example.com",
        "zoe.qvist@example.com",
        "zoe.qvist＠example.com",
    ),
    "ipv4": ("203.0.113.77", "10.20.30.40", "255.254.253.252"),
    "ipv6": (
        "2001:db8::7334",
        "fe80::1ff:fe23:4567:890a%eth0",
        "::ffff:203.0.113.77",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    ),
    "credit_card": (
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "6011000990139424",
    ),
    "iban": (
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "fr1420041010050500013m02606",
    ),
    "phone": ("+49 30 1234567", "+14155552671", "(415) 555-2671", "415-555-2671", "0171/1234567"),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzeW50aGV0aWMifQ.c3ludGhldGlj",),
    "bearer": ("Bearer q8Zk29fPaw7731Xc",),
    "api_key": (
        "sk_live_4eC39HqLyjWDarjtT1",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "xoxb-17653672481-19874698323",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf",
        "glpat-xxYYzz1122334455aabb",
    ),
    "url_credentials": ("https://zoe:s3cr3t-pw@git.example.com/x.git",),
    "us_ssn": ("078-05-1120",),
    "mac": ("00:1b:63:84:45:e6",),
}
"""What must go. Of a URL with credentials and of `Bearer …`, the secret part."""

ALL = [(kind, secret) for kind, several in SECRETS.items() for secret in several]
PARTS = {
    "https://zoe:s3cr3t-pw@git.example.com/x.git": "s3cr3t-pw",
    "Bearer q8Zk29fPaw7731Xc": "q8Zk29fPaw7731Xc",
}

BENIGN: tuple[Any, ...] = (
    "v1.9.56",
    "npm:next-1.84.3",
    "86.0.4240.111",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/156.0.0.0 Safari/537.36",
    "2026-03-05T10:00:01.123Z",
    "2020-11-04T10:52:14.616+02:00",
    "2026-03-05",
    "10:52:14",
    "05.03.2026",
    "ajs-next-1795421333741-2e2cadec-71f0-4a69-9ef0-20135507c5bd",
    "0b62ab60-02ad-4f69-a181-d9c5eb2f97fa",
    "65a1b2c3d4e5f60718293a4b",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "70280e5d07e61e5e915e5d26ac8704bbd68d3f75ebad67ba439f4c354d7",
    "70280e5dd9e61e5e91526ac8704bbd68d3f75ebad67ba439f4c354d7",
    "Order Completed",
    "/app/orders/page1-65a1b2c3d4e5f60718293a80/edit",
    "https://shop.example/canonical/path",
    "ORD-2026-001234",
    "SKU-12345678",
    "1920x1080",
    "19.99",
    "1,234,567.89",
    "12345678",
    "1709251199999",
    "Europe/Warsaw",
    "0.0.0.0",
    "std::cout",
    "react@18.2.0",
    "What? Really!",
    "a=b",
    19.99,
    99,
    1709251199,
    1709251199999,
    1709251199.123,
    1709251199999123,
    3.141592653589793,
    9007199254740991,
    True,
    None,
    "",
)

words = st.sampled_from(
    ("alpha", "beta", "step", "note", "payload", "items", "x", "größe", "lösung")
)
texts = st.sampled_from(("", "call ", "see ", "user ", "a, ", "(", "«", "日本 ", "error: "))
ends = st.sampled_from(("", " today", ", ok", ")", "»", " 日本", "; then", "."))


def _plant(secret: str, how: str, before: str, after: str) -> Any:
    text = f"{before}{secret}{after}"
    match how:
        case "alone":
            return secret
        case "text":
            return text
        case "array":
            return ["x", [secret], 1]
        case "object":
            return {"deep": {"deeper": [{"leaf": text}]}}
        case "key":
            return {secret: 1}
        case "json":
            return json.dumps({"a": [1, {"b": text}]})
        case "json_ascii_twice":
            return json.dumps({"a": json.dumps({"b": secret})})
        case "json_key":
            return json.dumps({secret: True})
        case "broken_json":
            return '{"a": "' + secret.replace('"', "") + '", "b": '
        case "query":
            return f"https://shop.example/p?x=1&y={quote(secret, safe='')}&z=2"
        case "query_raw":
            return f"/p?x=1&y={secret}"
        case "form":
            return f"a=1&y={quote(secret, safe='')}"
        case _:
            return int(secret) if secret.isdecimal() else secret


PLACES = [
    "alone",
    "text",
    "array",
    "object",
    "key",
    "json",
    "json_ascii_twice",
    "json_key",
    "broken_json",
    "query",
    "query_raw",
    "form",
    "number",
]


def _message(kind: str, name: str, value: Any) -> tuple[dict[str, Any], str]:
    segment = {
        "messageId": "m-1",
        "timestamp": "2026-03-05T10:00:01.123Z",
        "anonymousId": "4be95945-aa1e-4a48-a8a3-0a70ac86c540",
        "context": {"library": {"name": "analytics.js", "version": "1.84.3"}},
    }
    match kind:
        case "track":
            return {
                **segment,
                "type": "track",
                "event": "E",
                "properties": {name: value},
            }, "segment"
        case "page" | "screen":
            return {**segment, "type": kind, "name": "N", "properties": {name: value}}, "segment"
        case "identify" | "group":
            return {**segment, "type": kind, "userId": "u-77", "traits": {name: value}}, "segment"
        case "alias":
            message = {**segment, "type": "alias", "userId": "u-77", "previousId": "p-1"}
            return {**message, "context": {name: value}}, "segment"
        case "event_name":
            text = value if isinstance(value, str) else json.dumps(value)
            return {**segment, "type": "track", "event": text, "properties": {}}, "segment"
        case "message_id":
            text = value if isinstance(value, str) else json.dumps(value)
            return {**segment, "type": "track", "event": "E", "messageId": text}, "segment"
        case "mixpanel":
            properties = {"token": "t", "time": 1.5, "distinct_id": "u-77", name: value}
            return {"event": "E", "properties": properties}, "mixpanel"
        case "people":
            return {"$distinct_id": "u-77", "$token": "t", "$set": {name: value}}, "mixpanel"
        case _:
            return {"viewMode": True, "anonymousUserId": "a-1", name: value}, "appsmith"


KINDS = [
    "track",
    "page",
    "screen",
    "identify",
    "group",
    "alias",
    "event_name",
    "message_id",
    "mixpanel",
    "people",
    "appsmith",
]


def _everything(policy: CompiledPolicy, scrubbed: Scrubbed) -> str:
    return "\n".join(
        (
            orjson.dumps(scrubbed.message).decode(),
            json.dumps(scrubbed.message),
            repr(scrubbed.changes),
        )
    )


@given(
    planted=st.lists(
        st.tuples(st.sampled_from(ALL), st.sampled_from(PLACES), texts, ends),
        min_size=1,
        max_size=3,
    ),
    kind=st.sampled_from(KINDS),
    name=words,
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_planted_secret_survives(
    default: CompiledPolicy,
    event: MakeEvent,
    planted: list[tuple[tuple[str, str], str, str, str]],
    kind: str,
    name: str,
) -> None:
    values = [_plant(secret, how, before, after) for (_, secret), how, before, after in planted]
    message, protocol = _message(kind, name, values if len(values) > 1 else values[0])
    scrubbed = default.scrub(event(message, protocol))
    left = _everything(default, scrubbed)
    for (_, secret), how, before, after in planted:
        part = PARTS.get(secret, secret)
        assert part not in left
        assert quote(part, safe="") not in left
        assert part not in default.text(f"{before}{secret}{after}")
        assert part not in default.pointer(("properties", secret, name))
        assert how in PLACES


@given(
    planted=st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from(PLACES), texts, ends)),
    kind=st.sampled_from(KINDS),
    name=words,
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_scrubbing_twice_changes_nothing_but_pseudonyms(
    default: CompiledPolicy,
    event: MakeEvent,
    planted: list[tuple[tuple[str, str], str, str, str]],
    kind: str,
    name: str,
) -> None:
    values = [_plant(secret, how, before, after) for (_, secret), how, before, after in planted]
    message, protocol = _message(kind, name, values)
    once = default.scrub(event(message, protocol))
    again = default.scrub(event(copy.deepcopy(once.message), protocol))
    assert {change.action for change in again.changes} <= {"pseudonymize"}


@given(
    values=st.lists(st.sampled_from(BENIGN), min_size=1),
    kind=st.sampled_from([kind for kind in KINDS if kind not in ("event_name", "message_id")]),
    name=words,
)
@settings(max_examples=300, deadline=None)
def test_what_is_not_personal_stays(
    default: CompiledPolicy, event: MakeEvent, values: list[Any], kind: str, name: str
) -> None:
    message, protocol = _message(kind, name, {"list": values, "one": values[0]})
    before = copy.deepcopy(message)
    scrubbed = default.scrub(event(message, protocol))
    assert {change.action for change in scrubbed.changes} <= {"pseudonymize"}
    for key in ("properties", "traits", "context", "$set"):
        if key in before and name in before[key]:
            assert inside(scrubbed.message)[key][name] == before[key][name]


@pytest.mark.parametrize("value", BENIGN, ids=repr)
def test_each_benign_value_stays(default: CompiledPolicy, event: MakeEvent, value: Any) -> None:
    message = {"type": "track", "event": "E", "properties": {"value": value, "list": [value]}}
    scrubbed = default.scrub(event(message))
    assert scrubbed.message["properties"] == {"value": value, "list": [value]}
    assert scrubbed.changes == ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=40,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_json_is_scrubbed_the_same_way_each_time(
    default: CompiledPolicy, event: MakeEvent, value: Any
) -> None:
    first = {"type": "track", "event": "E", "properties": {"value": value}}
    second = copy.deepcopy(first)
    one, two = default.scrub(event(first)), default.scrub(event(second))
    assert repr(one) == repr(two)
