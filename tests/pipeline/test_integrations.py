"""docs/integrations.md says what `integrations` does: each line of its truth table is true."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from gateway.config import load
from gateway.config.routing import Routing
from gateway.event import RawEvent, Reason
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.routing import compile_routes
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer

PAGE = Path("docs/integrations.md").read_text("utf-8")


def truth_table() -> list[tuple[str, dict[str, bool]]]:
    heading, *rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    while not heading.startswith("| `integrations` |"):
        heading, *rows = rows
    names = [cell.strip() for cell in heading.strip("|").split("|")][1:]
    table = []
    for row in rows:
        given, *reached = [cell.strip() for cell in row.strip("|").split("|")]
        answers = {"yes": True, "no": False}
        table.append(
            (given.strip("`"), dict(zip(names, [answers[cell] for cell in reached], strict=True)))
        )
    return table


@pytest.fixture(scope="module")
def rules() -> Rules:
    """The shipped rules, leading every event to the page's own destinations."""
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found
    described: dict[str, Any] = yaml.safe_load(found[1])
    routing = Routing.model_validate(
        {**described, "routes": [{"name": "all", "to": list(described["destinations"])}]}
    )
    shipped = compile_rules(load(Path("config/gateway.yaml"), {}), {}, Pseudonymizer(bytes(32)))
    return replace(shipped, routes=compile_routes(routing))


@pytest.mark.parametrize(("given", "expected"), truth_table())
def test_a_line_of_the_truth_table(rules: Rules, given: str, expected: dict[str, bool]) -> None:
    message = {
        "type": "track",
        "event": "Signed Up",
        "messageId": "m-1",
        "userId": "user-1",
        "timestamp": "2026-11-23T07:51:04.317Z",
        "context": {},
        "integrations": orjson.loads(given),
    }
    raw = RawEvent("demo", "segment", "track", "Signed Up", message, 1795420264.4)
    event = decide(raw, rules).event
    assert event is not None
    assert event.header.to == tuple(name for name, reached in expected.items() if reached)
    assert set(event.header.filtered.values()) <= {Reason.INTEGRATIONS}
    assert event.message["integrations"] == orjson.loads(given)


def test_the_table_tells_every_case() -> None:
    rows = truth_table()
    assert len(rows) > 30
    for name in rows[0][1]:
        assert {reached[name] for _, reached in rows} == {True, False}
