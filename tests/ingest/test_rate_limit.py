from __future__ import annotations

import pytest

from gateway.config.model import Limits
from gateway.errors import Overloaded
from gateway.event import RawEvent
from gateway.ingest import RateLimit

LIMITS = Limits(events_per_second=10)


def events(count: int, source: str = "demo") -> list[RawEvent]:
    return [RawEvent(source, "segment", "track", None, {}, 0.0)] * count


def waits(rates: RateLimit, count: int, now: float, source: str = "demo") -> int:
    """Seconds to wait; 0 when the events were taken."""
    try:
        rates.charge(events(count, source), LIMITS, now)
    except Overloaded as error:
        return error.retry_after
    return 0


def test_a_source_gets_its_rate_and_no_more() -> None:
    rates = RateLimit()
    taken = sum(waits(rates, 1, 100 + step / 50) == 0 for step in range(500))
    assert taken == 10 + 10 * 10


def test_a_batch_larger_than_the_rate_passes_and_is_paid_for_later() -> None:
    rates = RateLimit()
    assert waits(rates, 100, 0) == 0
    assert waits(rates, 1, 0) == 9
    assert waits(rates, 1, 8.9) == 1
    assert waits(rates, 1, 9.1) == 0


def test_one_source_does_not_spend_what_another_has() -> None:
    rates = RateLimit()
    assert waits(rates, 100, 0, "busy") == 0
    assert waits(rates, 1, 0, "busy") > 0
    assert waits(rates, 1, 0, "quiet") == 0


def test_a_refused_batch_costs_no_source_anything() -> None:
    rates = RateLimit()
    rates.charge(events(10, "busy"), LIMITS, 0)
    with pytest.raises(Overloaded):
        rates.charge(events(1, "busy") + events(10, "quiet"), LIMITS, 0)
    assert waits(rates, 1, 0, "quiet") == 0


def test_nobody_is_told_to_wait_longer_than_sdks_do() -> None:
    rates = RateLimit()
    assert waits(rates, 100_000, 0) == 0
    assert waits(rates, 1, 0) == 300


def test_without_a_rate_there_is_no_limit() -> None:
    rates = RateLimit()
    for _ in range(3):
        rates.charge(events(10_000), Limits(), 0)
    assert waits(rates, 1, 0) == 0
