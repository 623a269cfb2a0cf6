"""Waits grow, are spread, and never undercut what was asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery import Backoff
from gateway.delivery.backoff import MOST_ASKED_SECONDS

DRAWN = st.floats(0, 1, exclude_max=True)


def test_the_ceiling_doubles_up_to_the_highest() -> None:
    backoff = Backoff(first=0.5, most=60)
    ceilings = [backoff.delay(failures, 1.0) for failures in range(1, 10)]
    assert ceilings == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


@given(st.integers(1, 10**6), DRAWN)
def test_a_wait_is_drawn_from_nothing_to_the_ceiling(failures: int, drawn: float) -> None:
    backoff = Backoff()
    assert backoff.delay(failures, 0.0) == 0
    assert 0 <= backoff.delay(failures, drawn) <= backoff.most


@given(st.integers(1, 100), DRAWN, st.floats(-(10**6), 10**9))
def test_what_was_asked_for_is_not_undercut_nor_obeyed_without_end(
    failures: int, drawn: float, after: float
) -> None:
    delay = Backoff().delay(failures, drawn, after)
    assert min(after, MOST_ASKED_SECONDS) <= delay <= MOST_ASKED_SECONDS + Backoff().most
