"""Breaches say what is wrong without a word of the event, and omission takes the least."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.budget import OverBudgetError
from gateway.config.model import Schemas
from gateway.contract import Breach, Catalogue, Examination, NotExaminableError, examine
from gateway.event import Json, JsonPath, Protocol, RawEvent, RawMessage, Reason, SchemaText

Load = Callable[[dict[str, Any]], Catalogue]
SchemaOf = Callable[..., dict[str, Any]]
Hold = Callable[..., Examination]
OMIT = Schemas(unplanned_properties="omit", violations="omit")


def described(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "A field.", **schema}


@pytest.fixture
def hold(load: Load, schema_of: SchemaOf) -> Hold:
    """Holds the properties of an event against the schema of its properties."""

    def held(
        schema: dict[str, Any], properties: Any, settings: Schemas = OMIT, **message: Any
    ) -> Examination:
        catalogue = load(
            {
                "a": schema_of(
                    properties={"properties": described(schema)}, examples=[{"event": "Order Paid"}]
                )
            }
        )
        body = {"event": "Order Paid", "properties": properties, **message}
        raw = RawEvent("test", "segment", "track", "Order Paid", body, received_at=0)
        return examine(raw, catalogue.match(raw), settings)

    return held


def only(examination: Examination) -> tuple[str, str, JsonPath]:
    [breach] = examination.breaches
    return breach.type, breach.message, breach.path


FIELD = {"properties": {"n": described({"type": "integer", "minimum": 3})}}


@pytest.mark.parametrize(
    ("schema", "value", "kind", "message"),
    [
        ({"type": "integer"}, "s", "Datatype-Mismatch", "must be an integer, not a string"),
        ({"type": "integer"}, 1.5, "Datatype-Mismatch", "must be an integer, not a number"),
        (
            {"type": ["string", "null"]},
            [],
            "Datatype-Mismatch",
            "must be a string, not an array",
        ),
        (
            {"type": ["object", "boolean"]},
            2**80,
            "Datatype-Mismatch",
            "must be a boolean or an object, not a number",
        ),
        ({"minimum": 3}, 2, "Advance-Rules-Violation", "must be at least 3"),
        ({"exclusiveMaximum": 3}, 3, "Advance-Rules-Violation", "must be less than 3"),
        ({"maxLength": 2}, "abc", "Advance-Rules-Violation", "must have at most 2 characters"),
        ({"pattern": "^[0-9]+$"}, "x", "Advance-Rules-Violation", "must have the form `^[0-9]+$`"),
        ({"enum": ["a", "b"]}, "c", "Advance-Rules-Violation", "must be one of `a`, `b`"),
        ({"const": "a"}, "c", "Advance-Rules-Violation", "must be `a`"),
        ({"uniqueItems": True}, [1, 1], "Advance-Rules-Violation", "holds an item twice"),
        ({"not": {"const": 1}}, 1, "Advance-Rules-Violation", "is what the schema forbids"),
        (
            {"anyOf": [{"type": "string"}, {"minimum": 3}]},
            2,
            "Advance-Rules-Violation",
            "fits none of the forms that the schema allows",
        ),
    ],
    ids=str,
)
def test_a_violation_is_told_in_words(
    hold: Hold, schema: dict[str, Any], value: Any, kind: str, message: str
) -> None:
    result = hold({"properties": {"n": described(schema)}}, {"n": value})
    assert only(result) == (kind, f"`properties.n` {message}", ("properties", "n"))
    assert result.omit == (("properties", "n"),)


def test_a_missing_member_is_reported_and_cannot_be_omitted(hold: Hold) -> None:
    result = hold({"required": ["n"], **FIELD}, {})
    assert only(result) == (
        "Required-Missing",
        "in `properties`, `n` is missing",
        ("properties", "n"),
    )
    assert result.omit == ()


def test_one_of_several_members_is_missing(hold: Hold) -> None:
    either = [{"required": ["a"]}, {"required": ["b"]}]
    fields = {"a": described({}), "b": described({})}
    result = hold({"anyOf": either, "properties": fields}, {})
    kind, message, path = only(result)
    assert (kind, path) == ("Required-Missing", ("properties",))
    assert message == "in `properties`, one of `a`, `b` is missing"


def test_members_that_no_schema_lists_are_omitted(hold: Hold) -> None:
    nested = described({"properties": {"x": described({})}})
    rows = described({"items": {"properties": {"y": described({})}}})
    schema = {"properties": {"nested": nested, "rows": rows, "free": described({})}}
    properties = {
        "nested": {"x": 1, "odd": 2},
        "rows": [{"y": 1}, {"y": 1, "odd": {"deep": 1}}],
        "free": {"anything": 1},
        "odd": None,
    }
    result = hold(schema, properties)
    assert result.reason is None
    assert {breach.type for breach in result.breaches} == {"Additional-Properties"}
    assert set(result.omit) == {
        ("properties", "nested", "odd"),
        ("properties", "rows", 1, "odd"),
        ("properties", "odd"),
    }
    allowed = hold(schema, properties, Schemas(unplanned_properties="allow"))
    assert allowed.omit == ()
    assert len(allowed.breaches) == 3


@pytest.mark.parametrize(
    "schema",
    [
        {"additionalProperties": True, **FIELD},
        {"additionalProperties": {"type": "integer"}, **FIELD},
        {"allOf": [{"additionalProperties": True}], **FIELD},
        {"patternProperties": {"^o": {}}, **FIELD},
        {"allOf": [{"properties": {"odd": described({})}}], **FIELD},
        {"type": "object"},
    ],
    ids=str,
)
def test_open_on_purpose_stays_open(hold: Hold, schema: dict[str, Any]) -> None:
    assert hold(schema, {"odd": 1}).breaches == ()


def test_closed_by_the_schema_is_a_violation(hold: Hold) -> None:
    schema = {"additionalProperties": False, **FIELD}
    result = hold(schema, {"odd": 1}, Schemas(violations="block"))
    assert only(result)[0] == "Additional-Properties"
    assert result.reason is Reason.SCHEMA_VIOLATION
    assert hold(schema, {"odd": 1}).omit == (("properties", "odd"),)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (Schemas(violations="allow"), None),
        (Schemas(violations="omit"), None),
        (Schemas(violations="quarantine"), Reason.QUARANTINED),
        (Schemas(violations="block"), Reason.SCHEMA_VIOLATION),
        (Schemas(unplanned_events="block", unplanned_properties="omit"), None),
    ],
    ids=str,
)
def test_violations_decide(hold: Hold, settings: Schemas, reason: Reason | None) -> None:
    result = hold(FIELD, {"n": 1}, settings)
    assert result.reason is reason
    assert len(result.breaches) == 1


@pytest.mark.parametrize(
    ("unplanned", "violations", "reason"),
    [
        ("allow", "allow", None),
        ("quarantine", "allow", Reason.QUARANTINED),
        ("block", "quarantine", Reason.UNPLANNED_EVENT),
        ("quarantine", "block", Reason.SCHEMA_VIOLATION),
        ("block", "block", Reason.UNPLANNED_EVENT),
    ],
)
def test_unplanned_events_decide_first(
    catalogue: Catalogue, unplanned: Any, violations: Any, reason: Reason | None
) -> None:
    raw = RawEvent("test", "segment", "track", "New", {"event": "New"}, received_at=0)
    settings = Schemas(unplanned_events=unplanned, violations=violations)
    result = examine(raw, catalogue.match(raw), settings)
    assert result.reason is reason
    assert [breach.type for breach in result.breaches] == ["Unplanned-Event", "Required-Missing"]


def test_only_named_events_can_be_unplanned(catalogue: Catalogue) -> None:
    settings = Schemas(unplanned_events="block")
    message: RawMessage = {"userId": "u", "name": "Home", "groupId": 42, "previousId": "v"}
    for kind in ("page", "screen", "identify", "group", "alias"):
        raw = RawEvent("test", "segment", kind, None, message, received_at=0)
        assert examine(raw, catalogue.match(raw), settings) == Examination(None, (), ())
    mixpanel = RawEvent("test", "mixpanel", "event", "New", {}, received_at=0)
    assert examine(mixpanel, None, settings).reason is Reason.UNPLANNED_EVENT
    people = RawEvent("test", "mixpanel", "people", None, {"$set": {}}, received_at=0)
    assert examine(people, None, settings).reason is None


def test_omission_does_not_hide_violations(hold: Hold) -> None:
    schema = {"maxProperties": 1, **FIELD}
    result = hold(schema, {"n": 5, "odd": 1}, Schemas(violations="block"))
    assert {breach.type for breach in result.breaches} == {
        "Additional-Properties",
        "Advance-Rules-Violation",
    }
    assert result.reason is Reason.SCHEMA_VIOLATION


def test_an_item_goes_with_its_array_and_a_member_alone(hold: Hold) -> None:
    rows = described({"items": {"properties": {"price": described({"type": "number"})}}})
    tags = described({"items": {"type": "string"}})
    properties = {"rows": [{"price": 1}, {"price": "x"}], "tags": ["a", 1]}
    result = hold({"properties": {"rows": rows, "tags": tags}}, properties)
    assert set(result.omit) == {("properties", "rows", 1, "price"), ("properties", "tags")}


def test_the_frame_of_an_event_is_never_omitted(catalogue: Catalogue) -> None:
    message: RawMessage = {"event": "E", "userId": 7, "messageId": "m" * 101, "properties": 1}
    message["context"] = {"page": {"url": 1}}
    raw = RawEvent("test", "segment", "track", "E", message, received_at=0)
    result = examine(raw, catalogue.match(raw), OMIT)
    assert {breach.path for breach in result.breaches} == {
        ("event",),
        ("userId",),
        ("messageId",),
        ("properties",),
        ("context", "page", "url"),
    }
    assert result.omit == (("context", "page", "url"),)


def test_the_frame_of_a_mixpanel_event_is_never_omitted(load: Load, schema_of: SchemaOf) -> None:
    match = {"protocol": "mixpanel", "type": "event", "event": "E"}
    fields = {"n": described({}), "time": described({"type": "number"})}
    schema = schema_of(
        **{"x-telemetry": {"class": "optional", "match": match}},
        properties={"properties": described({"properties": fields})},
        examples=[{"event": "E", "properties": {}}],
    )
    catalogue = load({"a": schema})
    protocol: Protocol = "mixpanel"
    properties: dict[str, Json] = {
        "token": "t",
        "distinct_id": "d",
        "$insert_id": "i",
        "time": "now",
        "odd": 1,
    }
    message: RawMessage = {"event": "E", "properties": properties}
    raw = RawEvent("test", protocol, "event", "E", message, received_at=0)
    result = examine(raw, catalogue.match(raw), OMIT)
    assert result.omit == (("properties", "odd"),)
    assert len(result.breaches) == 2


NULLABLE = {
    "required": ["must", "may"],
    "properties": {
        "must": described({"type": "string"}),
        "may": described({"type": ["string", "null"]}),
        "other": described({"type": "integer"}),
    },
}


@pytest.mark.parametrize(
    ("properties", "missing"),
    [
        ({"must": "x", "may": None}, []),
        ({"must": "x", "may": None, "other": None}, []),
        ({"must": None, "may": None, "other": None}, ["must"]),
        ({"must": None}, ["may", "must"]),
    ],
)
def test_null_counts_as_absent(hold: Hold, properties: dict[str, Any], missing: list[str]) -> None:
    result = hold(NULLABLE, properties)
    assert sorted(breach.path[-1] for breach in result.breaches) == missing
    assert {breach.type for breach in result.breaches} <= {"Required-Missing"}


def test_nulls_of_the_python_sdk_are_fine(catalogue: Catalogue) -> None:
    common: dict[str, Any] = {
        "integrations": {},
        "anonymousId": None,
        "userId": "u",
        "messageId": "m",
    }
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("page", {"name": None, "category": None, "properties": {"a": None}}),
        ("screen", {"name": None, "category": None, "properties": {}}),
        ("group", {"groupId": 42, "traits": {"name": None}}),
        ("identify", {"traits": {"email": None}, "context": {"ip": None}}),
    )
    for kind, own in kinds:
        raw = RawEvent("test", "segment", kind, None, {**common, **own}, received_at=0)
        assert examine(raw, catalogue.match(raw), Schemas()).breaches == ()


@pytest.mark.parametrize("ids", [{}, {"userId": None, "anonymousId": None}, {"userId": ""}])
def test_somebody_must_be_meant(catalogue: Catalogue, ids: dict[str, Any]) -> None:
    for kind in ("track", "page", "screen", "identify"):
        message = {"event": "login", "properties": {}, **ids}
        raw = RawEvent("test", "segment", kind, "login", message, received_at=0)
        missing = SchemaText("one of `userId`, `anonymousId` is missing")
        assert Breach("Required-Missing", (), missing) in (
            examine(raw, catalogue.match(raw), Schemas()).breaches
        )


def test_nothing_of_the_event_is_told(hold: Hold) -> None:
    """Neither a value nor a key that the schema does not name."""
    secret = "eve@clients.example"
    free = described({"additionalProperties": {"type": "integer"}})
    names = described({"propertyNames": {"maxLength": 3}, "type": "object"})
    schema = {
        "additionalProperties": False,
        "properties": {
            "n": described({"enum": [1]}),
            "s": described({"type": "integer"}),
            "free": free,
            "names": names,
        },
    }
    properties = {
        "n": secret,
        "s": secret,
        "free": {secret: secret},
        "names": {secret: 1},
        secret: 1,
    }
    result = hold(schema, properties)
    assert len(result.breaches) == 5
    told = repr(result) + "".join(breach.type + breach.message for breach in result.breaches)
    assert "eve" not in told
    assert any(secret in breach.path for breach in result.breaches), "the pipeline cleans it"
    assert "`properties.free.*` must be an integer, not a string" in told


@pytest.mark.parametrize("poison", ["\ud800", {"\udfff": 1}])
def test_what_cannot_be_examined_fails_cleanly(hold: Hold, poison: Any) -> None:
    with pytest.raises(NotExaminableError) as caught:
        hold(FIELD, {"n": poison, "secret": "eve"})
    assert caught.value.__cause__ is None
    assert "eve" not in str(caught.value)


def test_an_event_nested_too_deeply_fails_cleanly(hold: Hold) -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(NotExaminableError):
        hold(FIELD, {"n": deep})


def test_numbers_of_any_size_are_examined(hold: Hold) -> None:
    assert hold(FIELD, {"n": 2**70}).breaches == ()
    assert only(hold(FIELD, {"n": -(2**70)}))[0] == "Advance-Rules-Violation"
    assert only(hold(FIELD, {"n": float("nan")}))[0] == "Datatype-Mismatch"


def test_the_event_is_left_as_it_was(hold: Hold) -> None:
    properties = {"n": "x", "odd": None, "deep": {"a": None}}
    hold(FIELD, properties)
    assert properties == {"n": "x", "odd": None, "deep": {"a": None}}


COSTLY: dict[str, tuple[dict[str, Any], Callable[[int], Any]]] = {
    "names": (
        {"type": "object", "propertyNames": {"maxLength": 3}},
        lambda count: {f"name{i}": 1 for i in range(count)},
    ),
    "branches": (
        {"type": "array", "items": described({"anyOf": [{"type": "number"}, {"type": "boolean"}]})},
        lambda count: ["x"] * count,
    ),
}


@pytest.mark.parametrize("kind", COSTLY)
def test_errors_that_cost_more_than_their_event_end_it(hold: Hold, kind: str) -> None:
    schema, of = COSTLY[kind]
    whole = {"properties": {"p": described(schema)}}
    assert len(hold(whole, {"p": of(10)}).breaches) == 10
    with pytest.raises(OverBudgetError):
        hold(whole, {"p": of(20_000)})
