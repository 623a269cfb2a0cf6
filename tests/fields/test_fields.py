"""Fields: known ones pass, new ones are counted, held or dropped, and nobody fills the table."""

from __future__ import annotations

import asyncio
import io
import json
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.cli import fields, main
from gateway.config import load
from gateway.errors import ConfigurationError, UsageError
from gateway.event import Decision, RawEvent
from gateway.fields import store
from gateway.fields.sightings import MOST as MOST_SETS
from gateway.fields.sightings import Sightings, expanded
from gateway.fields.table import MOST, MOST_OF_AN_EVENT, FieldTable, Place, Sighting
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.fields import FieldRules
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer
from tests.linear import is_linear
from tests.wire.running import ROOT, WRITE_KEY, Gateway, running

SECRET = "ada.lovelace@mail.example"
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Bought",
    "type": "object",
    "x-telemetry": {
        "class": "optional",
        "match": {"protocol": "segment", "type": "track", "event": "Bought"},
    },
    "properties": {
        "properties": {
            "type": "object",
            "properties": {"price": {"type": "number"}, "extra": {"type": "object"}},
            "additionalProperties": True,
        }
    },
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """Without any schema but one, and a policy that keeps everything but e-mails in texts."""
    folder = tmp_path_factory.mktemp("fields")
    (folder / "schemas").mkdir()
    (folder / "schemas" / "bought.schema.json").write_text(json.dumps(SCHEMA))
    (folder / "gateway.yaml").write_text("unknown_keys: accept\nschemas: {path: schemas}\n")
    (folder / "routing.yaml").write_text((ROOT / "config" / "routing.yaml").read_text())
    (folder / "privacy.yaml").write_text(
        "rules: [{id: texts, match: {kind: [email]}, action: mask}]\n"
    )
    return compile_rules(load(folder / "gateway.yaml", {}), {}, Pseudonymizer(bytes(range(32))))


def decided(rules: Rules, message: dict[str, Any], at: float = 100.0, **fields: Any) -> Decision:
    kind = message.setdefault("type", "track")
    raw = RawEvent("s", "segment", kind, message.get("event"), json.loads(json.dumps(message)), at)
    return decide(raw, replace(rules, fields=FieldRules(**fields)))


def properties(decision: Decision) -> Any:
    assert decision.event is not None, decision.fault
    return decision.event.message["properties"]


def sightings(rules: Rules, *messages: dict[str, Any], **fields: Any) -> dict[Place, Sighting]:
    seen = Sightings()
    for message in messages:
        seen.add(decided(rules, message, **fields))
    return {one.place: one for one in expanded(seen.taken()[0], rules.catalogue.plans)}


EVENT: dict[str, Any] = {
    "event": "Viewed",
    "messageId": "m",
    "properties": {
        "plan": "pro",
        "n": 3,
        "items": [{"sku": "a", "tags": ["x"]}, {"sku": "b", "size": 1}],
        "empty": {},
        "deep": {"er": {"still": True}},
    },
    "context": {"library": {"name": "lib"}, "locale": "en", "own": {"a": 1}},
}
POINTERS = {
    "/properties/plan",
    "/properties/n",
    "/properties/items/*/sku",
    "/properties/items/*/tags",
    "/properties/items/*/size",
    "/properties/empty",
    "/properties/deep/er/still",
}


def test_the_fields_of_an_event_are_its_pointers_with_items_folded(rules: Rules) -> None:
    found = sightings(rules, EVENT, EVENT)
    assert {one.pointer for one in found if one.event == "Viewed"} == POINTERS
    assert {one.pointer for one in found if one.event == "*"} == {"/context/locale", "/context/own"}
    assert {one.count for one in found.values()} == {2}
    assert {one.library for one in found.values()} == {"lib"}


