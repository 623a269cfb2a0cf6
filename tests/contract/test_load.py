"""A wrong schemas folder does not load, and every mistake is told at once, with file and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.contract import Catalogue, load_catalogue
from gateway.errors import ConfigurationError

Load = Callable[[dict[str, Any]], Catalogue]
SchemaOf = Callable[..., dict[str, Any]]
TRACK = {"protocol": "segment", "type": "track"}


Mistakes = Callable[[dict[str, Any]], list[str]]


def field(**schema: Any) -> dict[str, Any]:
    """A schema for the properties of an event with one field."""
    return {"properties": {"properties": {"description": "All.", "properties": {"code": schema}}}}


def line_of(schema: dict[str, Any], text: str) -> int:
    lines = json.dumps(schema, indent=1).splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_a_right_folder_loads(load: Load, schema_of: SchemaOf) -> None:
    plans = load({"shop/order-paid": schema_of()}).plans
    plan = plans["shop/order-paid"]
    assert (plan.title, plan.telemetry_class, plan.planned) == ("Order paid", "optional", True)
    assert plan.file.endswith("shop/order-paid.schema.json")


def test_a_syntax_error_names_its_line(mistakes: Mistakes) -> None:
    assert mistakes({"a": '{\n "title": "x",\n "type": }'}) == [
        "a.schema.json:3: not JSON: expecting value"
    ]


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1}}', "[" * 100_000, "nul", "", "[1e999]", r'["\ud800"]']
)
def test_what_is_not_json_is_refused(mistakes: Mistakes, text: str) -> None:
    [mistake] = mistakes({"a": text})
    assert mistake.startswith("a.schema.json:1: ")


def test_a_key_given_twice_is_refused(mistakes: Mistakes) -> None:
    assert mistakes({"a": '{\n "title": "x",\n "title": "y"\n}'}) == [
        "a.schema.json:3: `title` is given twice, first on line 2; keep one"
    ]


@pytest.mark.parametrize(
    ("replaced", "at", "message"),
    [
        ({"title": 5}, '"title"', "`title` must be text"),
        ({"examples": {}}, '"examples"', "`examples` is not what JSON Schema allows there"),
        ({"$schema": "x"}, '"$schema"', "`$schema` must be"),
        ({"requierd": []}, '"requierd"', "no JSON Schema keyword (did you mean `required`?)"),
        ({"type": "objekt"}, '"type": "objekt"', "`type` is not what JSON Schema allows there"),
        ({"$ref": "https://shop.example/a.json"}, '"$ref"', "nothing is fetched"),
        ({"$ref": "oter.schema.json"}, '"$ref"', "not in the folder"),
        ({"$ref": "#/$defs/nowhere"}, '"$ref"', "leads to no schema"),
        ({"x-privacy": "drop"}, '"x-privacy"', "belongs on a field"),
        (
            field(description="A code.", **{"x-privacy": "dorp"}),
            '"x-privacy"',
            "`dorp` is no `x-privacy` (did you mean `drop`?)",
        ),
        (field(description="A code.", **{"x-privacy": "keep"}), '"x-privacy"', "`keep` is no"),
        (
            field(description="A code.", **{"x-privcy": "drop"}),
            '"x-privcy"',
            "(did you mean `x-privacy`?)",
        ),
        *(
            (
                field(description="A code.", **{word: "drop"}),
                f'"{word}"',
                "(did you mean `x-privacy`?)",
            )
            for word in ("x-privcay", "x_privacy", "X-Privacy", "xprivacy", "x-privacy2", "x-priv")
        ),
        (
            field(description="A code.", **{"x-privacy-action": "drop"}),
            '"x-privacy-action"',
            "no JSON Schema keyword",
        ),
        (
            {"x-telemetry": {"class": "optional", "format_assertion": 1, "match": TRACK}},
            '"format_assertion"',
            "true or false",
        ),
        (
            field(description="A code.", dependencies={"a": ["b"]}),
            '"dependencies"',
            "`dependentRequired`",
        ),
        (field(description="A code.", pattern="^(?=a)"), '"pattern"', "look-around"),
        (field(description="A code.", pattern=r"\p{Nonsense}"), '"pattern"', "cannot be compiled"),
        (field(description="A code.", pattern=r"(a)\1"), '"pattern"', "backreferences"),
        (field(description="A code.", patternProperties={"(": {}}), '"("', "cannot be compiled"),
        ({"x-telemetry": {"class": "optional"}}, '"x-telemetry"', "`match` must be"),
        (
            {"x-telemetry": {"class": "esential", "match": TRACK}},
            '"class"',
            "`esential` is no `class` (did you mean `essential`?)",
        ),
        (
            {"x-telemetry": {"klass": "optional", "class": "optional", "match": TRACK}},
            '"klass"',
            "`klass` is not a setting here (did you mean `class`?)",
        ),
        (
            {
                "x-telemetry": {
                    "class": "optional",
                    "match": {"protocol": "segment", "type": "trak"},
                }
            },
            '"type": "trak"',
            "`trak` is no `type` (did you mean `track`?)",
        ),
        (
            {"x-telemetry": {"class": "optional", "match": {"type": "track"}}},
            '"match"',
            "`protocol` is missing",
        ),
        (
            {"x-telemetry": {"class": "optional", "version": 0, "match": TRACK}},
            '"version"',
            "whole number from 1",
        ),
        (
            {
                "x-telemetry": {
                    "class": "optional",
                    "match": {**TRACK, "event": ["Paid *", " Paid"]},
                }
            },
            '" Paid"',
            "it can never match",
        ),
        (
            {"x-telemetry": {"class": "optional", "match": {**TRACK, "pattern": "(?!a)"}}},
            '"pattern"',
            "look-around",
        ),
        (
            {
                "x-telemetry": {
                    "class": "optional",
                    "match": {"protocol": "segment", "type": "identify", "event": "x"},
                }
            },
            '"event": "x"',
            "`event` can never match",
        ),
        (
            {"x-telemetry": {"class": "optional", "match": {**TRACK, "has": "traits"}}},
            '"has"',
            "JSON Pointers",
        ),
    ],
    ids=str,
)
def test_a_mistake_names_its_line(
    mistakes: Mistakes, schema_of: SchemaOf, replaced: dict[str, Any], at: str, message: str
) -> None:
    schema = schema_of(**replaced)
    [mistake] = mistakes({"a": schema})
    assert mistake.startswith(f"a.schema.json:{line_of(schema, at)}: ")
    assert message in mistake


def test_every_mistake_of_every_file_is_told(mistakes: Mistakes, schema_of: SchemaOf) -> None:
    found = mistakes(
        {
            "a": schema_of("A", title=5, description=6),
            "shop/b": schema_of("B", examples=[{}]),
            "c": "{",
        }
    )
    assert [mistake.partition(":")[0] for mistake in found] == [
        "a.schema.json",
        "a.schema.json",
        "c.schema.json",
        "shop/b.schema.json",
    ]


def test_examples_are_checked_though_another_file_is_wrong(
    mistakes: Mistakes, schema_of: SchemaOf
) -> None:
    shared = {"$ref": "shop/common.schema.json#/$defs/x"}
    found = mistakes(
        {
            "a": schema_of("A", title=5, type="objekt"),
            "b": schema_of("B", examples=[{"event": "B", "properties": {}}]),
            "c": schema_of("C", **shared, examples=[{}]),
            "shop/common": {"title": "Shared", "$defs": {"x": {"description": "X."}}},
        }
    )
    assert [mistake.partition(": ")[2][:22] for mistake in found] == [
        "`title` must be text",
        "`type` is not what JSO",
        "the example breaks the",
        '`$schema` must be "htt',
    ]


def test_an_example_must_be_right(mistakes: Mistakes, schema_of: SchemaOf) -> None:
    schema = schema_of(examples=[{"type": "track", "event": "Order Paid", "properties": {}}])
    [mistake] = mistakes({"a": schema})
    assert "the example breaks the schema" in mistake


def test_an_example_must_be_of_its_own_schema(mistakes: Mistakes, schema_of: SchemaOf) -> None:
    stray = schema_of(examples=[{"type": "track", "event": "Paid", "properties": {"amount": 1}}])
    assert "not this schema's event but no schema's" in mistakes({"a": stray})[0]
    found = mistakes({"a": stray, "b": schema_of("Paid")})
    assert found[0].endswith("not this schema's event but that of `b`")


@pytest.mark.parametrize(
    "claim", [{"event": ["Other", "Order Paid"]}, {"event": "Order *"}, {"pattern": "Order .*"}, {}]
)
def test_two_schemas_cannot_claim_one_event(
    mistakes: Mistakes, schema_of: SchemaOf, claim: dict[str, Any]
) -> None:
    telemetry = {"class": "optional", "match": {**TRACK, **claim}}
    schema = schema_of(**{"x-telemetry": telemetry})
    found = mistakes({"a": schema, "b": schema})
    assert any("is claimed by `a` already" in mistake for mistake in found)
    assert all(mistake.startswith("b.schema.json:") for mistake in found)


def test_shared_definitions_live_in_a_common_file(load: Load, schema_of: SchemaOf) -> None:
    common = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Shared",
        "$defs": {"code": {"type": "string", "maxLength": 3, "description": "A code."}},
    }
    schema = schema_of(
        properties={
            "properties": {
                "description": "All.",
                "properties": {"code": {"$ref": "../common.schema.json#/$defs/code"}},
            }
        },
        examples=[{"event": "Order Paid", "properties": {"code": "abc"}}],
    )
    catalogue = load({"common": common, "shop/a": schema})
    assert list(catalogue.plans) == ["shop/a"]
    assert not catalogue.plans["shop/a"].engine.is_valid({"properties": {"code": "abcd"}})


def test_a_common_file_is_no_event_and_an_event_is_no_common_file(
    mistakes: Mistakes, schema_of: SchemaOf
) -> None:
    found = mistakes({"common": schema_of()})
    assert all("is for `$defs` that others share" in mistake for mistake in found)
    schema = schema_of()
    del schema["x-telemetry"]
    assert "`x-telemetry` is missing" in mistakes({"common": schema_of(), "a": schema})[0]


def test_draft_07_is_accepted(load: Load, schema_of: SchemaOf) -> None:
    schema = schema_of(**{"$schema": "http://json-schema.org/draft-07/schema#"})
    assert load({"a": schema}).plans["a"].planned


def test_other_json_files_are_pointed_out(load: Load, schema_of: SchemaOf, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}", "utf-8")
    with pytest.raises(ConfigurationError, match=r"b\.json:1: call it `b\.schema\.json`"):
        load({"a": schema_of()})


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"holds no \*\.schema\.json file"):
        load_catalogue(tmp_path / "nowhere")


def tree(**label: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "A node.",
        "properties": {
            "label": {"type": "string", "description": "A label.", **label},
            "children": {
                "type": "array",
                "description": "Nodes.",
                "items": {"$ref": "#/properties/properties"},
            },
        },
    }


def test_a_schema_may_contain_itself(load: Load, schema_of: SchemaOf) -> None:
    example = {"event": "Order Paid", "properties": {"children": [{"children": []}]}}
    schema = schema_of(properties={"properties": tree()}, examples=[example])
    assert load({"a": schema}).plans["a"].planned


def test_a_circle_without_end_is_refused(mistakes: Mistakes, schema_of: SchemaOf) -> None:
    schema = schema_of(allOf=[{"$ref": "#"}])
    assert mistakes({"a": schema}) == [
        "a.schema.json:1: the schema refers to itself in a circle without end"
    ]


def test_what_contains_itself_cannot_say_what_is_personal(
    mistakes: Mistakes, schema_of: SchemaOf
) -> None:
    schema = schema_of(
        properties={"properties": tree(**{"x-privacy": "drop"})}, examples=[{"event": "Order Paid"}]
    )
    assert "write a rule in privacy.yaml" in mistakes({"a": schema})[0]


def test_privacy_annotations_are_pointers(load: Load, schema_of: SchemaOf) -> None:
    people = {
        "type": "array",
        "description": "People.",
        "items": {
            "type": "object",
            "properties": {"e/mail": {"description": "Address.", "x-privacy": "drop"}},
        },
    }
    extra = {"type": "string", "x-privacy": "mask"}
    schema = schema_of(
        properties={
            "properties": {
                "description": "All.",
                "properties": {"people": people},
                "additionalProperties": extra,
            }
        },
        examples=[{"event": "Order Paid"}],
    )
    assert set(load({"a": schema}).annotations()["a"]) == {
        ("/properties/people/*/e~1mail", "drop"),
        ("/properties/*", "mask"),
    }


def test_a_schema_of_0_1_0_for_a_type_that_is_no_more_still_loads(
    load: Load, schema_of: SchemaOf
) -> None:
    match = {"protocol": "appsmith", "type": "registration"}
    schema = schema_of(
        **{"x-telemetry": {"class": "essential", "match": match}},
        required=["key"],
        properties={"key": {"type": "string", "description": "The instance."}},
        examples=[{"key": "65a1b2c3d4e5f60718293a4b"}],
    )
    assert load({"installation-registration": schema}).plans.keys() == {"installation-registration"}
