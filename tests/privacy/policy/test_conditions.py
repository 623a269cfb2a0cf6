"""`where` looks at another field of the event as it came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import ConfigurationError
from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy, Omission
from tests.clean import inside

Compile = Callable[..., CompiledPolicy]
MakeEvent = Callable[..., RawEvent]


def policy(where: str) -> str:
    """The country is dropped first, and the condition sees it all the same."""
    return (
        "rules:\n"
        "  - {id: country, match: {path: /context/country}, action: drop}\n"
        f"  - {{id: city, match: {{path: /properties/city, where: {where}}}, action: drop}}\n"
    )


def message(country: Any) -> dict[str, Any]:
    context = {} if country is ... else {"country": country}
    return {"type": "track", "event": "E", "properties": {"city": "Bonn"}, "context": context}


@pytest.mark.parametrize(
    ("where", "country", "holds"),
    [
        ("{path: /context/country, equals: DE}", "DE", True),
        ("{path: /context/country, equals: DE}", "de", False),
        ("{path: /context/country, equals: DE}", ..., False),
        ("{path: /context/country, equals: DE}", {"DE": "DE"}, False),
        ("{path: /context/country, equals: null}", None, True),
        ("{path: /context/country, equals: null}", ..., False),
        ("{path: /context/country, equals: 1}", 1.0, True),
        ("{path: /context/country, equals: 1}", True, False),
        ("{path: /context/country, equals: true}", True, True),
        ("{path: /context/country, equals: true}", 1, False),
        ('{path: /context/country, equals: "1"}', 1, False),
        ('{path: /context/country, in: [DE, "NO"]}', "NO", True),
        ("{path: /context/country, in: [DE, FR]}", "US", False),
        ('{path: /context/country, matches: "D*"}', "DE", True),
        ('{path: /context/country, matches: ["X?", "?E"]}', "DE", True),
        ('{path: /context/country, matches: "D"}', "DE", False),
        ('{path: /context/country, matches: "4*"}', 42, True),
        ("{path: /context/0, equals: DE}", "DE", False),
    ],
)
def test_a_condition(
    compiled: Compile, event: MakeEvent, where: str, country: Any, holds: bool
) -> None:
    rules = compiled(policy(where))
    for _ in range(2):
        after = inside(rules.scrub(event(message(country))).message)
        assert after["context"] == {}
        assert after["properties"] == ({} if holds else {"city": "Bonn"})


def test_it_sees_what_the_contract_and_the_address_setting_take_out(
    compiled: Compile, event: MakeEvent
) -> None:
    rules = compiled(policy("{path: /context/ip, matches: '192.0.2.*'}"))
    raw = message("DE")
    raw["context"]["ip"] = "192.0.2.7"
    done = rules.scrub(event(raw), omissions=[Omission(("context", "country"), "contract")])
    assert inside(done.message)["properties"] == {}


def test_a_list_is_looked_into(compiled: Compile, event: MakeEvent) -> None:
    rules = compiled(policy("{path: /context/country/1, equals: DE}"))
    assert inside(rules.scrub(event(message(["FR", "DE"]))).message)["properties"] == {}
    assert inside(rules.scrub(event(message(["DE"]))).message)["properties"] != {}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("{path: /context/*, equals: a}", "one field"),
        ("{path: context.ip, equals: a}", "JSON Pointer"),
        ('{path: /a, matches: "^DE$"}', "regular expression"),
        ("{path: /a, in: [DE, NO]}", "quotes"),
    ],
)
def test_mistakes(compiled: Compile, where: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compiled(policy(where))
    (mistake,) = caught.value.mistakes
    assert mistake.line == 3
    assert words in mistake.message


@pytest.mark.parametrize(
    "where", ["{path: /a}", "{path: /a, equals: 1, in: [2]}", "{path: /a, in: []}"]
)
def test_one_test_is_needed(compiled: Compile, where: str) -> None:
    with pytest.raises(ValueError, match="`where`"):
        compiled(policy(where))


def test_there_are_few_conditions(compiled: Compile) -> None:
    rule = (
        "  - id: r{0}\n    action: drop\n"
        "    match: {{path: /properties/a{0}, where: {{path: /b, equals: {0}}}}}\n"
    )
    compiled("rules:\n" + "".join(rule.format(i) for i in range(8)))
    with pytest.raises(ConfigurationError) as caught:
        compiled("rules:\n" + "".join(rule.format(i) for i in range(12)))
    (mistake,) = caught.value.mistakes
    assert "at most 8" in mistake.message


def test_a_rule_under_a_condition_shadows_none(compiled: Compile) -> None:
    compiled(
        "rules:\n"
        "  - {id: a, match: {path: /properties/a, where: {path: /b, equals: 1}}, action: keep}\n"
        "  - {id: b, match: {path: /properties/a}, action: drop}\n"
    )