def test_shapes_are_kept_and_never_values(rules: Rules) -> None:
    message = {
        "event": "Viewed",
        "properties": {"plan": "pro", "mail": "none", "n": 3, "list": [1, 2], SECRET: 1},
    }
    table = FieldTable(0.0)
    for one in (message, {**message, "properties": {"plan": "enterprise"}}):
        table.add(sightings(rules, one).values(), 0.0)
    rows = {place.pointer: row.shown() for place, row in table.rows.items()}
    assert rows["/properties/n"] == ["number"]
    assert rows["/properties/list"] == ["array"]
    assert rows["/properties/[email]"] == ["number"]
    assert table.rows[Place("segment", "Viewed", "/properties/plan")].shown() == ["string(3-10)"]
    for value in ("enterprise", SECRET, "pro"):
        assert f'"{value}"' not in json.dumps(table.as_json())


@pytest.mark.parametrize("mode", ["hold", "drop"])
def test_what_is_new_is_taken_out_and_in_the_audit(rules: Rules, mode: str) -> None:
    known = {("segment", "Viewed"): frozenset(POINTERS - {"/properties/items/*/sku"})}
    decision = decided(rules, EVENT, mode=mode, since=0.0, known=known)
    assert properties(decision) == {
        **EVENT["properties"], "items": [{"tags": ["x"]}, {"size": 1}],
    }  # fmt: skip
    changes = {(one.pointer, one.action, one.rule, one.kind) for one in decision.changes}
    assert changes == {
        ("/properties/items/0/sku", mode, "new_fields", "string"),
        ("/properties/items/1/sku", mode, "new_fields", "string"),
        ("/context/locale", mode, "new_fields", "string"),
        ("/context/own", mode, "new_fields", "object"),
    }
    held = sightings(rules, EVENT, mode=mode, since=0.0, known=known)
    assert held[Place("segment", "Viewed", "/properties/items/*/sku")].shape == ("string", 1)
    message = decision.event.message if decision.event else {}
    assert message["context"] == {"library": {"name": "lib"}}
    assert message["messageId"] == "m"


def test_what_is_known_learning_or_described_by_a_schema_leaves(rules: Rules) -> None:
    hold: dict[str, Any] = {"mode": "hold", "since": 0.0}
    assert properties(decided(rules, EVENT, learn_for=101.0, **hold)) == EVENT["properties"]
    assert "plan" not in properties(decided(rules, EVENT, learn_for=100.0, **hold))
    assert properties(decided(rules, EVENT)) == EVENT["properties"]
    bought = {"event": "Bought", "properties": {"price": 1, "extra": {"x": 1}, "other": 2}}
    assert properties(decided(rules, bought, **hold)) == {"price": 1, "extra": {"x": 1}}
    assert {one.pointer for one in sightings(rules, bought)} == {"/properties/other"}


def test_a_reload_changes_what_becomes_of_new_ones_and_not_what_is_known() -> None:
    known = {("segment", "Viewed"): frozenset({"/properties/plan"})}
    before = FieldRules("keep", 7.0, 1.0, known, known)
    after = before.under(FieldRules("hold", 9.0))
    assert after == FieldRules("hold", 9.0, 1.0, known, known)


def test_what_is_dropped_never_leaves_and_nothing_else_is_touched(rules: Rules) -> None:
    dropped = {("segment", "Viewed"): frozenset({"/properties/items/*/tags"})}
    decision = decided(rules, EVENT, dropped=dropped)
    assert [item.keys() for item in properties(decision)["items"]] == [{"sku"}, {"sku", "size"}]
    assert {(one.rule, one.action) for one in decision.changes} == {("fields", "drop")}
    other = decided(rules, {**EVENT, "event": "Other"}, dropped=dropped)
    assert properties(other) == EVENT["properties"]


def test_a_field_of_another_shape_is_another_field(rules: Rules) -> None:
    known = {("segment", "Viewed"): frozenset({"/properties/a", "/properties/b/c"})}
    message = {"event": "Viewed", "properties": {"a": {"x": 1}, "b": "text"}}
    assert properties(decided(rules, message, mode="hold", since=0.0, known=known)) == {"a": {}}


