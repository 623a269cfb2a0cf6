"""A time in the audit is the one that the standard library would write."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.timestamps import timestamp


@given(st.floats(0, 4e9) | st.integers(0, 4 * 10**9))
def test_a_time_is_cut_to_milliseconds(seconds: float) -> None:
    expected = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    assert timestamp(seconds) == expected.replace("+00:00", "Z")


def test_a_fraction_that_rounds_up_moves_the_second() -> None:
    assert timestamp(1_795_420_264.9999999) == "2026-11-23T07:51:05.000Z"
