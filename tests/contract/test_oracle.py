"""The compiled engine gives the verdicts of `jsonschema`, whatever becomes of a right event."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from gateway.config.model import Schemas
from gateway.contract import examine, load_catalogue
from gateway.contract.library import Library
from gateway.contract.source import read
from gateway.event import JsonPath as Steps
from gateway.event import RawEvent

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "schemas"
SUFFIX = ".schema.json"
BLOCK = Schemas(violations="block")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.sampled_from(["", "a" * 101, "{}"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def oracles() -> dict[str, Validator]:
    names = [file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob(f"*{SUFFIX}")]
    library = Library({name.removesuffix(SUFFIX): read(FOLDER / name) for name in names})
    registry = library.python_registry()
    return {
        name: Draft202012Validator(
            {**document.value, "$id": library.address(name)}, registry=registry
        )
        for name, document in library.documents.items()
    }


def places(value: Any, path: Steps = ()) -> Iterator[Steps]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def holder(value: Any, path: Steps) -> Any:
    for step in path:
        value = value[step]
    return value


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An example of a schema with a few members replaced, removed or added."""
    name, example = draw(st.sampled_from(EXAMPLES))
    message: dict[str, Any] = copy.deepcopy(example)
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from([path for path in places(message) if path] or [("event",)]))
        parent = holder(message, path[:-1])
        change = draw(st.sampled_from(["replace", "remove", "null", "add"]))
        if change == "remove":
            parent.pop(path[-1], None) if isinstance(parent, dict) else parent.pop(path[-1])
        elif change == "add" and isinstance(parent, dict):
            parent[draw(texts)] = draw(values)
        else:
            parent[path[-1]] = None if change == "null" else draw(values)
    return name, message


EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (file.relative_to(FOLDER).as_posix().removesuffix(SUFFIX), example)
    for file in sorted(FOLDER.rglob(f"*{SUFFIX}"))
    for example in json.loads(file.read_text("utf-8")).get("examples", [])
]
SHIPPED = load_catalogue(FOLDER)


@given(spoiled())
@settings(max_examples=600, deadline=None)
def test_both_engines_agree(
    oracles: dict[str, Validator], case: tuple[str, dict[str, Any]]
) -> None:
    name, message = case
    plan = SHIPPED.plans[name]
    assert plan.engine.is_valid(message) == oracles[name].is_valid(message)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@given(spoiled())
@settings(max_examples=600, deadline=None)
def test_an_event_is_blocked_when_the_oracle_refuses_it(
    oracles: dict[str, Validator], case: tuple[str, dict[str, Any]]
) -> None:
    """And never because of a null, nor without a breach that says why."""
    name, message = case
    plan = SHIPPED.plans[name]
    raw = RawEvent("test", plan.match.protocol, "x", None, message, received_at=0)
    result = examine(raw, plan, BLOCK)
    oracle = oracles[name]
    assert (result.reason is None) == (
        oracle.is_valid(message) or oracle.is_valid(without_nulls(message))
    )
    assert result.reason is None or result.breaches


@given(spoiled())
@settings(max_examples=300, deadline=None)
def test_omission_leaves_only_what_cannot_be_omitted(case: tuple[str, dict[str, Any]]) -> None:
    """Every path leads to a member, and a second look finds nothing more to take."""
    name, message = case
    plan = SHIPPED.plans[name]
    omit = Schemas(unplanned_properties="omit", violations="omit")
    raw = RawEvent("test", plan.match.protocol, "x", None, message, received_at=0)
    for path in examine(raw, plan, omit).omit:
        assert isinstance(path[-1], str)
        del holder(message, path[:-1])[path[-1]]
    left = examine(raw, plan, omit)
    assert left.omit == ()
    assert {breach.type for breach in left.breaches} <= {
        "Required-Missing",
        "Datatype-Mismatch",
        "Advance-Rules-Violation",
    }


@given(name=texts, kind=st.sampled_from(["track", "page", "event", "x"]), body=values)
@settings(max_examples=300, deadline=None)
def test_no_event_is_too_strange(name: str, kind: str, body: Any) -> None:
    message = {"event": name, "properties": body, "context": body, "traits": body}
    raw = RawEvent("test", "segment", kind, name, message, received_at=0)
    result = examine(raw, SHIPPED.match(raw), BLOCK)
    assert all(breach.message for breach in result.breaches)