def test_random_keys_fill_neither_memory_nor_disk(rules: Rules) -> None:
    seen = Sightings()
    for number in range(MOST_SETS + 50):
        seen.add(decided(rules, {"event": "E", "properties": {f"k{number}x": 1}}))
    seen.add(
        decided(rules, {"event": "E", "properties": {f"key {n} {'x' * 50}": 1 for n in range(400)}})
    )
    entries, over = seen.taken()
    assert (len(entries), over) == (MOST_SETS, 51)
    table = FieldTable(0.0)
    table.add(expanded(entries, {}), 0.0)
    assert len(table.rows) == MOST_OF_AN_EVENT
    assert table.over == MOST_SETS - MOST_OF_AN_EVENT
    many = (
        Sighting(Place("segment", f"e{n}", f"/properties/{m}"), 1, 0.0, 0.0, "", None)
        for n in range(60)
        for m in range(MOST_OF_AN_EVENT)
    )
    table.add(many, 0.0)
    assert len(table.rows) == MOST
    long = Sighting(Place("segment", "E", "/" + "x" * 500), 1, 0.0, 0.0, "", None)
    over = table.over
    table.add([long], 0.0)
    assert table.over == over + 1


def test_work_grows_as_an_event_does(rules: Rules) -> None:
    def made(size: int) -> dict[str, Any]:
        return {"event": "E", "properties": {"l": [{f"k{n}q": n} for n in range(size)]}}

    def work(message: dict[str, Any]) -> None:
        decision = decided(rules, message, mode="hold", since=0.0)
        assert len(decision.changes) == len(message["properties"]["l"])
        Sightings().add(decision)

    assert is_linear(work, made, 3000)


def test_keys_that_are_ids_are_one_field(rules: Rules) -> None:
    ids = ["12345", "0123456789abcdef", "123e4567-e89b-12d3-a456-426614174000"]
    found = sightings(rules, *({"event": "E", "properties": {one: {"n": 1}}} for one in ids))
    assert {one.pointer for one in found} == {"/properties/*/n"}


def test_a_damaged_file_stops_the_start_and_stays(tmp_path: Path) -> None:
    table = FieldTable(5.0)
    table.add([Sighting(Place("segment", "E", "/a"), 2, 1.0, 2.0, "l", ("string", 3))], 0.0)
    store.write(tmp_path, table)
    assert store.read(tmp_path, 9.0) == table
    for text in (
        "{",
        "[]",
        '{"version": 2}',
        '{"version": 1, "since": 1, "over": 0, "fields": [1]}',
    ):
        (tmp_path / store.FILE).write_text(text)
        with pytest.raises(ConfigurationError, match="move it away"):
            store.read(tmp_path, 9.0)
        assert (tmp_path / store.FILE).read_text() == text


def command(gateway: Gateway, *given: str) -> tuple[int, str]:
    """The exit code and what was said."""
    parser = ArgumentParser()
    parser.add_argument("--config", type=Path)
    fields.options(parser)
    options = parser.parse_intermixed_args(
        [*given, "--config", str(gateway.folder / "gateway.yaml")]
    )
    out = io.StringIO()
    try:
        return fields.run(options, {}, out), out.getvalue()
    except UsageError as error:
        return 2, str(error)


async def asked(gateway: Gateway, *given: str) -> tuple[int, str]:
    return await asyncio.to_thread(command, gateway, *given)


