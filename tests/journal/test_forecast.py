"""Whoever looks is told in time when the journal, or its disk, will be full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ByteSize

from gateway.config.model import Journal as Settings
from gateway.journal.forecast import Trend, in_words

GIB = 1024**3
SETTINGS = Settings(max_bytes=ByteSize(8 * GIB), min_free_bytes=ByteSize(GIB))


def trend(used: float, free: float, grows: float, shrinks: float, seconds: int = 300) -> Trend:
    """Weighed every ten seconds; bytes now, and bytes a second."""
    made = Trend(SETTINGS)
    for at in range(0, seconds + 1, 10):
        left = seconds - at
        made.weigh(at, int(used - grows * left), int(free + shrinks * left))
    return made


def test_a_journal_that_does_not_grow_is_never_full() -> None:
    forecast = trend(GIB, 100 * GIB, 0, 0).forecast()
    assert (forecast.seconds, forecast.warning) == (None, None)
    assert trend(GIB, 100 * GIB, -1000, -1000).forecast().seconds is None
    assert Trend(SETTINGS).forecast().seconds is None


def test_three_hours_before_it_is_full_it_says_so() -> None:
    forecast = trend(4 * GIB, 100 * GIB, 4 * GIB / 10800, 0).forecast()
    assert forecast.seconds == pytest.approx(10800, rel=0.01)
    assert forecast.warning == ("the journal is full in 3 h at this rate; clients then hear 503")


def test_the_disk_may_be_full_before_the_journal_is() -> None:
    forecast = trend(GIB, 3 * GIB, 1000, 2 * GIB / 1200).forecast()
    assert forecast.seconds == pytest.approx(1200, rel=0.01)
    assert (forecast.warning or "").startswith("the disk of the journal is full in 20 min")


def test_what_is_weeks_away_or_may_be_a_burst_is_no_warning() -> None:
    assert trend(GIB, 100 * GIB, 1000, 0).forecast().warning is None
    assert trend(GIB, 100 * GIB, GIB / 100, 0, seconds=60).forecast().warning is None


def test_a_journal_that_is_nearly_full_is_told_whatever_the_rate() -> None:
    assert "95% full" in (trend(7.6 * GIB, 100 * GIB, 0, 0).forecast().warning or "")


def test_only_the_last_minutes_count() -> None:
    made = trend(GIB, 100 * GIB, GIB / 600, 0)
    for at in range(310, 1000, 10):
        made.weigh(at, GIB, 100 * GIB)
    assert made.forecast().seconds is None


@given(
    st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), max_size=80),
)
def test_it_never_speaks_of_the_past(weights: list[tuple[int, int]]) -> None:
    made = Trend(SETTINGS)
    for at, (used, free) in enumerate(weights):
        made.weigh(at * 10.0, used, free)
        seconds = made.forecast().seconds
        assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (300, "5 min"), (10800, "3 h"), (90000, "25 h"), (3e5, "3 days")],
)
def test_times_are_told_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
