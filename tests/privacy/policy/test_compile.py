"""What is wrong with a policy is told at its line, with what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import ConfigurationError, Mistake
from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy

Compile = Callable[..., CompiledPolicy]
MakeEvent = Callable[..., RawEvent]


def mistakes(compiled: Compile, text: str, **more: Any) -> list[Mistake]:
    with pytest.raises(ConfigurationError) as caught:
        compiled(text, **more)
    return list(caught.value.mistakes)


def rule(match: str, action: str = "mask", more: str = "") -> str:
    return f"rules:\n  - id: one\n    match: {match}\n    action: {action}\n{more}"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (rule("{kind: [emial]}"), 3, ["emial", "did you mean `email`"]),
        (rule("\n      path:\n        - /userId\n        - traits.id"), 6, ["/traits/id"]),
        (rule('{path: [""]}'), 3, ["JSON Pointer"]),
        (rule('{path: ["/"]}'), 3, ["whole event"]),
        (rule('{path: ["/**"]}'), 3, ["whole event"]),
        (rule('{path: ["/a/**/b/**"]}'), 3, ["`**` twice"]),
        (rule('{path: ["/a~b"]}'), 3, ["~0"]),
        (rule('{path: ["/a/b*"]}'), 3, ["whole keys"]),
        (rule('{key: [""]}'), 3, ["no key"]),
        (rule('{key: ["*"]}'), 3, ["every key"]),
        (rule('{key: ["/traits/email"]}'), 3, ["`path` takes those"]),
        (rule('{key: [" email"]}'), 3, ["space"]),
        (rule('{parameter: ["**"]}'), 3, ["every key"]),
        (rule('{key: [email], event: [""]}'), 3, ["no event"]),
        (rule("{}"), 3, ["every value", "`reason`"]),
        (rule('{event: ["A*"]}', "drop"), 3, ["every value", "`reason`"]),
        (rule("{kind: [email]}", "strip_query"), 3, ["strip_query"]),
        (rule("{kind: [email]}", "truncate"), 3, ["truncate", "ipv4"]),
        (rule("{parameter: [code]}", "truncate"), 4, ["truncate"]),
        (rule("{parameter: [code], key: [url]}"), 3, ["stands alone"]),
        (rule("{key: [a]}") + "keep: [properties.ip]\n", 5, ["/properties/ip"]),
        (rule("{key: [a]}") + "keep:\n  - /a\n  - /a/**/b/**\n", 7, ["`**` twice"]),
    ],
)
def test_mistake(compiled: Compile, text: str, line: int, words: list[str]) -> None:
    (mistake,) = mistakes(compiled, text)
    assert mistake.line == line
    for word in words:
        assert word in mistake.message


def test_every_mistake_is_told(compiled: Compile) -> None:
    text = (
        "rules:\n"
        "  - {id: one, match: {kind: [emails, phones]}, action: mask}\n"
        "  - {id: two, match: {path: nowhere, key: ''}, action: drop}\n"
        "keep: [a, /b]\n"
    )
    assert [mistake.line for mistake in mistakes(compiled, text)] == [2, 2, 3, 3, 4]


SHADOWED = [
    ("{path: [/traits]}", "{path: [/traits/email]}"),
    ("{path: ['/traits/**']}", "{path: [/traits/a/b, /traits/*]}"),
    ("{path: ['/**/email']}", "{path: [/a/b/email]}"),
    ("{path: [/traits]}", "{path: [/traits/*], key: [email]}"),
    ("{key: ['*email*']}", "{key: [userEmail, 'EMAIL*']}"),
    ("{key: ['*e*']}", "{key: ['*email*'], kind: [email]}"),
    ("{key: [email]}", "{path: [/traits/*], key: [Email]}"),
    ("{kind: [email, phone]}", "{kind: [phone]}"),
    ("{kind: [email]}", "{key: [note], kind: [email]}"),
    ("{parameter: ['c*']}", "{parameter: [code]}"),
    ("{key: [a]}", "{key: [a], event: [X], source: [s], type: [track]}"),
    ("{key: [a], event: ['X*']}", "{key: [a], event: [XY]}"),
    ("{key: [a], source: [s, t]}", "{key: [a], source: [t]}"),
]


@pytest.mark.parametrize(("first", "second"), SHADOWED)
def test_a_rule_that_can_never_match(compiled: Compile, first: str, second: str) -> None:
    more = f"  - id: two\n    match: {second}\n    action: drop\n"
    (mistake,) = mistakes(compiled, rule(first, more=more))
    assert mistake.line == 5
    assert "`two` can never match: `one`" in mistake.message


def test_two_rules_together_can_take_all_of_a_third(compiled: Compile) -> None:
    more = (
        "  - {id: two, match: {kind: [phone]}, action: mask}\n"
        "  - {id: three, match: {kind: [phone, email]}, action: drop}\n"
    )
    (mistake,) = mistakes(compiled, rule("{kind: [email]}", more=more))
    assert mistake.line == 6


@pytest.mark.parametrize(
    ("first", "action", "second"),
    [
        ("{path: [/traits/email]}", "mask", "{path: [/traits]}"),
        ("{path: ['/traits/*']}", "mask", "{path: [/traits/**]}"),
        ("{key: [email]}", "mask", "{key: ['*email*']}"),
        ("{key: ['?']}", "mask", "{key: ['a*']}"),
        ("{kind: [email]}", "mask", "{kind: [email, phone]}"),
        ("{key: [a], kind: [email]}", "mask", "{kind: [email]}"),
        ("{key: [a], event: [X]}", "mask", "{key: [a]}"),
        ("{key: [a], event: [X]}", "mask", "{key: [a], event: [x]}"),
        ("{key: [a], source: [s]}", "mask", "{key: [a], source: [t]}"),
        ("{key: [a], type: [page]}", "mask", "{key: [a], type: [track]}"),
        ("{path: [/a]}", "strip_query", "{path: [/a]}"),
        ("{kind: [ipv4]}", "truncate", "{kind: [ipv4]}"),
        ("{parameter: [a]}", "mask", "{key: [a]}"),
    ],
)
def test_rules_that_can_both_match(
    compiled: Compile, event: MakeEvent, first: str, action: str, second: str
) -> None:
    more = f"  - id: two\n    match: {second}\n    action: drop\n"
    policy = compiled(rule(first, action, more))
    assert policy.scrub(event({"type": "track"})).changes == ()


def test_an_explanation_makes_a_sweeping_rule_possible(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled(
        "rules:\n"
        "  - {id: debug, match: {event: [Debug]}, action: drop, reason: not meant for vendors}\n"
    )
    kept = policy.scrub(event({"type": "track", "event": "Other", "properties": {"a": 1}}))
    assert kept.message["properties"] == {"a": 1}
    gone = policy.scrub(event({"type": "track", "event": "Debug", "properties": {"a": 1}}))
    assert gone.message == {}


def test_a_schema_may_only_tighten(compiled: Compile) -> None:
    annotations = {"E": [("/properties/a", "keep"), ("properties/b", "drop")]}
    found = mistakes(compiled, "client_ip: keep\n", annotations=annotations)
    assert len(found) == 2
    assert any("may only tighten" in mistake.message for mistake in found)
    assert any("JSON Pointer" in mistake.message for mistake in found)


def test_paths_that_multiply_are_refused(compiled: Compile) -> None:
    path = "/**/a" + "/*" * 20 + "/b"
    (mistake,) = mistakes(compiled, rule(f'{{path: ["{path}"]}}'))
    assert "multiply" in mistake.message
