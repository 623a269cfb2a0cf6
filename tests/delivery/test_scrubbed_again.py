"""An event that waits is not changed by a new policy that says the same of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.delivery.policy_in_force import today
from gateway.journal.block import encode, event_of
from gateway.pipeline.decide import decide
from gateway.revisions import Revision, Revisions, digest
from tests.clean import inside
from tests.privacy.test_destinations import MAIL, compiled, message, raw


@pytest.mark.parametrize("default", ["keep", "drop"])
@pytest.mark.parametrize(
    "rules",
    [
        [{"match": {"path": "/userId"}, "action": "truncate"}],
        [{"match": {"path": "/userId"}, "action": "partial", "keep": "last 4"}],
        [
            {"match": {"kind": "email"}, "action": "pseudonymize"},
            {"match": {"key": ["email", "note"]}, "action": "truncate"},
        ],
        [
            {"match": {"kind": "email"}, "action": "mask"},
            {"match": {"key": "email"}, "action": "partial", "keep": "last 4"},
        ],
        [
            {"match": {"kind": "email"}, "action": "mask"},
            {"match": {"key": "email"}, "action": "pseudonymize"},
        ],
        [{"match": {"key": "plan"}, "action": "partial", "keep": "first 2"}],
    ],
)
def test_it_stays_what_it_is(tmp_path: Path, default: str, rules: list[dict[str, Any]]) -> None:
    rules = [{"id": f"r{n}", **rule} for n, rule in enumerate(rules)]
    before = compiled(tmp_path, rules, default)
    after = replace(before, revisions=Revisions(Revision(2, digest("2")), Revision(1)))
    sent = {**message(), "properties": {"email": MAIL, "note": MAIL, "plan": "SECRET-plan"}}
    decision = decide(raw(sent), before)
    assert decision.event is not None
    stored = event_of(1, encode(decision.event))
    ready = today(stored, "one", after).event
    assert ready.header.revision != stored.header.revision
    assert inside(ready.message) == inside(stored.message)
