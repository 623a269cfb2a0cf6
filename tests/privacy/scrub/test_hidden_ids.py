"""An id that is hidden in one place is hidden in all of the event, and eats no ordinary word."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy, Pseudonymizer
from gateway.privacy.spelling import one_spelling
from tests.privacy.conftest import Compile

MakeEvent = Callable[..., RawEvent]
POLICY = "rules:\n- {id: ids, match: {path: [/userId, /anonymousId]}, action: pseudonymize}\n"
IDS = ["johnsmith", "JohnSmith", "maria", "u-4711", "ann7", "4711009", "Ümit", "a b-1234", "иванов"]
PLACES: dict[str, Callable[[str], Any]] = {
    "segment": lambda one: f"/users/{quote(one, safe='')}/edit",
    "url": lambda one: f"https://shop.example/{quote(one, safe='')}?tab=1",
    "parameter": lambda one: f"https://shop.example/p?who={quote(one, safe='')}&x=1",
    "title": lambda one: f"Profile of {one} | Shop",
    "small": lambda one: f"/people/{quote(one.lower(), safe='')}",
    "large": lambda one: f"SEEN: {one.upper()}!",
    "twice": lambda one: f"/r?to={quote(quote('/u/' + one, safe=''), safe='')}",
    "json": lambda one: json.dumps({"who": {"id": one}}),
    "ascii json": lambda one: json.dumps([one], ensure_ascii=True),
    "key": lambda one: {one: True},
    "list": lambda one: ["x", [one]],
    "lower percent": lambda one: "/u/" + "".join(f"%{byte:02x}" for byte in one.encode()),
}


@pytest.fixture(scope="module")
def policy(compiled: Compile) -> CompiledPolicy:
    return compiled(POLICY)


def scrubbed(policy: CompiledPolicy, event: MakeEvent, user: Any, properties: Any) -> Any:
    message = {"type": "track", "event": "E", "messageId": "m", "userId": user}
    return policy.scrub(event({**message, "properties": properties})).message["properties"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("one", IDS)
def test_it_is_hidden_wherever_it_stands(
    policy: CompiledPolicy, event: MakeEvent, pseudonymizer: Pseudonymizer, one: str, place: str
) -> None:
    after = orjson.dumps(scrubbed(policy, event, one, {"x": PLACES[place](one)})).decode()
    assert pseudonymizer.pseudonym(one) in after
    for form in {one, one.lower(), one.upper(), quote(one), quote(one).lower()}:
        assert form not in after


ORDINARY: list[tuple[Any, dict[str, Any]]] = [
    ("42", {"price": 42, "quantity": "42", "t": "42 items", "size": "EU 42", "users": 42}),
    ("42", {"path": "/products/42", "q": "?page=42", "order_id": "42", "user_count": 42}),
    ("1", {"version": "1", "list": [1, 2], "url": "/v1/1/x", "flag": "1"}),
    ("pro", {"plan": "pro", "title": "Go pro today", "path": "/pro/x"}),
    ("admin", {"path": "/admin/settings", "role": "admin", "t": "The admin page"}),
    ("account", {"tab": "account", "event": "account opened"}),
    ("ann", {"t": "planning an annual event", "x": "ann"}),
    ("maria", {"t": "mariachi, Ave-marias", "db": "mariadb"}),
    ("123456", {"total": "123456.78", "sum": "9,123456"}),
]


@pytest.mark.parametrize(("user", "properties"), ORDINARY)
def test_what_only_looks_like_it_stays(
    policy: CompiledPolicy, event: MakeEvent, user: str, properties: dict[str, Any]
) -> None:
    before = orjson.loads(orjson.dumps(properties))
    assert scrubbed(policy, event, user, properties) == before


@pytest.mark.parametrize("user", ["42", "1", "pro", "admin", "bob", "Bo"])
def test_a_neighbour_tells_that_the_person_is_meant(
    policy: CompiledPolicy, event: MakeEvent, pseudonymizer: Pseudonymizer, user: str
) -> None:
    token = pseudonymizer.pseudonym(user)
    properties = {
        "path": f"/users/{user}/edit",
        "query": f"?tab=1&user_id={user}",
        "json": json.dumps({"userId": user}),
        "owner": user,
        "memberIds": ["7-x", user],
        "customers": {user: 1},
        "encoded": f"%2Fusers%2F{user}",
    }
    after = scrubbed(policy, event, user, properties)
    assert after == {
        "path": f"/users/{token}/edit",
        "query": f"?tab=1&user_id={token}",
        "json": json.dumps({"userId": token}),
        "owner": token,
        "memberIds": ["7-x", token],
        "customers": {token: 1},
        "encoded": f"%2Fusers%2F{token}",
    }
    if user.isdecimal():
        assert scrubbed(policy, event, int(user), {"ownerId": int(user)}) == {"ownerId": token}


SPELLINGS = [
    "Maria.Müller@Bücher.example",
    "  maria.müller@bücher.example\n",
    "MARIA.MÜLLER@BÜCHER.EXAMPLE",
    "maria.mu\u0308ller@xn--bcher-kva.example",
    "maria.müller@XN--BCHER-KVA.example.",
    "ｍaria.müller＠bücher。example",
    "mailto:Maria.Müller@bücher.example",
    "<maria.müller@bücher.example>",
    "\u200bmaria.müller@bücher.example\ufeff",
]


def test_an_address_has_one_pseudonym_whatever_its_spelling(
    policy: CompiledPolicy, event: MakeEvent, pseudonymizer: Pseudonymizer
) -> None:
    users = set()
    for spelling in SPELLINGS:
        message = {"type": "track", "event": "E", "userId": spelling, "properties": {}}
        users.add(policy.scrub(event(message)).message["userId"])
    assert users == {pseudonymizer.pseudonym(SPELLINGS[0])}
    raw = Pseudonymizer(bytes(range(32)), normalize=())
    assert len({raw.pseudonym(spelling) for spelling in SPELLINGS}) == len(SPELLINGS)


def test_other_addresses_are_other_people(pseudonymizer: Pseudonymizer) -> None:
    people = [
        "maria@mail.example", "ma.ria@mail.example", "maria+1@mail.example", "maria@mail2.example",
        "maria@straße.example", "maria@strasse.example", "Maria", "maria", " maria", "a@b@c",
    ]  # fmt: skip
    assert len({pseudonymizer.pseudonym(one) for one in people}) == len(people)


names = st.text(st.characters(categories=["L", "N"], max_codepoint=0x24F), min_size=1)


@given(names, names, st.sampled_from(" \t\n"))
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_a_spelling_is_final(name: str, domain: str, blank: str) -> None:
    address = one_spelling(f"{name}@{domain}")
    assert one_spelling(address) == address
    assert one_spelling(f"{blank}{address}{blank}") == address
    assert one_spelling(f"<{name}@{domain}.>") == address
