"""Tracking plans that were written for other programs load, and mean what they meant there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.config.model import Schemas
from gateway.contract import Catalogue, examine, load_catalogue
from gateway.event import RawEvent

Load = Callable[[dict[str, Any]], Catalogue]
Mistakes = Callable[[dict[str, Any]], list[str]]
SchemaOf = Callable[..., dict[str, Any]]
TRACK = {"protocol": "segment", "type": "track"}
Notes = Callable[[dict[str, Any]], list[str]]


def field(**schema: Any) -> dict[str, Any]:
    """A schema for the properties of an event with one field."""
    return {"properties": {"properties": {"description": "All.", "properties": {"code": schema}}}}


def line_of(schema: dict[str, Any], text: str) -> int:
    lines = json.dumps(schema, indent=1).splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


@pytest.fixture
def notes(load: Load, tmp_path: Path) -> Notes:
    """What `check` prints of a folder that loads."""

    def printed(files: dict[str, Any]) -> list[str]:
        return [str(note).removeprefix(f"{tmp_path}/") for note in load(files).notes]

    return printed


@pytest.mark.parametrize(
    ("replaced", "at", "message"),
    [
        ({"title": ""}, '"title"', "a `title` is missing"),
        ({"description": " "}, '"description": " "', "a `description` is missing"),
        ({"examples": []}, '"examples"', "at least one entry in `examples` is missing"),
        ({"$id": "https://shop.example/a"}, '"$id"', "`$id` is not needed"),
        ({"$anchor": "top"}, '"$anchor"', "`$anchor` is not needed"),
        ({"x-owner": "team"}, '"x-owner"', "`x-owner` means nothing to the gateway"),
        (field(description="A code.", **{"x-pii": True}), '"x-pii"', "`x-pii` means nothing"),
        (field(type="string"), '"code"', "`code` needs a `description`"),
        (
            field(description="A code.", format="date-tiem"),
            '"format"',
            "it only describes (did you mean `date-time`?)",
        ),
    ],
    ids=str,
)
def test_what_a_schema_can_do_without_is_a_note(
    notes: Notes, schema_of: SchemaOf, replaced: dict[str, Any], at: str, message: str
) -> None:
    schema = schema_of(**replaced)
    if "properties" in replaced:
        schema["examples"] = [{"type": "track", "event": "Order Paid"}]
    [note] = notes({"a": schema})
    assert note.startswith(f"a.schema.json:{line_of(schema, at)}: ")
    assert message in note


def test_a_right_schema_has_no_note(notes: Notes, schema_of: SchemaOf) -> None:
    assert notes({"a": schema_of()}) == []


def test_a_schema_without_a_title_has_the_name_of_its_event(
    load: Load, schema_of: SchemaOf
) -> None:
    schema = schema_of()
    del schema["title"], schema["examples"], schema["description"]
    named = load({"shop/a": schema}).plans["shop/a"]
    assert named.title == "Order Paid"


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"^\p{L}+$", ("Zażółć", "a1")),
        (r"^\p{Lu}\p{Ll}*$", ("Łódź", "łódź")),
        (r"^\p{Script=Greek}+$", ("λόγος", "logos")),
        (r"^[\p{L}\d ]+$", ("ż 1", "ż-1")),
        (r"^\P{L}+$", ("123", "a")),
        (r"^(?<year>\d{4})$", ("2026", "26")),
    ],
)
def test_a_pattern_may_be_whatever_the_engine_knows(
    load: Load, schema_of: SchemaOf, mistakes: Mistakes, pattern: str, texts: tuple[str, str]
) -> None:
    right, wrong = texts

    def schema(example: str) -> dict[str, Any]:
        return schema_of(
            properties={"properties": {"properties": {"name": {"pattern": pattern}}}},
            examples=[{"event": "Order Paid", "properties": {"name": example}}],
        )

    engine = load({"a": schema(right)}).plans["a"].engine
    assert engine.is_valid({"properties": {"name": right}})
    assert not engine.is_valid({"properties": {"name": wrong}})
    assert "the example breaks the schema" in mistakes({"a": schema(wrong)})[0]


def test_a_plan_may_refer_by_the_names_that_files_give_themselves(
    load: Load, schema_of: SchemaOf
) -> None:
    host = "https://plans.shop.example/v2"
    common = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{host}/common.json",
        "$defs": {
            "code": {"$id": f"{host}/code.json", "$ref": "#/$defs/short", "$defs": SHORT},
            "name": {"$anchor": "name", "type": "string", "maxLength": 4},
        },
    }
    fields = {
        "by address": {"$ref": f"{host}/common.json#/$defs/name"},
        "by address of its own": {"$ref": f"{host}/code.json"},
        "by relative address": {"$ref": "../common.json#name"},
        "by anchor of this file": {"$ref": "#here"},
        "by pointer": {"$ref": "#/$defs/mine"},
        "by path": {"$ref": "../common.schema.json#/$defs/name"},
    }
    schema = schema_of(
        **{"$id": f"{host}/events/order.json"},
        properties={"properties": {"properties": fields}},
        **{"$defs": {"mine": {"$anchor": "here", "type": "string", "maxLength": 4}}},
        examples=[{"event": "Order Paid", "properties": dict.fromkeys(fields, "abc")}],
    )
    engine = load({"common": common, "shop/a": schema}).plans["shop/a"].engine
    for name in fields:
        assert engine.is_valid({"properties": {name: "abc"}})
        assert not engine.is_valid({"properties": {name: "abcde"}}), name
        assert not engine.is_valid({"properties": {name: 5}}), name


SHORT = {"short": {"type": "string", "maxLength": 3}}


class TestDraft07:
    """A plan that was written for draft-07 stays one."""

    @pytest.fixture
    def plan(self, load: Load) -> Callable[..., Any]:
        def make(
            properties: dict[str, Any], *, dependencies: dict[str, Any] | None = None, **more: Any
        ) -> Any:
            schema = {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "$id": "http://shop.example/order.json",
                "x-telemetry": {"class": "optional", "match": {**TRACK, "event": "Order Paid"}},
                "type": "object",
                "properties": {
                    "properties": {
                        "type": "object",
                        "properties": properties,
                        "dependencies": dependencies or {},
                        "additionalProperties": not properties,
                    }
                },
                **more,
            }
            return load({"a": schema}).plans["a"]

        return make

    @pytest.mark.parametrize(
        "written",
        [
            "http://json-schema.org/draft-07/schema",
            "https://json-schema.org/draft-07/schema#",
            "https://json-schema.org/draft-07/schema",
        ],
    )
    def test_its_address_has_many_spellings(self, plan: Callable[..., Any], written: str) -> None:
        made = plan(
            {"a": {"$ref": "#/definitions/s", "maxLength": 1}},
            **DEFINITIONS,
            **{"$schema": written},
        )
        assert made.engine.is_valid({"properties": {"a": "long"}})

    def test_what_stands_beside_a_reference_counts_for_nothing(
        self, plan: Callable[..., Any], load: Load, tmp_path: Path
    ) -> None:
        made = plan(
            {"a": {"$ref": "#/definitions/s", "type": "number", "maxLength": 1}}, **DEFINITIONS
        )
        assert made.engine.is_valid({"properties": {"a": "long"}})
        assert not made.engine.is_valid({"properties": {"a": 5}})
        assert any("counts for nothing" in note.message for note in load({}).notes)

    @pytest.mark.parametrize(
        "words", [{"properties": {"beside": {}}}, {"allOf": [{"properties": {"beside": {}}}]}]
    )
    def test_nor_does_it_list_members(
        self, plan: Callable[..., Any], words: dict[str, Any]
    ) -> None:
        made = plan(
            {"a": {"$ref": "#/definitions/o", **words}},
            definitions={"o": {"type": "object", "properties": {"listed": {}}}},
        )
        raw = RawEvent("s", "segment", "track", "Order Paid", {"properties": {"a": {**BOTH}}}, 0)
        [breach] = examine(raw, made, Schemas()).breaches
        assert breach.path == ("properties", "a", "beside")

    def test_what_it_says_of_privacy_holds_all_the_same(
        self, plan: Callable[..., Any], load: Load
    ) -> None:
        plan({"a": {"$ref": "#/definitions/s", "x-privacy": "drop"}}, **DEFINITIONS)
        assert load({}).annotations()["a"] == (("/properties/a", "drop"),)

    def test_items_as_a_list(self, plan: Callable[..., Any]) -> None:
        rows = {
            "type": "array",
            "items": [{"type": "string"}],
            "additionalItems": {"type": "number"},
        }
        engine = plan({"rows": rows}).engine
        assert engine.is_valid({"properties": {"rows": ["a", 1, 2]}})
        assert not engine.is_valid({"properties": {"rows": [1, 2]}})
        assert not engine.is_valid({"properties": {"rows": ["a", "b"]}})
        closed = {"type": "array", "items": [{}], "additionalItems": False}
        made = plan({"rows": closed})
        raw = RawEvent("s", "segment", "track", "Order Paid", {"properties": {"rows": [1, 2]}}, 0)
        [breach] = examine(raw, made, Schemas()).breaches
        assert breach.message == "`properties.rows` has more items than the schema allows"

    def test_members_of_further_items_are_listed(self, plan: Callable[..., Any]) -> None:
        objects = {"type": "object", "properties": {"listed": {}}}
        made = plan({"rows": {"items": [{}], "additionalItems": objects}})
        rows: dict[str, Any] = {"properties": {"rows": [1, {"listed": 1, "other": 2}]}}
        raw = RawEvent("s", "segment", "track", "Order Paid", rows, 0)
        [breach] = examine(raw, made, Schemas()).breaches
        assert breach.path == ("properties", "rows", 1, "other")

    def test_dependencies(self, plan: Callable[..., Any]) -> None:
        dependencies = {
            "a": ["b"],
            "c": {"required": ["d"], "properties": {"d": {"type": "string"}}},
        }
        made = plan({}, dependencies=dependencies)
        for held, missing in (({"a": 1}, "b"), ({"c": 1}, "d")):
            raw = RawEvent("s", "segment", "track", "Order Paid", {"properties": {**held}}, 0)
            [breach] = examine(raw, made, Schemas()).breaches
            assert (breach.type, breach.path) == ("Required-Missing", ("properties", missing))
        assert made.engine.is_valid({"properties": {"a": 1, "b": 1, "c": 1, "d": ""}})

    def test_segments_own_export_loads(self, load: Load) -> None:
        """As its API gives the rules of one event, with the words that it adds."""
        rules = {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "Order Completed",
            "description": "",
            "type": "object",
            "labels": {},
            "properties": {
                "context": {"type": "object"},
                "traits": {"type": "object", "properties": {}},
                "properties": {
                    "type": "object",
                    "required": ["total"],
                    "properties": {
                        "total": {
                            "description": "",
                            "id": "/properties/properties/properties/total",
                            "type": ["number", "null"],
                        },
                        "currency": {"description": "ISO 4217", "pattern": "^[A-Z]{3}$"},
                    },
                },
            },
            "required": ["properties"],
            "x-telemetry": {"class": "optional", "match": {**TRACK, "event": "Order Completed"}},
        }
        plan = load({"a": rules}).plans["a"]
        right = {"event": "Order Completed", "properties": {"total": 1.5, "currency": "EUR"}}
        assert plan.engine.is_valid(right)
        assert not plan.engine.is_valid({"event": "Order Completed", "properties": {}})


DEFINITIONS = {"definitions": {"s": {"type": "string"}}}
BOTH: dict[str, Any] = {"listed": 1, "beside": 2}


class TestFormats:
    """They are rules where the schema or else the configuration says so."""

    @pytest.fixture
    def breaches(self, load: Load, schema_of: SchemaOf, tmp_path: Path) -> Callable[..., list[Any]]:
        def found(
            name: str, value: Any, *, own: bool | None = None, usual: bool = False, **more: Any
        ) -> list[Any]:
            telemetry: dict[str, Any] = {"class": "optional", "match": {**TRACK, "event": "E"}}
            if own is not None:
                telemetry["format_assertion"] = own
            fields = {"properties": {"properties": {"at": {"format": name}}}}
            load(
                {
                    "a": schema_of(
                        **{"x-telemetry": telemetry}, properties=fields, examples=[], **more
                    )
                }
            )
            plan = load_catalogue(tmp_path, format_assertion=usual).plans["a"]
            raw = RawEvent("s", "segment", "track", "E", {"properties": {"at": value}}, 0)
            return [*examine(raw, plan, Schemas()).breaches]

        return found

    @pytest.mark.parametrize(
        ("own", "usual", "asserted"),
        [
            (None, False, False),
            (None, True, True),
            (True, False, True),
            (False, True, False),
        ],
    )
    @pytest.mark.parametrize("draft", ["draft/2020-12/", "draft-07/"])
    def test_who_decides(
        self,
        breaches: Callable[..., list[Any]],
        draft: str,
        own: bool | None,
        usual: bool,
        asserted: bool,
    ) -> None:
        scheme = "http" if "07" in draft else "https"
        more = {"$schema": f"{scheme}://json-schema.org/{draft}schema"}
        found = breaches("date-time", "yesterday", own=own, usual=usual, **more)
        assert len(found) == asserted
        assert breaches("date-time", "2026-11-23T07:51:04Z", own=own, usual=usual, **more) == []

    def test_what_is_said_of_it_holds_nothing_of_the_event(
        self, breaches: Callable[..., list[Any]]
    ) -> None:
        [breach] = breaches("email", "anna at example.com", own=True)
        assert breach.type == "Advance-Rules-Violation"
        assert breach.message == "`properties.at` must be a valid `email`"
        assert breach.path == ("properties", "at")

    @pytest.mark.parametrize(
        ("name", "right", "wrong"),
        [
            ("date", "2026-11-23", "2026-02-30"),
            ("time", "07:51:04Z", "25:00:00Z"),
            ("date-time", "2026-11-23T07:51:04.3+01:00", "2026-11-23 7:51"),
            ("duration", "P1DT12H", "1 day"),
            ("email", "a@b.example", "a.b.example"),
            ("hostname", "shop.example", "-shop-"),
            ("ipv4", "192.0.2.1", "192.0.2.256"),
            ("ipv6", "2001:db8::1", "192.0.2.1"),
            ("uri", "https://shop.example/a?b", "/a?b"),
            ("uri-reference", "/a?b", "\\\\a"),
            ("uuid", "6645f1a2-c3d4-e5f6-a7b8-c9d0e1f2a3b4", "6645f1a2"),
            ("json-pointer", "/a/b", "a/b"),
            ("regex", "^a$", "("),
        ],
    )
    def test_each_is_the_engines(
        self, breaches: Callable[..., list[Any]], name: str, right: str, wrong: str
    ) -> None:
        assert breaches(name, right, own=True) == []
        assert len(breaches(name, wrong, own=True)) == 1
        assert breaches(name, 5, own=True) == []
        checker = Draft202012Validator.FORMAT_CHECKER
        if name in checker.checkers:
            assert checker.conforms(right, name)

    @pytest.mark.parametrize("value", ["", "2026-11-23", "10.0.0.1", "::1", "x" * 36, "2026-02-29"])
    @pytest.mark.parametrize("name", ["date", "ipv4", "ipv6", "uuid"])
    def test_the_oracle_says_the_same(
        self, breaches: Callable[..., list[Any]], name: str, value: str
    ) -> None:
        conforms = Draft202012Validator.FORMAT_CHECKER.conforms(value, name)
        assert (breaches(name, value, own=True) == []) == conforms

    def test_an_example_must_have_the_form(self, mistakes: Mistakes, schema_of: SchemaOf) -> None:
        telemetry = {
            "class": "optional",
            "format_assertion": True,
            "match": {**TRACK, "event": "Order Paid"},
        }
        schema = schema_of(
            **{"x-telemetry": telemetry},
            properties={"properties": {"properties": {"at": {"format": "date"}}}},
            examples=[{"event": "Order Paid", "properties": {"at": "soon"}}],
        )
        [mistake] = mistakes({"a": schema})
        assert mistake.startswith(f"a.schema.json:{line_of(schema, 'soon')}: the example breaks")

    def test_an_unknown_one_describes(self, breaches: Callable[..., list[Any]]) -> None:
        assert breaches("semver", "anything", own=True) == []
