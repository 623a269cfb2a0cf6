"""Whoever looks is warned in time that space runs out, and never because of a burst."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ByteSize

from gateway.config.model import JournalSettings as Settings
from gateway.health import Disk
from gateway.journal.capacity import Usage
from gateway.journal.forecast import Forecast, Trend, in_words

KIB, MIB, GIB = 1024, 1024**2, 1024**3
HOUR, DAY = 3600, 86400
SETTINGS = Settings(max_bytes=ByteSize(8 * GIB), min_free_bytes=ByteSize(GIB))
HOME, AWAY = 1, 2


def usage(
    free: float, total: float = 200 * GIB, audit: float = 0, events: float = 0, away: float = 0
) -> Usage:
    """The journal's disk, and another one with events on it where `away` tells its free bytes."""
    disks = {HOME: Disk(HOME, int(total), max(0, int(free)))}
    parts = {("journal", HOME): 45 * KIB, ("audit", HOME): int(audit)}
    if away:
        disks[AWAY] = Disk(AWAY, int(total), int(away))
        parts["events", AWAY] = int(events)
    return Usage(disks, parts, HOME)


def over(
    seconds: int,
    at: Callable[[float], Usage],
    used: Callable[[float], float] = lambda _: 45 * KIB,
    step: int = 10,
) -> Iterator[Forecast]:
    """What is forecast every ten seconds; `at` and `used` tell what is there at a time."""
    trend = Trend(SETTINGS)
    for now in range(0, seconds + 1, step):
        trend.weigh(now, int(used(now)), at(now))
        yield trend.forecast()


def last(forecasts: Iterator[Forecast]) -> Forecast:
    *_, forecast = forecasts
    return forecast


def warnings(forecasts: Iterator[Forecast]) -> set[str]:
    return {forecast.warning for forecast in forecasts if forecast.warning}


def test_what_does_not_grow_is_never_full() -> None:
    forecast = last(over(HOUR, lambda _: usage(100 * GIB)))
    assert (forecast.seconds, forecast.warning) == (None, None)
    assert last(over(300, lambda now: usage(100 * GIB + now * MIB))).seconds is None
    assert Trend(SETTINGS).forecast() == Forecast(None, None)
    just_started = last(over(60, lambda now: usage(100 * GIB - now * GIB)))
    assert just_started.seconds is None


def test_three_hours_before_the_journal_is_full_it_says_so() -> None:
    grows = 4 * GIB / (3 * HOUR)
    forecast = last(
        over(HOUR, lambda _: usage(100 * GIB), lambda now: 8 * GIB - grows * (4 * HOUR - now))
    )
    assert forecast.seconds == pytest.approx(3 * HOUR, rel=0.03)
    assert forecast.warning == "the journal is full in 3 h at this rate; clients then get 503"


def test_a_journal_that_has_just_begun_to_grow_has_room_for_it() -> None:
    grows = GIB / HOUR
    assert not warnings(over(HOUR, lambda _: usage(100 * GIB), lambda now: grows * now))


def test_a_journal_that_is_nearly_full_is_told_whatever_the_rate() -> None:
    forecast = last(over(0, lambda _: usage(100 * GIB), lambda _: 7.6 * GIB))
    assert "95% full" in (forecast.warning or "")


def test_only_growth_that_goes_on_counts() -> None:
    grows = GIB / 600
    stops = last(over(1200, lambda _: usage(100 * GIB), lambda now: GIB + grows * min(now, 300)))
    assert stops.seconds is None


@pytest.mark.parametrize("free", [65, 31])
@pytest.mark.parametrize("burst", [3, 10, 25])
def test_bursts_of_other_programs_are_no_warning_while_there_is_room(free: int, burst: int) -> None:
    """An archive is unpacked within three minutes, an hour after the start; files come and go."""

    def left(now: float) -> Usage:
        unpacked = burst * GIB * min(max(now - HOUR, 0) / 180, 1)
        noise = (now % 70) * 100 * KIB
        return usage((free + burst) * GIB - unpacked - noise, total=205 * GIB)

    assert not warnings(over(2 * HOUR, left))


def test_a_disk_that_others_fill_is_named_with_them_and_not_with_the_journal() -> None:
    forecast = last(over(HOUR, lambda now: usage(13 * GIB - 3 * GIB * now / HOUR)))
    assert forecast.warning == (
        "the disk of the journal is full in 3 h at this rate "
        "(other programs filled 3,072.0 MiB of it in the last 1 h); clients then get 503"
    )
    assert forecast.growth["journal"] == 0


