"""Values are coerced as ajv does it for Segment's destinations."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.translation import coerce


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "x"), ("", ""), (7, "7"), (-7, "-7"), (7.0, "7"), (1.5, "1.5"), (0.1, "0.1"),
        (True, "true"), (False, "false"), (1e21, "1e+21"), (1e-7, "1e-7"), (0.00001, "0.00001"),
        (2**63, "9223372036854775808"), (1.5e300, "1.5e+300"), (["x"], "x"), ([7], "7"),
        (None, None), ({}, None), ([], None), (["a", "b"], None), ([{}], None),
    ],
)  # fmt: skip
def test_text(value: Any, expected: str | None) -> None:
    assert coerce.text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7), (1.5, 1.5), ("7", 7), ("-1.50", -1.5), ("+2", 2), (" 3 ", 3), ("1e2", 100),
        (".5", 0.5), ("5.", 5), (True, 1), (False, 0), (["8"], 8), ("1e300", 1e300),
        ("9007199254740993", 9007199254740992.0),
        ("", None), (" ", None), ("x", None), ("1,5", None), ("1 2", None), ("Infinity", None),
        ("-inf", None), ("nan", None), ("1e999", None), ("0x10", None), ("1_000", None),
        ("٣", None), ("9" * 500, None), (None, None), ({}, None), ([], None), ([1, 2], None),
    ],
)  # fmt: skip
def test_number(value: Any, expected: float | None) -> None:
    found = coerce.number(value)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2, 2), (2.0, 2), ("2", 2), ("2.0", 2), (2.5, None), ("2.5", None), ("x", None), (True, 1)],
)
def test_integer(value: Any, expected: int | None) -> None:
    assert coerce.integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True), (False, False), ("true", True), ("false", False), (1, True), (0, False),
        (1.0, True), (0.0, False), ([True], True), (["false"], False),
        ("True", None), ("yes", None), ("1", None), ("", None), (2, None), (None, None), ({}, None),
    ],
)  # fmt: skip
def test_truth(value: Any, expected: bool | None) -> None:
    assert coerce.truth(value) is expected


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
    | st.from_regex(r"[-+]?[0-9]{1,25}([.][0-9]{0,5})?(e[0-9]{1,3})?", fullmatch=True),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(ANY)
def test_whatever_comes_can_be_sent(value: Any) -> None:
    for form in (coerce.text, coerce.number, coerce.integer, coerce.truth):
        found = form(value)
        assert orjson.loads(orjson.dumps(found)) == found
