"""A message becomes what Segment's own Mixpanel destination makes of it, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.event import CleanMessage, CleanText, Header, Reason
from gateway.translation import to_mixpanel
from gateway.translation.operation import Operation
from gateway.translation.project import Project

Message = dict[str, Any]
TABLE: dict[str, list[list[Any]]] = yaml.safe_load(
    (Path(__file__).parent / "segment_mapping.yaml").read_text("utf-8")
)
RECEIVED_AT = 1_795_420_264.5
ORIGINAL = Project(identity="original", increments=True)
OF_EVERY_EVENT: Message = {
    "distinct_id": "u1",
    "id": "u1",
    "$user_id": "u1",
    "$identified_id": "u1",
    "$source": "segment",
    "segment_source_name": "web",
    "event_original_name": "Bought",
    "ip": 0,
    "time": 1795420264500,
    "$insert_id": "m-1",
}


def rows(section: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("given", "expected", "difference"),
        [
            pytest.param(row[: -1 - len(notes)], row[-1 - len(notes)], notes[0] if notes else {})
            for row in TABLE[section]
            for notes in [row[-1:] if _is_note(row[-1]) else []]
        ],
    )


def _is_note(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() >= {"segment", "why"}


def translated(kind: str, message: Message) -> tuple[Operation, ...] | Reason:
    header = Header(
        CleanText("m-1"),
        "web",
        "segment",
        kind,
        None,
        "s",
        "optional",
        RECEIVED_AT,
        CleanText("u1"),
        (),
        (),
        {},
    )
    return to_mixpanel.translate(CleanMessage(message), header, ORIGINAL)


def operations(kind: str, message: Message) -> tuple[Operation, ...]:
    found = translated(kind, message)
    assert not isinstance(found, Reason), found
    return found


def strict(value: Any) -> Any:
    """Equal only to a value of the same type: 1 is not true, and 4.0 is not 4."""
    if isinstance(value, dict):
        return {key: strict(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [strict(inner) for inner in value]
    return type(value).__name__, value


@rows("fields")
def test_fields(given: list[Any], expected: Message, difference: Message) -> None:
    path, value = given
    message: Message = {"event": "Bought", "userId": "u1"}
    *parents, last = path.split(".")
    place = message
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = value
    (event,) = operations("track", message)
    found = event.record["properties"]
    assert strict(found) == strict({**OF_EVERY_EVENT, **expected})
    assert difference.get("segment") != expected


@rows("ids")
def test_ids(given: list[Any], expected: Message, difference: Message) -> None:
    (event,) = operations("track", {"event": "Bought", **given[0]})
    properties = event.record["properties"]
    ids = ("distinct_id", "id", "$user_id", "$identified_id", "$device_id", "$anon_id")
    assert {key: properties[key] for key in ids if key in properties} == expected
    assert difference.get("segment") != expected


@rows("names")
def test_names(given: list[Any], expected: str | None, difference: Message) -> None:
    kind, message = given
    found = translated(kind, {**message, "userId": "u1"})
    if expected is None:
        assert found is Reason.INCOMPLETE
    else:
        assert not isinstance(found, Reason)
        assert found[0].record["event"] == expected
    assert difference.get("segment", ...) != expected


@rows("views")
def test_views(given: list[Any], expected: Message, difference: Message) -> None:
    kind, message = given
    (event,) = operations(kind, {**message, "userId": "u1"})
    bare = {key: value for key, value in OF_EVERY_EVENT.items() if key != "event_original_name"}
    assert strict(event.record["properties"]) == strict({**bare, **expected})
    assert difference.get("segment") != expected


@rows("traits")
def test_traits(given: list[Any], expected: Message, difference: Message) -> None:
    (profile,) = operations("identify", {"userId": "u1", "traits": given[0]})
    assert strict(profile.record["$set"]) == strict(expected)
    assert difference.get("segment") != expected


@rows("groups")
def test_groups(given: list[Any], expected: Message, difference: Message) -> None:
    update, _link = operations("group", {"userId": "u1", "groupId": "acme", "traits": given[0]})
    assert update.kind == "groups"
    assert update.record["$group_key"] == "$group_id"
    assert update.record["$group_id"] == "acme"
    assert strict(update.record["$set"]) == strict(expected)
    assert difference.get("segment") != expected


@rows("products")
def test_products(given: list[Any], expected: Message, difference: Message) -> None:
    properties = {"order_id": "o1", "revenue": 3, "products": [given[0]]}
    order, purchase = operations(
        "track", {"event": "Order Completed", "userId": "u1", "properties": properties}
    )
    assert order.record["properties"]["products"] == [given[0]]
    found = purchase.record["properties"]
    assert "revenue" not in found
    assert found["order_id"] == "o1"
    assert found["time"] == OF_EVERY_EVENT["time"] - 1
    assert strict({key: found[key] for key in expected}) == strict(expected)
    assert difference.get("segment") != expected


@rows("increments")
def test_increments(given: list[Any], expected: Message | None, difference: Message) -> None:
    message = {"event": "Bought", "userId": "u1", "properties": {"increment": given[0]}}
    added = [o.record["$add"] for o in operations("track", message)[1:] if not o.reason]
    assert strict(added) == strict([] if expected is None else [expected])
    assert difference.get("segment", ...) != expected


@rows("aliases")
def test_aliases(given: list[Any], expected: Message, difference: Message) -> None:
    (alias,) = operations("alias", given[0])
    assert alias.record["event"] == "$create_alias"
    assert expected.items() <= alias.record["properties"].items()
    assert difference.get("segment") != expected


def test_there_are_enough_rows_and_each_is_another() -> None:
    lines = [f"{section} {row!r}" for section, found in TABLE.items() for row in found]
    assert len(lines) >= 200
    assert len(set(lines)) == len(lines)
