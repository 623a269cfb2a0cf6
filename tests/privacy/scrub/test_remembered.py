"""What is remembered of texts changes nothing but the time that reading takes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gateway.privacy import CompiledPolicy
from tests.privacy.conftest import Compile, MakeEvent

TEXTS = (
    '{"u": "user-4711"}',
    "x=" + json.dumps({"u": "user-4711"}),
    base64.b64encode(b'{"u": "user-4711"}').decode(),
    "%7B%22u%22%3A%22user-4711%22%7D",
    "&#123;&quot;u&quot;:&quot;user-4711&quot;}",
    "=7B=22u=22: =22user-4711=22=7D",
    "go to /users/user-4711/edit?a=1",
)


@pytest.mark.parametrize("text", TEXTS)
def test_an_identity_of_one_event_is_found_in_a_text_seen_in_another(
    compiled: Compile, event: MakeEvent, text: str
) -> None:
    def scrubbed(policy: CompiledPolicy, user: str) -> Any:
        message = {"type": "track", "userId": user, "properties": {"a": text, "b": [text]}}
        return policy.scrub(event(message)).message

    used = compiled()
    for _ in range(2):
        scrubbed(used, "someone-else")
    assert scrubbed(used, "user-4711") == scrubbed(compiled(), "user-4711")


def test_a_text_that_says_nothing_under_one_key_says_something_under_another(
    compiled: Compile, event: MakeEvent
) -> None:
    policy = compiled("rules: [{id: r, match: {kind: [phone, national_id]}, action: mask}]")
    for _ in range(2):
        message = {"type": "track", "properties": {"sku": "4155552671", "phone": "4155552671"}}
        after = policy.scrub(event(message)).message
        assert after["properties"] == {"sku": "4155552671", "phone": "[phone]"}


def test_no_more_is_remembered_than_is_of_use(default: CompiledPolicy, event: MakeEvent) -> None:
    for number in range(300):
        message = {
            "type": "track",
            "properties": {f"k{i}": f"text {number} and {i} {'x' * (i * 20)}" for i in range(20)},
        }
        default.scrub(event(message))
    raw = event({"type": "track"})
    plan = default._planner.plan(raw, raw.take(), None)
    assert len(plan.boring) <= 2048 + 20
    assert max(map(len, plan.boring)) <= 128
