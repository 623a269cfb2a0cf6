"""An editor that knows the schemas says of a file what `gateway check` says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from gateway.config import json_schema

ROOT = Path(__file__).parent.parent.parent
SHIPPED = sorted((ROOT / "config").rglob("*.yaml"))
VALIDATORS = {name: Draft7Validator(json_schema.schema(name)) for name in json_schema.FILES}


def wrong(name: str, value: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATORS[name].iter_errors(value)]


def test_the_files_are_those_of_this_code() -> None:
    for name, text in json_schema.texts():
        assert (ROOT / "config" / "schema" / name).read_text("utf-8") == text, "run `make docs`"


@pytest.mark.parametrize("name", json_schema.FILES)
def test_it_is_a_schema_with_a_meaning_for_every_setting(name: str) -> None:
    schema = json_schema.schema(name)
    Draft7Validator.check_schema(schema)
    sections = [schema, *schema.get("definitions", {}).values()]
    assert all(section["additionalProperties"] is False for section in sections)
    bare = {
        setting
        for section in sections
        for setting, said in section["properties"].items()
        if "description" not in said and "$ref" not in json.dumps(said)
    }
    assert bare == ({"type"} if name == "routing" else set())


@pytest.mark.parametrize("file", SHIPPED, ids=[str(one.relative_to(ROOT)) for one in SHIPPED])
def test_every_shipped_file_names_its_schema_and_keeps_it(file: Path) -> None:
    text = file.read_text("utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named
    name = file.stem.rpartition(".")[2]
    assert (file.parent / named[1]).resolve() == ROOT / "config" / "schema" / f"{name}.json"
    assert wrong(name, yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gateway", "listen: ${LISTEN}\nlimits: {batch_events: '${N}', header_seconds: 5s}"),
        ("gateway", "limits: {header_seconds: 5, body_bytes: 64MiB, bodies_bytes: 1000}"),
        ("gateway", "processes: ${N:-auto}\nunknown_keys: ${UNKNOWN:-reject}"),
        ("gateway", "trusted_proxies: [10.0.0.0/8, '::1']\noutbound: {no_proxy: a.example}"),
        ("gateway", "telemetry: {enabled: '${ON}', classes: {optional: false}}"),
        ("gateway", "appsmith: {source: '${NAME}'}"),
        ("privacy", "rules: [{id: a, match: {key: '*email*'}, action: drop}]"),
        ("routing", "destinations: {s: {type: segment, write_key: '${K}', timeout: 500ms}}"),
        ("routing", "destinations: {}\nroutes: [{name: a, to: s, match: {class: billing}}]"),
    ],
)
def test_what_people_may_write_passes(name: str, text: str) -> None:
    assert wrong(name, yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gateway", "lisen: 127.0.0.1:80"),
        ("gateway", "limits: {batch_events: many}"),
        ("gateway", "unknown_keys: acept"),
        ("gateway", "sources: {name: shop}"),
        ("privacy", "rules: [{id: a, match: {}, action: erase}]"),
        ("routing", "destinations: {s: {type: sgment, write_key: k}}"),
        ("routing", "destinations: {s: {type: segment}}"),
        ("routing", "destinations: {}\nroutes: [{name: a}]"),
    ],
)
def test_what_is_a_mistake_is_marked(name: str, text: str) -> None:
    assert wrong(name, yaml.safe_load(text))