def test_a_part_of_the_gateway_that_grows_is_named() -> None:
    def left(now: float) -> Usage:
        audit = 2 * GIB * now / HOUR
        return usage(13 * GIB - audit - 10 * MIB * now / HOUR, audit=audit)

    forecast = last(over(HOUR, left))
    assert "(audit grows by 2,048.0 MiB/h)" in (forecast.warning or "")
    assert forecast.growth == {"journal": 0, "audit": pytest.approx(2 * GIB, rel=0.01)}


def test_events_on_another_disk_wait_when_it_is_full() -> None:
    def left(now: float) -> Usage:
        events = GIB * now / HOUR
        return usage(100 * GIB, events=events, away=10 * GIB - events)

    forecast = last(over(HOUR, left))
    assert forecast.warning == (
        "the disk of events is full in 9 h at this rate (events grows by 1,024.0 MiB/h); "
        "what cannot be written there waits in the journal"
    )
    assert forecast.seconds is None, "it has nothing to do with accepting"


def test_what_will_be_gone_within_the_hour_is_told_within_minutes() -> None:
    forecast = last(over(150, lambda now: usage(6 * GIB - GIB * now / 600)))
    assert "full in 48 min" in (forecast.warning or "")


def test_a_slow_leak_is_told_on_its_last_day_only() -> None:
    leak = 0.1 * GIB / HOUR
    assert not warnings(over(5 * HOUR, lambda now: usage(20 * GIB - leak * now, total=100 * GIB)))
    assert warnings(over(5 * HOUR, lambda now: usage(3 * GIB - leak * now, total=100 * GIB)))


def test_a_disk_that_is_nearly_full_and_stays_so_is_no_warning() -> None:
    def left(now: float) -> Usage:
        return usage(5 * GIB - (now % 600) * MIB / 10)

    assert not warnings(over(3 * HOUR, left))


def test_a_disk_on_its_last_bytes_is_one() -> None:
    forecast = last(over(HOUR, lambda _: usage(GIB + 100 * MIB)))
    assert "nearly full, 100.0 MiB may still be used" in (forecast.warning or "")
    small = last(over(HOUR, lambda _: usage(GIB + 30 * MIB, total=GIB + 36 * MIB)))
    assert small.warning is None, "of a small disk that is much"


def test_files_that_are_rotated_and_deleted_are_no_warning_from_the_second_day_on() -> None:
    def left(now: float) -> Usage:
        audit = 12 * GIB * (now % DAY) / DAY + 12 * GIB
        return usage(40 * GIB - audit, audit=audit)

    said = [forecast.warning for forecast in over(3 * DAY, left, step=60)]
    assert not any(said[DAY // 60 + 60 :])


def test_a_disk_without_a_limit_is_never_full() -> None:
    nowhere = Usage({HOME: Disk(HOME, 0, None)}, {("journal", HOME): 0}, HOME)
    assert last(over(HOUR, lambda _: nowhere)) == Forecast(None, None, {"journal": 0})
    assert last(over(HOUR, lambda _: Usage({}, {}, None))) == Forecast(None, None, {})


steps = st.lists(
    st.tuples(st.integers(0, 100_000), st.integers(-300, 300), st.integers(-300, 300)),
    min_size=1,
    max_size=60,
)


@given(steps, st.integers(0, 60 * 1024))
def test_less_space_never_ends_a_warning(steps: list[tuple[int, int, int]], less: int) -> None:
    """Neither when it was less all the time, nor when it is less just now."""
    plain, smaller, dropped = Trend(SETTINGS), Trend(SETTINGS), Trend(SETTINGS)
    at, used, free = 0, 4 * 1024, 30 * 1024
    for place, (pause, grown, shrunk) in enumerate(steps):
        at, used, free = at + pause % 3000, max(0, used + grown), max(0, free - shrunk)
        gone = less if place == len(steps) - 1 else 0
        plain.weigh(at, used * MIB, usage(free * MIB))
        smaller.weigh(at, used * MIB, usage((free - less) * MIB))
        dropped.weigh(at, used * MIB, usage((free - gone) * MIB))
    if plain.forecast().warning:
        assert dropped.forecast().warning
        if free >= less:
            assert smaller.forecast().warning


@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), max_size=80))
def test_it_never_speaks_of_the_past(weights: list[tuple[int, int]]) -> None:
    made = Trend(SETTINGS)
    for at, (used, free) in enumerate(weights):
        made.weigh(at * 10.0, used, usage(free))
        seconds = made.forecast().seconds
        assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (300, "5 min"), (10800, "3 h"), (90000, "25 h"), (3e5, "3 days")],
)
def test_times_are_told_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
