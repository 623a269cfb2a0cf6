"""Detectors that a policy brings: linear, true to their examples, found wherever others are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from gateway.config.privacy import Policy
from gateway.destinations.contract import BodyFormat, Request
from gateway.destinations.egress_guard import EgressGuard, promised
from gateway.errors import ConfigurationError
from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy
from gateway.privacy.detectors.linear_pattern import compile_linear
from tests.clean import inside
from tests.linear import is_linear

Compile = Callable[..., CompiledPolicy]
MakeEvent = Callable[..., RawEvent]

DETECTORS = r"""
detectors:
  - id: customer-no
    pattern: 'KD-[0-9]{6}'
    examples: [KD-123456, "of KD-123456"]
    counterexamples: [KD-12345]
  - id: staff
    pattern: '\b7[0-9]{4}\b'
    examples: ["71234"]
  - id: trace
    pattern: '[0-9a-f]{32}'
    ignore_case: true
    examples: [0123456789abcdef0123456789ABCDEF]
"""
RULES = "rules:\n  - {id: own, match: {kind: [customer-no, staff, trace]}, action: mask}\n"
DIGEST = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("of KD-123456 now", "of [customer-no] now"),
        ("KD-123456", "[customer-no]"),
        (71234, "[staff]"),
        (71235.0, "[staff]"),
        (812345, 812345),
        (DIGEST, "[trace]"),
        ("https://x.example/?q=KD%2D123456", "https://x.example/?q=[customer-no]"),
        ('{"a":["KD-123456"]}', '{"a":["[customer-no]"]}'),
        ({"KD-123456": 1}, {"[customer-no]": 1}),
        (["x", "KD-123456"], ["x", "[customer-no]"]),
        ("ＫＤ-123456", "[customer-no]"),
        ("KD-12345", "KD-12345"),
    ],
)
def test_it_is_found_wherever_others_are(
    compiled: Compile, event: MakeEvent, before: Any, after: Any
) -> None:
    message = {"type": "track", "event": "E", "properties": {"a": before}}
    done = compiled(DETECTORS + RULES).scrub(event(message))
    assert inside(done.message)["properties"] == {"a": after}
    assert not any("123456" in change.pointer for change in done.changes)


def test_its_rules_are_rules_as_others(compiled: Compile, event: MakeEvent) -> None:
    rules = (
        "rules:\n"
        "  - {id: k, match: {path: /properties/kept, kind: customer-no}, action: keep}\n"
        "  - {id: p, match: {kind: customer-no}, action: partial, keep: last 2}\n"
    )
    message = {
        "type": "track",
        "event": "E",
        "properties": {"kept": "KD-123456", "b": "x KD-123456"},
    }
    done = compiled(DETECTORS + rules).scrub(event(message))
    assert inside(done.message)["properties"] == {"kept": "KD-123456", "b": "x ***56"}


def test_logs_do_not_show_what_it_finds(compiled: Compile) -> None:
    policy = compiled(DETECTORS + RULES)
    assert policy.text("no KD-123456 here") == "no [customer-no] here"
    assert policy.pointer(("properties", "KD-123456")) == "/properties/[customer-no]"


def test_the_egress_guard_knows_it(compiled: Compile) -> None:
    policy = compiled(DETECTORS + RULES)
    kinds = promised(
        Policy.model_validate(
            {
                "detectors": [{"id": "staff", "pattern": "7[0-9]{4}", "examples": ["71234"]}],
                "rules": [{"id": "a", "match": {"kind": ["staff"]}, "action": "mask"}],
            }
        )
    )
    assert "staff" in kinds
    guard = EgressGuard({*kinds, "customer-no"}, policy.detectors)
    request = Request("POST", "https://vendor.example/", b'{"a":"x KD-123456","b":71234}')
    assert guard.leaks(request, BodyFormat.JSON) == {"customer-no": 1, "staff": 1}


def written(pattern: str, more: str = "examples: [x]") -> str:
    return f"detectors:\n  - id: own\n    pattern: '{pattern}'\n    {more}\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (written("("), 3, "no regular expression"),
        (written("y"), 4, "finds nothing in this example"),
        (written("x", "examples: [x]\n    counterexamples: [ok, 'axb']"), 5, "finds something"),
        (written("x", "examples: [x]").replace("own", "email"), 2, "a word of the gateway"),
        (written(r"(x)\1", "examples: [xx]"), 3, "refers to a group"),
        (written("x*"), 3, "empty text"),
        ("rules:\n  - {id: a, match: {kind: [onw]}, action: mask}\n" + written("x"), 2, "`own`"),
    ],
)
def test_mistakes(compiled: Compile, text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compiled(text)
    (mistake,) = caught.value.mistakes
    assert mistake.line == line
    assert words in mistake.message


@pytest.mark.parametrize(
    "pattern",
    [
        "(x+)+$",
        "(x|x)*y",
        "(x|xx)+$",
        "([a-zA-Z]+)*1",
        "(x+x+)+y",
        "(.*)*x",
        "((((x+)+)+)+)+y",
        r"^(([a-z])+.)+[A-Z]([a-z])+$",
        r"\d+\d+\d+x",
        "(?:x?){30}x{30}",
        "(x*?)*?y",
        "(?:x{1,30}){1,30}y",
        "(?=(x+)+y)x",
        "(?>x*)*(?:x+)+y",
    ],
)
def test_a_pattern_with_many_ways_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="the pattern"):
        compile_linear(pattern)


ACCEPTED = {
    r"\bKD-\d{6}\b": "KD-12345",
    r"EMP-\d+": "EMP-1",
    r"\w+@corp": "a",
    r"(?:[a-z]{1,20}\.){1,4}corp": "abc.",
    r"(?<!\w)MA\d{4,}(?!\w)": "MA12345",
    r".*x": "a",
    r"case[ -]?no\.?\s*\d{5}": "case no. 1234",
    r"(?:\d{3}-)+\d": "123-",
    "(?i:emp)[0-9]{1,64}x": "Emp1",
    r"P\d{3}|Q\d{5}|[A-Z]{2}\d{6}": "AB12345",
}


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_an_accepted_pattern_is_linear(pattern: str) -> None:
    def search(text: str) -> None:
        for _ in compile_linear(pattern).finditer(text):
            pass

    def text(piece: str, size: int) -> str:
        return (piece * size)[:size]

    for piece in (ACCEPTED[pattern], "a", "1", "x"):
        assert is_linear(search, partial(text, piece), 60_000)


def test_what_ends_in_a_run_takes_all_of_it() -> None:
    (match,) = compile_linear("EMP-[0-9]+").finditer("EMP-" + "1" * 500)
    assert match.span() == (0, 504)
