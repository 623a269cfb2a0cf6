"""What `generalize` and `partial` leave of a value; what they cannot read is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigurationError
from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy
from gateway.privacy.generalize import FORMS, generalization, partial
from tests.clean import inside

Compile = Callable[..., CompiledPolicy]
MakeEvent = Callable[..., RawEvent]

CASES: list[tuple[str | int, Any, Any]] = [
    ("year", "1987-04-12", "1987"),
    ("year", "1987-04-12T10:00:00.123Z", "1987"),
    ("year", "12.04.1987", "1987"),
    ("year", "04/12/1987", "1987"),
    ("year", "19870412", "1987"),
    ("year", 1987, 1987),
    ("year", 545184000, 1987),
    ("year", 545184000000, 1987),
    ("year", "in spring", None),
    ("year", "13-13-1987", None),
    ("year", "123456", None),
    ("year", 17, None),
    ("year", float("inf"), None),
    ("month", "1987-04-12", "1987-04"),
    ("month", "12.04.1987", "1987-04"),
    ("month", "04/12/1987", None),
    ("month", "04/25/1987", "1987-04"),
    ("month", 1987, None),
    ("day", "1987-04-12T23:59:59+02:00", "1987-04-12"),
    ("decade", "1987-04-12", "1980s"),
    ("country", "de-DE", "DE"),
    ("country", "zh_Hans_CN", "CN"),
    ("country", "+49 30 1234567", "+49"),
    ("country", "+1 415 555 2671", "+1"),
    ("country", "DE89 3704 0044 0532 0130 00", "DE"),
    ("country", "Bonn", None),
    ("country", 49, None),
    ("domain", "maria@Kunde.example", "kunde.example"),
    ("domain", "https://maria:pw@kunde.example:8080/a?b", "kunde.example"),
    ("domain", "maria", None),
    ("domain", "maria.lopez", None),
    ("3 digits", "10115", "101"),
    ("3 digits", "SW1A 1AA", "SW1"),
    ("3 digits", "90210-1234", "902"),
    ("3 digits", 10115, "101"),
    ("3 digits", "Maria", None),
    ("3 digits", "10115 Berlin, Unter den Linden", None),
    ("2 digits", "1", None),
    ("10 km", 52.52001, 52.506),
    ("10 km", "13.405", "13.43"),
    ("10 km", "52.52, 13.405", "52.506,13.36"),
    ("10 km", "geo:52.52,13.405", "52.506,13.36"),
    ("10 km", "Berlin", None),
    ("10 km", 1000, None),
    ("10 km", float("nan"), None),
    ("10 years", 37, "30-39"),
    ("10 years", "37", "30-39"),
    ("5 years", 37.5, "35-39"),
    ("10 years", "1987-04-12", "1980-1989"),
    ("10 years", "old", None),
    (10, 37, 30),
    (10, "37", "30"),
    (100, 1234.5, 1200),
    (10, -7, -10),
    (10, "a", None),
]


@pytest.mark.parametrize(("to", "before", "after"), CASES)
def test_generalize(to: str | int, before: Any, after: Any) -> None:
    read = generalization(to)
    assert read is not None
    assert read(before, "field") == after


def test_a_field_that_names_the_country_stays() -> None:
    read = generalization("country")
    assert read is not None
    assert read("Germany", "country") == "Germany"
    assert read("Germany", "city") is None
    assert read("10115 Germany", "country") is None


@pytest.mark.parametrize(
    ("to", "before"), [(to, before) for to, before, after in CASES if after is not None]
)
def test_what_is_general_stays(to: str | int, before: Any) -> None:
    """An event that waits is read again under a new policy."""
    read = generalization(to)
    assert read is not None
    once = read(before, "field")
    assert once is not None
    if to != "domain":  # a domain alone may as well be somebody's name
        assert read(once, "field") == once


@pytest.mark.parametrize("to", ["", "yaer", "0 km", "km", "3", "1.5 digits", "-10", 0])
def test_unknown_forms(to: str | int) -> None:
    assert (generalization(to) is None) == (to != "3")


@pytest.mark.parametrize(
    ("keep", "before", "after"),
    [
        ("last 4", "4111 1111 1111 1234", "***1234"),
        ("first 2", "Maria", "Ma***"),
        ("last 4", "1234", "***34"),
        ("last 4", "-----------1234", "***34"),
        ("last 4", "a", "***"),
        ("last 4", "", "***"),
        ("last 4", 12345678, "***5678"),
        ("first 2", "***34", "***34"),
    ],
)
def test_partial(keep: str, before: Any, after: Any) -> None:
    read = partial(keep)
    assert read is not None
    assert read(before, "") == after


@given(st.text(max_size=40), st.integers(1, 99), st.sampled_from(["first", "last"]))
def test_partial_never_keeps_more_than_half(text: str, count: int, end: str) -> None:
    read = partial(f"{end} {count}")
    assert read is not None
    new = read(text, "")
    assert isinstance(new, str)
    if new != text:
        kept = new.replace("***", "", 1)
        assert len(kept) <= len(text) // 2
        assert sum(map(str.isalnum, kept)) <= sum(map(str.isalnum, text)) // 2


@given(st.sampled_from(FORMS), st.one_of(st.text(max_size=30), st.integers(), st.floats()))
def test_anything_may_come(to: str, value: Any) -> None:
    read = generalization(to)
    assert read is not None
    read(value, "x")


def test_in_a_policy(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled(
        "rules:\n"
        "  - {id: born, match: {path: /traits/born}, action: generalize, to: year}\n"
        "  - {id: age, match: {key: age}, action: generalize, to: 10 years}\n"
        "  - {id: home, match: {path: /traits/home}, action: generalize, to: 10 km}\n"
        "  - {id: card, match: {kind: credit_card}, action: partial, keep: last 4}\n"
        "  - {id: call, match: {kind: phone}, action: generalize, to: country}\n"
    )
    message = {
        "type": "identify",
        "traits": {
            "born": ["1987-04-12", "soon", None, True],
            "age": 37,
            "home": [52.52, 13.405],
            "text": "card 4111 1111 1111 1111, call +49 30 1234567",
            "n": 4111111111111111,
        },
    }
    after = inside(policy.scrub(event(message)).message)["traits"]
    assert after == {
        "born": ["1987", None],
        "age": "30-39",
        "home": [52.506, 13.43],
        "text": "card ***1111, call +49",
        "n": "***1111",
    }


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("action: generalize", "needs `to`"),
        ("action: generalize, to: yaer", "did you mean `year`"),
        ("action: partial", "needs `keep`"),
        ("action: partial, keep: all", "last 4"),
        ("action: drop, to: year", "belongs to `generalize`"),
        ("action: mask, keep: last 4", "belongs to `partial`"),
    ],
)
def test_mistakes(compiled: Compile, rule: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compiled(f"rules:\n  - {{id: a, match: {{key: age}}, {rule}}}\n")
    (mistake,) = caught.value.mistakes
    assert mistake.line == 2
    assert words in mistake.message