async def test_a_person_reviews_what_is_held(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("new_fields: hold\nrules: [{id: t, match: {kind: [email]}, action: mask}]\n")
    settings = {
        "policy": str(policy),
        "fields": {"learn_for": 0},
        "schemas": {"path": str(ROOT / "schemas" / "segment")},
    }
    async with running(tmp_path, **settings) as gateway, aiohttp.ClientSession() as session:

        async def sent(number: int) -> Any:
            body = {
                "event": "Viewed", "userId": "u", "messageId": f"m-{number}", "writeKey": WRITE_KEY,
                "properties": {"plan": "gold-plan", "page": 1, SECRET: SECRET},
            }  # fmt: skip
            async with session.post(f"{gateway.url}/v1/track", json=body) as answer:
                assert answer.status == 200
            (event,) = (await gateway.wait_for([f"m-{number}"]))[f"m-{number}"]
            return event["properties"]

        assert await sent(1) == {}
        _, text = await asked(gateway, "list", "--json")
        listing = json.loads(text)
        assert listing["new_fields"] == "hold"
        found = {one["pointer"]: one for one in listing["fields"] if one["event"] == "Viewed"}
        assert {one["state"] for one in found.values()} == {"new"}
        assert found["/properties/plan"]["shapes"] == ["string(9)"]
        assert set(found) == {"/properties/plan", "/properties/page", "/properties/[email]"}

        code, text = await asked(gateway, "accept", "--event", "Viewed", "/properties/plam")
        assert (code, "did you mean `/properties/plan`?" in text) == (2, True)
        code, text = await asked(gateway, "accept", "--event", "Veiwed", "/properties/plan")
        assert (code, "did you mean `Viewed`?" in text) == (2, True)
        assert (await asked(gateway, "accept", "/properties/plan"))[0] == 2
        assert (await asked(gateway, "accept"))[0] == 2

        done = await asked(gateway, "accept", "--event", "Viewed", "/properties/plan")
        assert done == (0, "1 field accepted\n")
        assert await sent(2) == {"plan": "gold-plan"}
        done = await asked(gateway, "drop", "--event", "Viewed", "/properties/page")
        assert done == (0, "1 field dropped\n")

        await gateway.kill()  # what was decided is on disk
        text = (gateway.data / "fields.json").read_text()
        assert "gold-plan" not in text
        assert gateway.files_with(SECRET) == []
        done = await asked(gateway, "drop", "--event", "Viewed", "--all")
        assert done == (0, "1 field dropped\n")
        _, shown = await asked(gateway)
        assert "accepted" in shown
        assert "dropped" in shown
        policy.write_text("new_fields: keep\nrules: []\n")
        await gateway.start()
        assert await sent(3) == {"plan": "gold-plan"}  # what is dropped is so whatever the policy


async def test_the_api_takes_what_it_lists(tmp_path: Path) -> None:
    schemas = {"path": str(ROOT / "schemas" / "segment")}
    async with running(tmp_path, schemas=schemas) as gateway, aiohttp.ClientSession() as session:
        url = f"{gateway.admin_url}/api/fields"
        wrong: list[tuple[Any, int]] = [
            ({"state": "known", "fields": []}, 400),
            ({"state": "accepted", "fields": [{"event": "x"}]}, 400),
            ([], 400),
            ({"state": "dropped", "fields": [
                {"protocol": "segment", "event": "no", "pointer": "/x"}]}, 404),
        ]  # fmt: skip
        for body, status in wrong:
            async with session.post(url, json=body) as answer:
                assert answer.status == status
        async with session.post(url, data="x") as answer:
            assert answer.status == 415


def test_explain_decides_with_what_is_known_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gateway.yaml").write_text(
        f"unknown_keys: accept\nschemas: {{path: {ROOT}/schemas/segment}}\ndata_dir: {tmp_path}\n"
        "fields: {learn_for: 0}\n"
    )
    (tmp_path / "privacy.yaml").write_text("new_fields: hold\n")
    (tmp_path / "routing.yaml").write_text((ROOT / "config" / "routing.yaml").read_text())
    table = FieldTable(0.0)
    place = Place("segment", "Viewed", "/properties/plan")
    table.add([Sighting(place, 1, 0.0, 0.0, "", None)], 0.0)
    table.judge([place], "accepted")
    store.write(tmp_path, table)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"type": "track", "event": "Viewed", "writeKey": "x",
                                 "properties": {"plan": 1, "new": 2}}))  # fmt: skip
    given = ["explain", str(event), "--json", "--config", str(tmp_path / "gateway.yaml")]
    assert main.main(given) == 0
    fate = json.loads(capsys.readouterr().out)
    assert [(one["pointer"], one["rule"]) for one in fate["changes"]] == [
        ("/properties/new", "new_fields")
    ]
