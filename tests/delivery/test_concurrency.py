"""The limit rises with answers, falls with failures and slowness, and is kept by the slots."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.concurrency import Limit, Slots


def rounds(limit: Limit, count: int, seconds: float, start: float = 0.0) -> float:
    """So many requests, one after the other, each answered after `seconds`."""
    now = start
    for _ in range(count):
        limit.answered(now, now + seconds)
        now += seconds
    return now


def test_it_begins_with_one_and_rises_to_the_most() -> None:
    limit = Limit(4)
    assert limit.value == 1
    rounds(limit, 3, 0.1)
    assert 2 < limit.value < 4
    rounds(limit, 20, 0.1)
    assert limit.value == 4


def test_a_failure_halves_and_those_that_began_before_it_do_not_again() -> None:
    limit = Limit(8)
    now = rounds(limit, 100, 0.1)
    for _ in range(5):
        limit.failed(now - 0.05, now)
    assert limit.value == 4
    limit.failed(now + 1, now + 2)
    assert limit.value == 2


def test_answers_that_become_much_slower_lower_it() -> None:
    limit = Limit(8)
    now = rounds(limit, 200, 0.1)
    now = rounds(limit, 5, 1.0, now)
    assert limit.value < 8
    rounds(limit, 500, 1.0, now)
    assert limit.value == 8, "what is usual has changed"


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=200), st.integers(1, 8))
def test_it_stays_between_one_and_the_most(answers: list[tuple[bool, float]], most: int) -> None:
    limit = Limit(most)
    now = 0.0
    for is_good, seconds in answers:
        (limit.answered if is_good else limit.failed)(now, now + seconds)
        now += seconds
        assert 1 <= limit.value <= most


async def test_slots_let_no_more_begin_and_serve_in_order() -> None:
    limit = Limit(8)
    slots = Slots(limit)
    served: list[int] = []
    now = most = 0

    async def work(number: int) -> None:
        nonlocal now, most
        async with slots.one():
            served.append(number)
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            if number == 20:
                limit.answered(0, 0.1)
                limit.answered(0, 0.1)
            now -= 1

    await asyncio.gather(*map(work, range(40)))
    assert served == list(range(40))
    assert (most, now) == (2, 0)


async def test_a_cancelled_wait_leaves_its_slot_to_the_next() -> None:
    slots = Slots(Limit(1))
    begun = asyncio.Event()
    end = asyncio.Event()

    async def hold() -> None:
        async with slots.one():
            begun.set()
            await end.wait()

    async def pass_through() -> str:
        async with slots.one():
            return "through"

    holding = asyncio.create_task(hold())
    await begun.wait()
    cancelled = asyncio.create_task(pass_through())
    last = asyncio.create_task(pass_through())
    await asyncio.sleep(0)
    end.set()
    cancelled.cancel()
    assert await last == "through"
    await holding
