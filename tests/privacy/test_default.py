"""The policy that people get is good enough to run unread."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import pytest

from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy
from tests.clean import inside

MakeEvent = Callable[..., RawEvent]

PERSON = {
    "name": "Jane Doe",
    "firstName": "Jane",
    "last_name": "Doe",
    "fullName": "Jane Doe",
    "email": "jane@x.example",
    "phone": 4155552671,
    "address": {"street": "Hauptstr. 1", "city": "Berlin"},
    "birthday": "1990-01-01",
    "avatar": "https://cdn.example/jane.png",
}


@pytest.mark.parametrize(
    ("protocol", "message", "place"),
    [
        ("segment", {"type": "identify", "traits": PERSON}, ("traits",)),
        ("segment", {"type": "track", "context": {"traits": PERSON}}, ("context", "traits")),
        ("segment", {"type": "track", "properties": {"user": PERSON}}, ("properties", "user")),
        (
            "segment",
            {"type": "track", "properties": {"userData": PERSON}},
            ("properties", "userData"),
        ),
        ("mixpanel", {"$distinct_id": "u", "$set": PERSON}, ("$set",)),
        ("mixpanel", {"$distinct_id": "u", "$set_once": PERSON}, ("$set_once",)),
        (
            "mixpanel",
            {
                "$distinct_id": "u",
                "$set": {
                    "$name": "Jane Doe",
                    "$first_name": "Jane",
                    "$last_name": "Doe",
                    "$email": "jane@x.example",
                    "$phone": "+14155552671",
                    "$avatar": "https://cdn.example/jane.png",
                    "$city": "Berlin",
                },
            },
            ("$set",),
        ),
    ],
)
def test_people_are_nameless(
    default: CompiledPolicy,
    event: MakeEvent,
    protocol: str,
    message: dict[str, Any],
    place: tuple[str, ...],
) -> None:
    value: Any = default.scrub(event(json.loads(json.dumps(message)), protocol)).message
    for key in place:
        value = value[key]
    assert value == {}


def test_account_names_are_joined_not_read(default: CompiledPolicy, event: MakeEvent) -> None:
    names = {"username": "jdoe77", "userName": "jdoe77", "login": "jdoe77", "memberId": "jdoe77"}
    message = {"type": "track", "userId": "jdoe77", "properties": {**names, "user": dict(names)}}
    after = inside(default.scrub(event(message)).message)
    pseudonyms = {*after["properties"].pop("user").values(), *after["properties"].values()}
    assert pseudonyms == {after["userId"]}
    assert len(after["userId"]) == 64


def test_pages_products_and_things_keep_their_names(
    default: CompiledPolicy, event: MakeEvent
) -> None:
    message = {
        "type": "page",
        "name": "Pricing",
        "category": "Docs",
        "properties": {
            "name": "Pricing",
            "title": "Prices",
            "products": [{"name": "Monopoly: 3rd Edition", "price": 19.99, "sku": "SKU-1"}],
            "datasource": {"name": "Orders prod"},
        },
        "context": {
            "app": {"name": "Shop", "version": "1.2.3", "build": "1.2.3.4"},
            "campaign": {"name": "spring sale", "source": "newsletter", "medium": "email"},
            "device": {"name": "iPhone", "model": "iPhone15,2", "type": "ios"},
            "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
            "os": {"name": "iOS", "version": "17.0"},
            "page": {"path": "/pricing", "title": "Pricing", "search": ""},
            "userAgentData": {"brands": [{"brand": "Chromium", "version": "126"}], "mobile": False},
        },
    }
    before = json.loads(json.dumps(message))
    scrubbed = default.scrub(event(message))
    assert scrubbed.message == before
    assert scrubbed.changes == ()


def test_pages_are_told_apart_but_not_what_their_addresses_carry(
    default: CompiledPolicy, event: MakeEvent
) -> None:
    page = {
        "url": "https://app.example/crm/jane%40x.example?token=t0k&email=eve%40x.example#frag",
        "path": "/crm/jane%40x.example",
        "referrer": "https://mail.example/?q=secret+words",
        "search": "?token=t0k&email=eve%40x.example",
        "title": "jane@x.example | CRM",
    }
    message = {"type": "page", "context": {"page": dict(page)}, "properties": dict(page)}
    after = inside(default.scrub(event(message)).message)
    clean = {
        "url": "https://app.example/crm/[email]",
        "path": "/crm/[email]",
        "referrer": "https://mail.example/",
        "search": "",
        "title": "[email] | CRM",
    }
    assert after["context"]["page"] == clean
    assert after["properties"] == clean


def test_what_appsmith_sends(default: CompiledPolicy, event: MakeEvent) -> None:
    digest = "54667cc7be6265f6a4cdfe25b9c89d52aea7817c4e570cb678feec57c23f4a6a"
    stays = {
        "instanceId": "65a1b2c3d4e5f60718293a4b",
        "orgId": "65a1b2c3d4e5f60718293a60",
        "emailDomainHash": digest,
        "adminEmailDomainHash": digest,
        "version": "v1.9.56",
        "edition": "CE",
        "deployedAt": "2026-03-02T08:11:09Z",
        "datasource": {"name": "Orders prod"},
        "name": "getOrders",
        "numUsers": 64,
    }
    goes = {
        "actionConfiguration": '{"path":"/v1?api_key=sk_live_SYNTHETIC0000","body":"4242 4242"}',
        "updatedValue": "IBAN DE89 3704 0044 0532 0130 00 of Eve Example",
        "hostname": "acme-prod-01",
        "ipAddress": "203.0.113.24",
        "repoUrl": "https://jane:tok@git.acme.example/x.git",
        "branchName": "feature/ACME-4711-layoffs",
        "users": ["eve@clients.example", "joe@clients.example"],
        "error": "duplicate key (email)=(eve@clients.example) from 10.2.3.4",
        "toPath": "/app/x?email=eve%40clients.example",
    }
    message = {"type": "track", "event": "E", "properties": {**stays, **goes}}
    after = inside(default.scrub(event(message)).message)["properties"]
    assert {key: after[key] for key in stays} == stays
    eve, joe = after["users"]
    assert len(eve) == len(joe) == 64  # pseudonyms
    assert after["error"] == f"duplicate key (email)=({eve}) from [ipv4]"
    assert after["toPath"] == "/app/x"
    assert after["ipAddress"] == "[ipv4]"
    assert "hostname" not in after
    for value in ("sk_live", "4242", "DE89", "Eve", "acme", "jane", "tok@", "layoffs", "clients"):
        assert value not in json.dumps(after)


def test_the_named_exception_of_the_file_works(
    compiled: Callable[..., CompiledPolicy], event: MakeEvent
) -> None:
    file = FilePath(__file__).parents[2] / "config" / "privacy.yaml"
    lines = file.read_text().replace("\nkeep: []\n# keep:", "\nkeep:")
    assert '\nkeep: ["/properties/ipAddress"]' in lines
    policy = compiled(lines)
    message = {"type": "track", "event": "Installation Setup Complete"}
    properties = {"ipAddress": "203.0.113.24", "ip": "203.0.113.24"}
    after = policy.scrub(event({**message, "properties": properties})).message["properties"]
    assert after == {"ipAddress": "203.0.113.24", "ip": "[ipv4]"}


def test_every_rule_of_the_file_is_described(default: CompiledPolicy) -> None:
    text = (FilePath(__file__).parents[2] / "config" / "privacy.yaml").read_text()
    ids = re.findall(r"^  - id: (\S+)", text, re.MULTILINE)
    assert len(ids) == len(set(ids)) > 10
    assert default.text("") == ""


def test_documented_samples(default: CompiledPolicy, event: MakeEvent) -> None:
    """The vendor's own page: hashes of 56 and 59 digits, a server's address, versions."""
    setup: dict[str, Any] = {
        "event": "Installation Setup Complete",
        "properties": {
            "time": 1704784091.249,
            "distinct_id": "659cf0bd504813315c336bf7",
            "$city": "Mysore",
            "$insert_id": "d684e7ed-1211-4518-a19c-8f22925526e0",
            "$lib_version": "3.3.1",
            "$mp_api_timestamp_ms": 1704784101374,
            "email": "",
            "emailDomainHash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "instanceId": "659cf0bd504813315c336bf7",
            "ipAddress": "117.211.16.3",
            "mp_country_code": "IN",
            "name": "",
            "version": "v1.9.56",
        },
    }
    scrubbed = default.scrub(event(json.loads(json.dumps(setup)), "mixpanel"))
    after = inside(scrubbed.message)["properties"]
    changed = {"distinct_id", "$city", "ipAddress"}
    assert {k: v for k, v in setup["properties"].items() if k not in changed} == {
        k: v for k, v in after.items() if k not in changed
    }
    assert "$city" not in after
    assert after["ipAddress"] == "[ipv4]"
    call: dict[str, Any] = {
        "type": "track",
        "event": "execute_ACTION_TRIGGERED",
        "messageId": "0f6b07ee-0717-413-808c-c25b09c0468",
        "properties": {
            "appName": "APP1",
            "username": "70280e5d07e61e5e915e5d26ac8704bbd68d3f75ebad67ba439f4c354d7",
            "instanceId": "612460418944011a10fa5b",
            "timeElapsed": 8,
        },
        "userId": "70280e5dd9e61e5e91526ac8704bbd68d3f75ebad67ba439f4c354d7",
    }
    scrubbed = default.scrub(event(json.loads(json.dumps(call))))
    after = inside(scrubbed.message)["properties"]
    properties: dict[str, Any] = call["properties"]
    assert {**after, "username": ""} == {**properties, "username": ""}
    changed = {change.pointer for change in scrubbed.changes}
    assert changed == {"/properties/username", "/userId"}
