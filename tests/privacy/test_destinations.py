"""Over random policies: a destination holds what its rules leave, and nothing of another's."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from gateway.config import load
from gateway.config.privacy import Policy
from gateway.config.source import load as read
from gateway.delivery.policy_in_force import today
from gateway.errors import ConfigurationError
from gateway.event import CleanEvent, CleanText, RawEvent
from gateway.journal.block import encode, event_of
from gateway.pipeline import audit_line
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer, compile_policy
from gateway.privacy.overlays import narrowed
from gateway.revisions import Revision, Revisions, digest
from tests.clean import clean_event, inside
from tests.journal.building import event as built
from tests.wire.running import ROOT

KEYS = Pseudonymizer(bytes(range(32)))
NAMES = ("one", "two", "three")
FIELDS = ("plan", "note", "email", "street")
MAIL = "zoe.qvist@mail.example"


@cache
def whole() -> Rules:
    """Rules without a policy of their own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "privacy.yaml").write_text("rules: []\n")
        destinations = {name: {"type": "file", "path": name} for name in (*NAMES, "mixpanel")}
        routes = [{"name": "all", "to": [*destinations]}]
        routing = {"destinations": destinations, "routes": routes}
        (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
        (folder / "gateway.yaml").write_text(
            "sources: [{name: web, write_keys: [k]}]\n"
            f"schemas: {{path: {ROOT}/schemas/segment}}\n"
        )
        return compile_rules(load(folder / "gateway.yaml", os.environ), os.environ, KEYS)


def compiled(folder: Path, rules: list[dict[str, Any]], default: str = "keep") -> Rules:
    written = {"rules": rules} if default == "keep" else {"rules": rules, "default": default}
    (folder / "privacy.yaml").write_text(yaml.safe_dump(written))
    document = read(folder / "privacy.yaml", {})
    policy = compile_policy(Policy.model_validate(document.value), document, {}, KEYS)
    revisions = Revisions(Revision(1, digest(written)), Revision(1))
    return replace(whole(), policy=policy, revisions=revisions)


def raw(message: dict[str, Any]) -> RawEvent:
    copy = orjson.loads(orjson.dumps(message))
    return RawEvent("web", "segment", "track", "E", copy, 0.0)


def message() -> dict[str, Any]:
    properties = {"plan": "SECRET-plan", "note": f"see {MAIL}", "email": MAIL, "street": "S-12"}
    return {
        "type": "track", "event": "E", "messageId": "m", "userId": "user-4711",
        "properties": {**properties, "deep": {**properties}},
    }  # fmt: skip


@st.composite
def policies(draw: st.DrawFn) -> list[dict[str, Any]]:
    rules = []
    for number in range(draw(st.integers(1, 6))):
        match: dict[str, Any] = draw(
            st.one_of(
                st.builds(lambda f: {"path": f"/properties/{f}"}, st.sampled_from(FIELDS)),
                st.builds(lambda f: {"key": f}, st.sampled_from(FIELDS)),
                st.just({"kind": "email"}),
                st.just({"path": "/userId"}),
            )
        )
        if names := draw(st.lists(st.sampled_from(NAMES[:2]), max_size=2, unique=True)):
            match = {**match, "destination": names}
        action = draw(st.sampled_from(("drop", "mask", "pseudonymize", "keep")))
        rules.append({"id": f"r{number}", "match": match, "action": action})
    return rules


def alone(rules: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The policy as it would be written if there were no other destination."""
    kept = [rule for rule in rules if name in rule["match"].get("destination", [name])]
    return [
        {**rule, "match": {k: v for k, v in rule["match"].items() if k != "destination"}}
        for rule in kept
    ]


def holds(whole: bytes, secret: str) -> bool:
    return secret.encode() in whole


@given(rules=policies(), default=st.sampled_from(("keep", "drop")))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_destination_gets_what_its_rules_leave(
    tmp_path: Path, rules: list[dict[str, Any]], default: str
) -> None:
    try:
        policy = compiled(tmp_path, rules, default)
        singles = {name: compiled(tmp_path, alone(rules, name), default) for name in NAMES}
    except ConfigurationError:
        reject()  # a rule that can never take effect
    decision = decide(raw(message()), policy)
    assert decision.event is not None, decision
    stored = event_of(1, encode(decision.event))
    views = {name: today(narrowed(stored, name), name, policy)[0] for name in NAMES}
    for name, single in singles.items():
        direct = decide(raw(message()), single).event
        assert direct is not None
        assert views[name].message == direct.message
        assert not views[name].overlays
    line = audit_line.line(decision) or b""
    for secret in (MAIL, "SECRET-plan"):
        held = {name: holds(view.body, secret) for name, view in views.items()}
        assert all(held.values()) or not holds(stored.body, secret)
        assert not holds(line, secret)
        for name in NAMES:
            assert held[name] or not holds(narrowed(stored, name).overlays, secret)


def test_a_policy_without_such_rules_costs_no_byte(tmp_path: Path) -> None:
    rules = [{"id": "m", "match": {"kind": "email"}, "action": "mask"}]
    decision = decide(raw(message()), compiled(tmp_path, rules))
    assert decision.event is not None
    line, body = encode(decision.event).splitlines()
    assert not decision.event.overlays
    assert "overlays" not in json.loads(line)
    assert json.loads(body) == inside(decision.event.message)


def test_an_overlay_is_not_used_without_its_rule(tmp_path: Path) -> None:
    own = {"id": "own", "match": {"key": "email", "destination": "one"}, "action": "pseudonymize"}
    drop = {"id": "mails", "match": {"key": "email"}, "action": "drop"}
    before, after = compiled(tmp_path, [own, drop]), compiled(tmp_path, [drop])
    decision = decide(raw(message()), before)
    assert decision.event is not None
    stored = event_of(1, encode(decision.event))
    assert "email" in orjson.loads(today(stored, "one", before)[0].body)["properties"]
    assert "email" not in orjson.loads(today(stored, "one", after)[0].body)["properties"]
    assert "email" not in orjson.loads(today(stored, "two", before)[0].body)["properties"]
    loose = compiled(tmp_path, [])
    brought = orjson.loads(today(narrowed(stored, "two"), "two", loose)[0].body)
    assert "email" not in brought["properties"]


@pytest.mark.parametrize("text", ["}]}", ',"overlays":[{}]}', 'a,"overlays":[', '"}]}'])
def test_no_text_of_an_event_is_taken_for_an_overlay(text: str) -> None:
    header = built("1").header
    odd = clean_event(replace(header, name=CleanText(text), user=CleanText(text)), {"a": text})
    stored = event_of(1, encode(CleanEvent(odd.header, odd.message)))
    assert (stored.header, stored.message, stored.overlays) == (odd.header, {"a": text}, b"")


def test_the_recipe_of_the_docs(tmp_path: Path) -> None:
    """A hashed e-mail for one vendor, none for all others."""
    docs = (ROOT / "docs/privacy.md").read_text("utf-8")
    section = docs.partition("## Rules for one destination")[2]
    recipe = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    rules = compiled(tmp_path, recipe["rules"])
    decision = decide(raw({**message(), "properties": {"email": MAIL}}), rules)
    assert decision.event is not None
    stored = event_of(1, encode(decision.event))
    found = {
        name: inside(today(stored, name, rules)[0].message)["properties"]
        for name in ("mixpanel", *NAMES)
    }
    assert found.pop("mixpanel") == {"email": KEYS.pseudonym(MAIL)}
    assert list(found.values()) == [{}, {}, {}]
    assert MAIL.encode() not in encode(decision.event)


ONE = {"destination": "one"}


@pytest.mark.parametrize(
    ("default", "rules"),
    [
        ("drop", [{"match": {"key": "case", **ONE}, "action": "pseudonymize"}]),
        (
            "keep",
            [
                {"match": {"key": "case", **ONE}, "action": "pseudonymize"},
                {"match": {"key": "case"}, "action": "drop"},
            ],
        ),
    ],
)
def test_what_is_hidden_from_one_destination_is_hidden_in_the_common_message(
    tmp_path: Path, default: str, rules: list[dict[str, Any]]
) -> None:
    """The rules for all drop the id, and let it stand in the messageId."""
    rules = [{"id": f"r{n}", **rule} for n, rule in enumerate(rules)]
    policy = compiled(tmp_path, rules, default)
    sent = {**message(), "messageId": "of case-77104", "properties": {"case": "case-77104"}}
    decision = decide(raw(sent), policy)
    assert decision.event is not None
    stored = event_of(1, encode(decision.event))
    assert not holds(today(stored, "one", policy)[0].body, "77104")
    assert not holds(stored.body, "77104")
    assert "77104" not in stored.header.message_id
    assert not holds(audit_line.line(decision) or b"", "77104")


def test_the_audit_names_no_key_that_one_destination_alone_gets(tmp_path: Path) -> None:
    rules = [
        {"id": "own", "match": {"path": "/context", **ONE}, "action": "pseudonymize"},
    ]
    policy = compiled(tmp_path, rules, "drop")
    context = {"library": {"name": "x"}, "traits": {"Quirnbach": {"plan": "pro"}, "plan": "free"}}
    sent = {**message(), "context": context}
    decision = decide(raw(sent), policy)
    assert decision.event is not None
    stored = event_of(1, encode(decision.event))
    assert holds(today(stored, "one", policy)[0].body, "Quirnbach")
    assert not holds(audit_line.line(decision) or b"", "Quirnbach")
    own = [change.pointer for change in decision.changes if change.destinations]
    assert own == ["/context/library/name", "/context/traits/*/plan", "/context/traits/plan"]


def test_the_line_of_an_older_event_repeats_nothing_that_is_taken_today(tmp_path: Path) -> None:
    loose = compiled(tmp_path, [])
    rules: list[dict[str, Any]] = [
        {"id": "mails", "match": {"kind": "email"}, "action": "mask"},
        {"id": "names", "match": {"key": "nickname"}, "action": "drop"},
    ]
    tight = compiled(tmp_path, rules)
    properties = {"nickname": "Quirnbach77", "Quirnbach77": {"email": MAIL}}
    sent = {**message(), "event": f"Mail {MAIL}", "messageId": "m-Quirnbach77"}
    event = replace(raw({**sent, "properties": properties}), name=sent["event"])
    decision = decide(event, loose)
    assert decision.event is not None
    stored = event_of(1, encode(decision.event))
    account = today(stored, "one", tight).account
    assert account is not None
    line = audit_line.again(stored.header, "one", account, tight.revisions)
    assert not holds(line, MAIL)
    assert not holds(line, "Quirnbach77")
    assert json.loads(line)["event"] == "Mail [email]"


def test_an_event_with_many_fields_costs_as_much_as_they_are(tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [
        {"id": "own", "match": {"key": "k*", **ONE}, "action": "drop"},
        {"id": "all", "match": {"key": ["k1*", "k2*", "k3*"]}, "action": "mask"},
    ]
    policy = compiled(tmp_path, rules)

    def spent(fields: int) -> float:
        sent = {**message(), "properties": {f"k{n}": "pro" for n in range(fields)}}
        since = time.process_time()
        decision = decide(raw(sent), policy)
        assert len(decision.changes) > fields
        return time.process_time() - since

    assert min(spent(4000), spent(4000)) < 12 * max(spent(1000), spent(1000))
