"""What a rule took stands in no field of the audit line, which tells who sent what."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from gateway.config import load
from gateway.contract.violations import TYPES, sentence
from gateway.event import Decision, RawEvent
from gateway.pipeline import audit_line
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer
from gateway.privacy.scrub.taken import Taken

STREET = "12 Rue de la Paix"
ID = "maria-4711"
RULES = [
    {"id": "ids", "match": {"path": ["/userId"]}, "action": "pseudonymize"},
    {"id": "shown", "match": {"path": ["/context/traits/address/city"]}, "action": "keep"},
    {"id": "home", "match": {"path": ["/context/traits/address"]}, "action": "drop"},
    {"id": "names", "match": {"key": ["last_name", "people"]}, "action": "drop"},
    {"id": "hosts", "match": {"key": ["host"]}, "action": "mask"},
]
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Order Completed",
    "description": "d",
    "type": "object",
    "properties": {
        "event": {"const": "Order Completed", "description": "d"},
        "context": {
            "type": "object",
            "description": "d",
            "properties": {
                "traits": {
                    "type": "object",
                    "description": "d",
                    "properties": {
                        "address": {
                            "type": "object",
                            "description": "d",
                            "additionalProperties": {"type": "integer"},
                        }
                    },
                }
            },
        },
        "properties": {
            "type": "object",
            "description": "d",
            "required": ["order_id"],
            "properties": {
                "order_id": {"type": "string", "description": "d"},
                "total": {"type": "number", "description": "d"},
                "currency": {"enum": ["EUR", "USD", "GBP"], "description": "d"},
                "quantity": {"type": "integer", "minimum": 1, "description": "d"},
            },
        },
    },
    "examples": [{"type": "track", "event": "Order Completed", "properties": {"order_id": "1"}}],
    "x-telemetry": {
        "class": "optional",
        "match": {"protocol": "segment", "type": "track", "event": "Order Completed"},
    },
}


def rules_of(folder: Path, **schemas: str) -> Rules:
    (folder / "schemas" / "shop").mkdir(parents=True)
    file = folder / "schemas" / "shop" / "order-completed.schema.json"
    file.write_text(json.dumps(SCHEMA))
    (folder / "privacy.yaml").write_text(yaml.safe_dump({"rules": RULES}))
    (folder / "routing.yaml").write_text("destinations: {}\nroutes: []\n")
    settings = {
        "data_dir": str(folder / "data"),
        "sources": [{"name": "shop", "write_keys": ["k"]}],
        "schemas": {"path": "schemas", **schemas},
    }
    (folder / "gateway.yaml").write_text(yaml.safe_dump(settings))
    return compile_rules(load(folder / "gateway.yaml", {}), {}, Pseudonymizer(bytes(32)))


def decided(rules: Rules, event: str = "Order Completed", **message: Any) -> Decision:
    given = {"type": "track", "event": event, "messageId": "m-1", "userId": ID, **message}
    whole = deepcopy(given)
    return decide(RawEvent("shop", "segment", "track", whole["event"], whole, 1.0), rules)


def line_of(decision: Decision) -> str:
    return (audit_line.line(decision) or b"").decode()


@pytest.mark.parametrize("violations", ["allow", "omit", "quarantine", "block"])
@pytest.mark.parametrize(
    "message",
    [
        {"context": {"traits": {"address": {STREET: "x", "city": "Paris"}}}},
        {"context": {"traits": {"address": {"deep": {STREET: {"x": 1}}, "city": "Paris"}}}},
        {"properties": {"people": {STREET: {"age": "x"}}, "order_id": 1}},
        {"properties": {STREET: 1, "last_name": STREET}},
        {"properties": {"a": {"x 12 rue de la paix": {"host": "h"}}, "last_name": STREET}},
        {"properties": {"last_name": STREET}, "messageId": f"order {STREET}"},
        {"properties": {"host": STREET}, "event": f"Viewed {STREET}"},
        {"properties": {"people": [{"x": [STREET, "y"]}]}, "messageId": STREET},
        {"properties": {"host": STREET}, "context": {"library": {"name": STREET, "version": "1"}}},
        {"properties": {"host": STREET}, "context": {"app": {"version": f"1 {STREET}"}}},
        {"messageId": f"m/{ID}/1", "event": f"Order {ID}", "properties": {ID: {"host": "h"}}},
        {"userId": 4711, "messageId": "4711", "properties": {"4711": {"host": "h"}}},
    ],
)
def test_what_a_rule_took_is_in_no_field(
    tmp_path: Path, message: dict[str, Any], violations: str
) -> None:
    rules = rules_of(tmp_path, violations=violations, unplanned_properties="allow")
    line = line_of(decided(rules, **message))
    assert line
    for taken in (STREET, "Rue de la Paix", ID, "4711"):
        assert taken.lower() not in line.lower(), line


def test_a_blocked_event_keeps_what_may_leave(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, unplanned_events="block")
    decision = decided(rules, "Left", messageId="m-7", properties={"last_name": STREET})
    assert (decision.name, decision.message_id, decision.event) == ("Left", "m-7", None)
    assert decision.changes == ()


def test_places_that_a_rule_is_about_are_told(tmp_path: Path) -> None:
    address = {"street": "x", "city": "Paris"}
    decision = decided(
        rules_of(tmp_path, unplanned_properties="allow"),
        context={"traits": {"address": address}},
        properties={"last_name": "Roe", "order_id": "1", "nested": {"last_name": "Roe"}},
    )
    assert {(change.pointer, change.rule) for change in decision.changes} == {
        ("/userId", "ids"),
        ("/context/traits/address/*", "home"),
        ("/properties/last_name", "names"),
        ("/properties/nested/last_name", "names"),
    }


FOUR_VIOLATIONS: dict[str, Any] = {
    "messageId": "ajs-next-1764100000000-0c8f3a1e-7d52-4b7e-9a4e-2f3c9d1b7a66",
    "context": {
        "library": {"name": "analytics.js", "version": "next-1.84.3"},
        "app": {"version": "2.3.1"},
    },
    "properties": {"total": "12.50", "currency": "XXX", "quantity": 0},
}


def test_a_line_is_short_and_is_written_out_again(tmp_path: Path) -> None:
    decision = decided(rules_of(tmp_path), **FOUR_VIOLATIONS)
    line = line_of(decision)
    assert len(decision.violations) == 4
    assert len(line) + len(',"hash":"12345678"\n') < 500, line
    told = audit_line.expanded(orjson.loads(line))
    assert (told["protocol"], told["class"]) == ("segment", "optional")
    assert (told["library"], told["app_version"]) == ("analytics.js/next-1.84.3", "2.3.1")
    assert (told["policy_revision"], told["schema_revision"]) == (0, 0)
    assert (told["outcome"], told["reason"]) == ("accepted", None)
    assert [one["type"] for one in told["violations"]] == [v.type for v in decision.violations]
    assert {one["message"] for one in told["violations"]} == {
        "in `properties`, `order_id` is missing",
        "`properties.total` must be a number, not a string",
        "`properties.currency` must be one of those that the schema lists",
        "`properties.quantity` must be at least 1",
    }
    assert told["changes"] == [change.as_json() for change in decision.changes]


def test_a_line_of_0_1_0_is_read_as_it_is() -> None:
    old = {
        "time": "2026-11-23T00:00:00.000Z", "messageId": "m", "source": "s", "protocol": "segment",
        "type": "track", "event": "E", "schema": "none", "class": "optional", "outcome": "accepted",
        "changes": [
            {"pointer": "/a", "action": "drop", "rule": "r", "kind": "string", "length": 3}
        ],
        "violations": [{"type": "Required-Missing", "pointer": "/a", "message": "is missing"}],
    }  # fmt: skip
    told = audit_line.expanded(old)
    assert {key: told[key] for key in old} == old


@pytest.mark.parametrize("code", [*TYPES, "odd"])
def test_a_sentence_is_made_of_whatever_a_line_holds(code: str) -> None:
    for arguments in ((), ("a",), ("a", "b", 3)):
        for steps in ((), ("properties", "n")):
            assert sentence(code, steps, arguments)


def test_a_library_s_words_are_short_and_plain(tmp_path: Path) -> None:
    odd = {"name": 'x"\n<b>' + "y" * 500 + " ada@mail.example", "version": "ada@mail.example"}
    decision = decided(rules_of(tmp_path), context={"library": odd})
    assert len(decision.library) <= 48
    assert decision.library.startswith("xby")
    named = decided(rules_of(tmp_path / "b"), context={"library": {"name": "ada@mail.example"}})
    assert named.library == "[email]"


def test_many_values_cost_no_square() -> None:
    """Each value begins with a word that is told, and none is told itself."""
    taken = Taken()
    for number in range(20_000):
        taken.add(f"properties {number} x")
    texts = [f"/properties/{number}" for number in range(5_000)]
    assert list(taken.hidden(texts)) == texts  # type: ignore[arg-type]
