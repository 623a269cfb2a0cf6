"""Rules take effect in the order of the file: a small model of that, and the scrubber beside it.

`model` is the definition that docs/privacy.md puts into words. It knows texts made of words that
detectors find or do not find, and JSON inside of texts.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy
from tests.clean import inside

Compile = Callable[..., CompiledPolicy]
MakeEvent = Callable[..., RawEvent]

KINDS = {
    "maria@kunde.example": "email",
    "203.0.113.77": "ipv4",
    "4111111111111111": "credit_card",
}
GONE = object()


class Rule(NamedTuple):
    """One rule as the model reads it."""

    action: str
    kinds: tuple[str, ...] = ()
    path: str = ""  # a member of properties, or `*`
    key: str = ""

    def written(self, number: int) -> str:
        match = {
            "kind": list(self.kinds),
            "path": f"/properties/{self.path}" if self.path else "",
            "key": self.key,
        }
        given = {name: value for name, value in match.items() if value}
        return json.dumps({"id": f"r{number}", "match": given, "action": self.action})


def model(rules: list[Rule], properties: dict[str, Any]) -> dict[str, Any]:
    """What is left of `properties`."""
    after = {}
    for name, value in properties.items():
        held = [
            (order, rule)
            for order, rule in enumerate(rules)
            if (not rule.path or rule.path in ("*", name)) and (not rule.key or rule.key == name)
        ]
        new = _value(rules, [(o, r) for o, r in held if r.kinds or r.path or r.key], value)
        if new is not GONE:
            after[name] = new
    return after


def _value(rules: list[Rule], held: list[tuple[int, Rule]], value: Any) -> Any:
    """Each rule takes effect on what those before it left."""
    words: list[str] = value.split(" ") if isinstance(value, str) else [str(value)]
    decided = [False] * len(words)
    for order, rule in held:
        if rule.kinds:
            was_open = not decided[0]
            for at, word in enumerate(words):
                if decided[at] or KINDS.get(word) not in rule.kinds:
                    continue
                decided[at] = True
                if rule.action == "mask":
                    words[at] = f"[{KINDS[word]}]"
                elif rule.action == "drop":
                    words[at] = ""
            if was_open and decided == [True] and rule.action != "mask":
                return value if rule.action == "keep" else GONE
        elif rule.action == "drop":
            return GONE
        elif rule.action == "mask":
            return "[masked]"
        elif rule.action == "keep":
            return _joined(rules, held, words, decided, value, order)
        elif rule.action == "strip_query" and isinstance(value, str):
            words = " ".join(words).partition("?")[0].split(" ")
            decided = [*decided, *[False] * len(words)][: len(words)]
    return _joined(rules, held, words, decided, value, len(rules))


def _joined(  # noqa: PLR0917 (a state of the model)
    rules: list[Rule],
    held: list[tuple[int, Rule]],
    words: list[str],
    decided: list[bool],
    value: Any,
    before: int,
) -> Any:
    if not isinstance(value, str):
        return words[0] if decided[0] and words[0] != str(value) else value
    if value.startswith("{"):
        return _json(rules, held, value, before)
    return " ".join(words)


def _json(rules: list[Rule], held: list[tuple[int, Rule]], value: str, before: int) -> str:
    """Inside a text rules on keys hold, and those on kinds; a `keep` of the text ends it."""
    after = {}
    kinds = {order for order, rule in held if rule.kinds}
    for name, inner in json.loads(value).items():
        inside = [
            (order, rule)
            for order, rule in enumerate(rules)
            if order < before and (order in kinds or (rule.key == name and not rule.path))
        ]
        new = _value(rules, inside, inner)
        if new is not GONE:
            after[name] = new
    return value if after == json.loads(value) else json.dumps(after, separators=(",", ":"))


words = st.sampled_from([*KINDS, "pro", "plan", "of", "https://x.example/p?q=1"])
plain = st.lists(words, min_size=1, max_size=4).map(" ".join)
inner_words = st.lists(st.sampled_from([*KINDS, "pro"]), min_size=1, max_size=2).map(" ".join)
nested = st.dictionaries(st.sampled_from(["a", "c"]), inner_words, min_size=1).map(
    lambda value: json.dumps(value, separators=(",", ":"))
)
values = st.one_of(plain, st.sampled_from([*KINDS]), nested, st.just(42), st.just(4111111111111111))
some_kinds = st.lists(st.sampled_from(sorted(KINDS.values())), min_size=1, max_size=3, unique=True)
a_rule = st.one_of(
    st.builds(
        Rule,
        st.sampled_from(["mask", "keep", "drop"]),
        some_kinds.map(tuple),
        st.sampled_from(["", "", "a", "*"]),
        st.just(""),
    ),
    st.builds(
        Rule,
        st.sampled_from(["mask", "keep", "keep", "drop", "strip_query"]),
        st.just(()),
        st.sampled_from(["a", "b", "*"]),
        st.just(""),
    ),
    st.builds(
        Rule,
        st.sampled_from(["mask", "keep", "drop"]),
        st.just(()),
        st.just(""),
        st.sampled_from(["a", "c"]),
    ),
)


def scrubbed(
    compiled: Compile, event: MakeEvent, rules: list[Rule], properties: dict[str, Any]
) -> dict[str, Any]:
    text = "rules:\n" + "".join(f"  - {rule.written(i)}\n" for i, rule in enumerate(rules))
    message = {"type": "track", "event": "E", "properties": copy.deepcopy(properties)}
    after: dict[str, Any] = inside(compiled(text).scrub(event(message)).message).get(
        "properties", {}
    )
    return after


def _is_stricter(rules: list[Rule], properties: dict[str, Any]) -> bool:
    """A name in a JSON text is read as one in any text: a `keep` of a kind on a path is too far."""
    kept = [at for at, rule in enumerate(rules) if rule.action == "keep" and rule.kinds]
    named = [at for at, rule in enumerate(rules) if rule.key and not rule.kinds]
    has_json = any(str(value).startswith("{") for value in properties.values())
    return has_json and any(rules[at].path and at < other for at in kept for other in named)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rules=st.lists(a_rule, min_size=1, max_size=5, unique=True),
    properties=st.dictionaries(st.sampled_from(["a", "b", "c"]), values, min_size=1),
)
def test_the_order_is_that_of_the_model(
    compiled: Compile, event: MakeEvent, rules: list[Rule], properties: dict[str, Any]
) -> None:
    assume(not _is_stricter(rules, properties))
    try:
        after = scrubbed(compiled, event, rules, properties)
    except Exception as error:
        if "can never match" in str(error):
            return  # the loader refuses it
        raise
    assert after == model(rules, properties)


MASK = Rule("mask", ("email", "credit_card"))
KEEP = Rule("keep", path="a")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pro maria@kunde.example", "pro [email]"),
        ("maria@kunde.example", "[email]"),
        (4111111111111111, "[credit_card]"),
        ({"x": ["maria@kunde.example"], "n": 4111111111111111}, None),
        ({"maria@kunde.example": 1}, {"[email]": 1}),
        ('{"to":"maria@kunde.example","n":4111111111111111}', None),
        ("https://x.example/?to=maria%40kunde.example", "https://x.example/?to=[email]"),
    ],
)
def test_a_detector_before_a_keep(
    compiled: Compile, event: MakeEvent, before: Any, after: Any
) -> None:
    masked = scrubbed(compiled, event, [MASK, KEEP], {"a": before})["a"]
    assert "maria" not in json.dumps(masked)
    assert "41111" not in json.dumps(masked)
    assert after is None or masked == after
    assert scrubbed(compiled, event, [KEEP, MASK], {"a": before})["a"] == before


def rules(*lines: str) -> str:
    return "rules:\n" + "".join(f"  - {{id: r{i}, {line}}}\n" for i, line in enumerate(lines))


KEEP_A = "match: {path: /properties/a}, action: keep"


@pytest.mark.parametrize(
    ("earlier", "before", "after"),
    [
        ("match: {parameter: tok}, action: mask", "x tok=1 y", "x tok=[masked] y"),
        ("match: {key: password}, action: mask", "{'password': 'p', 'x': 1}", None),
        ("match: {key: password}, action: mask", '{"password":"p"}', '{"password":"[masked]"}'),
        ("match: {key: password}, action: drop", '{"password":"p","x":1}', '{"x":1}'),
        ("match: {key: password}, action: mask", {"name": "password", "value": "p"}, None),
        ("match: {key: password}, action: mask", [["password", "p"]], [["password", "[masked]"]]),
    ],
)
def test_rules_on_names_inside_what_is_kept(
    compiled: Compile, event: MakeEvent, earlier: str, before: Any, after: Any
) -> None:
    def kept(*lines: str) -> Any:
        message = {"type": "track", "event": "E", "properties": {"a": copy.deepcopy(before)}}
        return inside(compiled(rules(*lines)).scrub(event(message)).message)["properties"]["a"]

    assert kept(KEEP_A, earlier) == before
    first = kept(earlier, KEEP_A)
    assert "[masked]" in json.dumps(first) or after == first
    assert after is None or first == after


@pytest.mark.parametrize(
    "text",
    [
        "x tok=maria@kunde.example y",
        'x={"tok":"maria@kunde.example"}',
        '{"x":"{\\"tok\\":\\"maria@kunde.example\\"}","n":1}',
    ],
)
def test_what_a_rule_on_its_name_keeps_inside_a_text(
    compiled: Compile, event: MakeEvent, text: str
) -> None:
    policy = compiled(
        rules(
            "match: {parameter: tok}, action: keep",
            "match: {key: tok}, action: keep",
            "match: {kind: email}, action: mask",
        )
    )
    properties = {"a": text, "b": "maria@kunde.example", "c": f"{text} jo@kunde.example"}
    message = {"type": "track", "event": "E", "properties": properties}
    after = inside(policy.scrub(event(message)).message)["properties"]
    assert after == {"a": text, "b": "[email]", "c": f"{text} [email]"}


def test_shortening_comes_where_it_stands(compiled: Compile, event: MakeEvent) -> None:
    def after(*lines: str) -> Any:
        message = {"type": "track", "event": "E", "properties": {"a": "of maria@kunde.example now"}}
        return inside(compiled(rules(*lines)).scrub(event(message)).message)["properties"]["a"]

    mask = "match: {kind: email}, action: mask"
    short = "match: {path: /properties/a}, action: partial, keep: first 9"
    assert after(mask, short) == "of [ema***"
    assert after(short, mask) == "of maria@ku***"


def test_a_schema_tightens_whatever_stands_first(compiled: Compile, event: MakeEvent) -> None:
    annotations = {"E": [("/properties/a", "strip_query"), ("/properties/b", "mask")]}
    policy = compiled(
        rules(
            "match: {path: [/properties/a, /properties/b]}, action: keep",
            "match: {kind: email}, action: mask",
        ),
        annotations,
    )
    url = "/maria@kunde.example?x=1"
    message = {"type": "track", "event": "E", "properties": {"a": url, "b": "b"}}
    after = inside(policy.scrub(event(message), "E").message)["properties"]
    assert after == {"a": "/maria@kunde.example", "b": "[masked]"}


def test_named_exceptions_stand_above_every_rule(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled(rules("match: {kind: email}, action: mask") + "keep: [/properties/a]\n")
    message = {"type": "track", "event": "E", "properties": {"a": "maria@kunde.example"}}
    assert inside(policy.scrub(event(message)).message)["properties"] == {
        "a": "maria@kunde.example"
    }


@pytest.mark.parametrize("value", [52345, "52345"])
@pytest.mark.parametrize("first", ["partial, keep: last 4", "generalize, to: 3 digits"])
@pytest.mark.parametrize(("second", "left"), [("drop", None), ("mask", "[masked]")])
def test_a_number_that_says_less_meets_the_rules_below(  # noqa: PLR0917 (fixtures and what is tried)
    compiled: Compile, event: MakeEvent, value: Any, first: str, second: str, left: str | None
) -> None:
    policy = compiled(
        rules(
            f"match: {{key: zip}}, action: {first}",
            f'match: {{key: [zip, "z*"]}}, action: {second}',
        )
    )
    message = {"userId": "u", "properties": {"zip": value, "n": 1}}
    after = inside(policy.scrub(event(message)).message)["properties"]
    assert after.get("zip") == left
