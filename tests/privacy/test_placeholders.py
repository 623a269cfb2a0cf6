"""An id that stands for nobody is absent, and equal numbers are one id, at every door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import load
from gateway.config.model import Limits, Source
from gateway.config.privacy import PLACEHOLDERS
from gateway.destinations.mixpanel.mapping import operations_of
from gateway.destinations.segment.mapping import message_of
from gateway.event import Decision, Reason, StoredEvent
from gateway.ingest import Sources
from gateway.ingest.client_info import Sender
from gateway.ingest.mixpanel import parse as mixpanel
from gateway.ingest.mixpanel.unpack import open_call
from gateway.ingest.segment import parse as segment
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer
from gateway.privacy.placeholders import Placeholders
from gateway.translation.project import Project
from tests.privacy.conftest import Compile

NOW = 1_795_420_264.317
SOURCES = Sources([Source(name="shop", write_keys=("key",))], accept_unknown=False)
NOBODY = [
    "undefined", "Undefined", " NULL ", "null\n", '"null"', "anonymous", "GUEST", "0", "000", "-1",
    "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}", "none", "nil",
    "<nil>", "unknown", "NaN", "[object Object]", "[object Undefined]", "true", "False", "", "   ",
    "\u200bundefined", "ｎｕｌｌ", "N/A", "[]", "{}", "{{ user.id }}", "${userId}",
    "$device:undefined", "$device:", "undefined" + 40 * " ", 0, 0.0, -1,
]  # fmt: skip
SOMEBODY = [
    "42", "00000000-0000-0000-0000-000000000001", "null-1", "nullius", "anonymous-7", "10", "-12",
    "guest@mail.example", "true-north", "a", "Null Island", "undefined2", "{7}", "n",
]  # fmt: skip


RULES = compile_rules(load(Path("config/gateway.yaml"), {}), {}, Pseudonymizer(bytes(range(32))))


@pytest.fixture
def rules() -> Rules:
    return RULES


def of_segment(rules: Rules, body: bytes | dict[str, Any]) -> Decision:
    facts = segment.RequestContext(None, Sender(), NOW, None, ("key",))
    item = body if isinstance(body, bytes) else orjson.dumps({"batch": [body]})
    (raw,) = segment.read(item, facts, SOURCES, Limits()).events
    return decide(raw, rules)


def of_mixpanel(rules: Rules, body: Any, kind: mixpanel.Kind = "event") -> Decision:
    facts = mixpanel.MixpanelContext(
        kind=kind, is_import=False, sender=Sender(), received_at=NOW, seal=b"seal"
    )
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    (raw,) = mixpanel.read(open_call("api_key=key", data), facts, SOURCES, Limits()).intake.events
    return decide(raw, rules)


def stored(decision: Decision) -> StoredEvent:
    assert decision.event is not None, decision
    return decision.event.stored(1)


def user_of(decision: Decision) -> Any:
    return stored(decision).message.get("userId")


def distinct_id(decision: Decision) -> Any:
    properties: Any = stored(decision).message["properties"]
    return properties.get("distinct_id")


@pytest.mark.parametrize("nobody", NOBODY)
def test_a_placeholder_is_no_id_of_a_segment_message(rules: Rules, nobody: Any) -> None:
    body = {"type": "identify", "userId": nobody, "traits": {"id": nobody, "plan": "pro"}}
    decision = of_segment(rules, {**body, "anonymousId": "visitor-77"})
    message: Any = stored(decision).message
    assert "userId" not in message
    assert "id" not in message["traits"]
    assert message["anonymousId"] == stored(decision).header.user
    if nobody != "":
        assert ("/userId", "wire:placeholder") in {(c.pointer, c.rule) for c in decision.changes}
    sent = message_of(stored(decision), "$group_id")
    assert isinstance(sent, dict)
    assert "userId" not in sent
    of_nobody = of_segment(rules, {**body, "anonymousId": nobody})
    assert message_of(stored(of_nobody), "$group_id") is Reason.INCOMPLETE


@pytest.mark.parametrize("nobody", NOBODY)
def test_no_devices_are_merged_by_a_placeholder(rules: Rules, nobody: Any) -> None:
    project = Project(identity="original")
    pairs: list[tuple[str, dict[str, Any]]] = [
        ("$identify", {"distinct_id": nobody, "$anon_distinct_id": "$device:d-77"}),
        ("$identify", {"$identified_id": nobody, "$anon_id": "d-77"}),
        ("$identify", {"$identified_id": "u-77", "$anon_id": nobody}),
        ("$create_alias", {"distinct_id": "d-77", "alias": nobody}),
        ("$create_alias", {"distinct_id": nobody, "alias": "u-77"}),
        ("$merge", {"$distinct_ids": ["u-77", nobody]}),
    ]
    for name, properties in pairs:
        record = {"event": name, "properties": {"token": "key", "$user_id": nobody, **properties}}
        event = stored(of_mixpanel(rules, [record]))
        assert operations_of(event, project) is Reason.INCOMPLETE, (name, properties)
    ordinary = {"distinct_id": nobody, "$user_id": nobody, "$device_id": "d-77", "token": "key"}
    event = stored(of_mixpanel(rules, [{"event": "E", "properties": ordinary}]))
    operations = operations_of(event, Project())
    assert isinstance(operations, tuple)
    assert "$user_id" not in operations[0].record["properties"]
    assert operations[0].record["properties"]["distinct_id"].startswith("$device:")
    update = {"$token": "key", "$distinct_id": nobody, "$set": {"a": 1}}
    profile = stored(of_mixpanel(rules, [update], "people"))
    assert operations_of(profile, project) is Reason.INCOMPLETE


@pytest.mark.parametrize("nobody", NOBODY)
def test_alias_and_group_of_nobody(rules: Rules, nobody: Any) -> None:
    alias = of_segment(rules, {"type": "alias", "userId": "u-77", "previousId": nobody})
    assert message_of(stored(alias), "$group_id") is Reason.INCOMPLETE
    assert operations_of(stored(alias), Project(identity="original")) is Reason.INCOMPLETE


def test_a_group_may_have_a_name_that_is_nobodys(rules: Rules) -> None:
    for name in ("0", "unknown", "none", "Guest"):
        group = stored(of_segment(rules, {"type": "group", "userId": "u-77", "groupId": name}))
        assert group.message["groupId"] == name
    for nothing in ("undefined", "null", " ", "[object Object]", "NaN"):
        group = stored(of_segment(rules, {"type": "group", "userId": "u-7", "groupId": nothing}))
        assert "groupId" not in group.message
        record = {"$token": "key", "$group_key": "company", "$group_id": nothing, "$set": {"a": 1}}
        update = stored(of_mixpanel(rules, [record], "groups"))
        assert operations_of(update, Project()) is Reason.INCOMPLETE


@pytest.mark.parametrize("somebody", SOMEBODY)
def test_what_only_looks_like_one_is_an_id(rules: Rules, somebody: str) -> None:
    assert user_of(of_segment(rules, {"type": "track", "event": "E", "userId": somebody}))
    record = {"event": "E", "properties": {"token": "key", "distinct_id": somebody}}
    assert distinct_id(of_mixpanel(rules, [record]))


def test_the_list_is_the_operators(compiled: Compile, rules: Rules) -> None:
    tight = compiled("rules: []\nplaceholders: {more: [Robot]}\n").placeholders
    assert "robot" in tight
    assert "guest" in tight
    own = compiled("rules: []\nplaceholders: {ids: [robot]}\n").placeholders
    assert " ROBOT " in own
    assert "guest" not in own
    assert "0" not in own
    decision = of_segment(
        replace(rules, policy=compiled("rules: []\nplaceholders: {ids: []}\n")),
        {"type": "track", "event": "E", "userId": "guest"},
    )
    assert user_of(decision) == "guest"


def test_a_placeholder_is_hashed_nowhere(compiled: Compile, rules: Rules) -> None:
    policy = compiled("rules:\n- {id: r, match: {key: [owner, owners]}, action: pseudonymize}\n")
    properties = {"owner": "undefined", "owners": ["null", "u-77"], "deep": {"owner": 0}}
    decision = of_segment(
        replace(rules, policy=policy), {"type": "track", "event": "E", "properties": properties}
    )
    message: Any = stored(decision).message
    assert "owner" not in message["properties"]
    assert message["properties"]["deep"] == {}
    assert len(message["properties"]["owners"]) == len(decision.event.header.pseudonyms) == 1  # type: ignore[union-attr]  # checked by `stored`


@given(
    st.sampled_from(PLACEHOLDERS), st.sampled_from(["", " ", "\t\n", '"', "\u200b"]), st.booleans()
)
def test_case_and_blanks_say_nothing(name: str, around: str, upper: bool) -> None:
    written = around + (name.upper() if upper else name) + around
    assert written in Placeholders(PLACEHOLDERS)
    assert "$device:" + written in Placeholders(PLACEHOLDERS)


@given(st.integers(-(10**30), 10**30).filter(lambda n: n not in (0, -1)))
def test_equal_numbers_are_one_id(number: int) -> None:
    forms = [str(number), f'"{number}"', f"{number}.0", f"{number}e0", f"{number}0e-1"]
    at_segment = {
        user_of(
            of_segment(
                RULES, b'{"batch":[{"type":"track","event":"E","userId":%s}]}' % form.encode()
            )
        )
        for form in forms
    }
    at_mixpanel = {
        distinct_id(
            of_mixpanel(
                RULES,
                b'[{"event":"E","properties":{"token":"key","distinct_id":%s}}]' % form.encode(),
            )
        )
        for form in forms
    }
    assert len(at_segment | at_mixpanel) == 1
