"""What a vendor says is heard in its meaning, and repeated without anybody's data."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations.http import retry_after
from gateway.destinations.http_outcomes import spoken

NOW = datetime(2026, 11, 23, 7, 51, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        (" 0 ", 0),
        ("Mon, 23 Nov 2026 07:52:04 GMT", 60),
        ("Mon, 23 Nov 2026 07:52:04 -0000", 60),
        ("Mon, 23 Nov 2026 07:50:04 GMT", 0),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    ("said", "repeated"),
    [
        (
            "'$insert_id' is invalid: must only contain alphanumeric or hyphen '-' characters",
            "$insert_id is invalid must only contain alphanumeric or hyphen characters",
        ),
        ("'ada@example.com' is not a valid userId", "… is not a valid …"),
        ("ada byron 4111111111111111 198.51.100.7", "…"),
        ("", ""),
    ],
)
def test_words_that_could_be_data_are_left_out(said: str, repeated: str) -> None:
    assert spoken(said) == repeated


@given(st.text(max_size=40), st.from_regex(r"[a-z@.]{0,9}[0-9]{4}[a-z@.-]{0,9}", fullmatch=True))
def test_no_value_comes_through(before: str, value: str) -> None:
    said = spoken(f"{before} {value} is invalid: {value}, {value}s")
    assert not any(character.isdigit() for character in said.replace("utf-8", ""))
    assert len(said) <= 200
