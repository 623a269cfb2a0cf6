"""Billing and the life signs of an installation flow, whatever schemas are configured."""

from __future__ import annotations

import io
import json
from argparse import Namespace
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cli import check
from gateway.config import load
from gateway.event import EventPlace, RawEvent, Reason
from gateway.extensions.appsmith.classes import CLASSES
from gateway.pipeline.decide import decide
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer
from gateway.protocols import PROTOCOLS
from tests.fault.small import write_schema
from tests.wire.running import ROOT

OFF = {"DO_NOT_TRACK": "1"}


def configured(folder: Path, **schemas: str) -> Path:
    write_schema(folder / "schemas")
    settings = {
        "data_dir": str(folder / "data"),
        "sources": [{"name": "shop", "write_keys": ["k"]}],
        "schemas": {"path": "schemas", **schemas},
        "policy": str(ROOT / "config" / "privacy.yaml"),
        "routing": str(ROOT / "config" / "routing.yaml"),
    }
    (folder / "gateway.yaml").write_text(yaml.safe_dump(settings))
    return folder / "gateway.yaml"


def event(place: EventPlace) -> RawEvent:
    protocol, kind, name = place
    of = PROTOCOLS[protocol].types[kind]
    message: Any = deepcopy(of.example)
    if of.name_key and name:
        message[of.name_key] = name
    return RawEvent("shop", protocol, kind, name, message, 1.0, opted_out=True)


@pytest.mark.parametrize("unplanned", ["allow", "quarantine", "block"])
@pytest.mark.parametrize("place", sorted(CLASSES), ids=str)
def test_they_flow_without_a_schema_of_theirs(
    tmp_path: Path, place: EventPlace, unplanned: str
) -> None:
    file = configured(tmp_path, unplanned_events=unplanned)
    rules = compile_rules(load(file, OFF), OFF, Pseudonymizer(bytes(32)))
    decision = decide(event(place), rules)
    assert decision.reason is None
    assert decision.event is not None
    assert decision.event.header.telemetry_class == CLASSES[place] == decision.telemetry_class
    other = decide(event(("segment", "track", "FETCH_RELEASE_NOTES_2")), rules)
    assert (other.event, other.reason) == (None, Reason.TELEMETRY_OFF)


def test_a_schema_that_says_another_class_is_pointed_out(tmp_path: Path) -> None:
    file = configured(tmp_path)
    schema = json.loads((ROOT / "schemas/appsmith/usage-pulse.schema.json").read_text())
    schema["x-telemetry"]["class"] = "optional"
    for name in ("instanceId", "tenantId"):
        schema["properties"].pop(name)
    schema["examples"] = [{"viewMode": True}]
    schema.pop("$defs", None)
    text = json.dumps(schema)
    assert "common.schema.json" not in text
    (tmp_path / "schemas" / "usage-pulse.schema.json").write_text(text)
    out = io.StringIO()
    assert check.run(Namespace(config=file), OFF, out) == 0
    assert "the schema usage-pulse says `optional`; these events are always `billing`" in (
        out.getvalue()
    )
    rules = compile_rules(load(file, OFF), OFF, Pseudonymizer(bytes(32)))
    assert decide(event(("appsmith", "usage_pulse", None)), rules).event is not None
