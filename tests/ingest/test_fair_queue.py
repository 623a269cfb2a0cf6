"""Bounds hold, nothing is lost, and no key waits for all that another has queued."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Overloaded
from gateway.ingest.fair_queue import SLICE_SECONDS, Pool, Turns

pytestmark = pytest.mark.slow

KEYS = st.sampled_from("abcd")


class Rounds:
    """The loop, as far as turns know it."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    async def next(self) -> bool:
        """One round; whether there was something to do."""
        due, self.soon = self.soon, []
        for callback in due:
            callback()
        for _ in range(3):
            await asyncio.sleep(0)
        return bool(due)


@given(st.lists(st.tuples(KEYS, st.integers(1, 30)), max_size=60), st.integers(1, 20))
async def test_a_pool_keeps_its_bounds_and_serves_everybody(
    asked: list[tuple[str, int]], small: int
) -> None:
    pool = Pool(40, 20, small=small, waiting=1000)
    held: Counter[str] = Counter()
    served: dict[str, list[int]] = {}

    async def request(key: str, number: int, amount: int) -> None:
        if not pool.take(key, amount):
            await pool.wait(key, amount, 60)
        alone = not held[key]
        held[key] += amount
        assert alone or held[key] <= 20
        assert sum(held.values()) <= 80 or len([x for x in held.values() if x]) == 1
        served.setdefault(key, []).append(number)
        await asyncio.sleep(0)
        held[key] -= amount
        pool.give_back(key, amount)

    async with asyncio.timeout(30):
        await asyncio.gather(
            *(request(key, number, amount) for number, (key, amount) in enumerate(asked))
        )
    assert (pool.held, pool.waiting) == (0, 0)
    assert {key: len(numbers) for key, numbers in served.items()} == Counter(k for k, _ in asked)
    assert all(numbers == sorted(numbers) for numbers in served.values())


async def test_what_needs_much_is_not_overtaken_for_ever() -> None:
    pool = Pool(10, 10, waiting=100)
    assert pool.take("a", 6)
    large = asyncio.create_task(pool.wait("b", 10, 60))
    await asyncio.sleep(0)
    assert not pool.take("c", 4)
    late = asyncio.create_task(pool.wait("c", 4, 60))
    await asyncio.sleep(0)
    pool.give_back("a", 6)
    await large
    assert not late.done()
    pool.give_back("b", 10)
    await late


async def test_what_is_small_passes_what_is_large() -> None:
    pool = Pool(10, 10, small=1, waiting=100)
    assert pool.take("a", 10)
    waiting = asyncio.create_task(pool.wait("b", 10, 60))
    await asyncio.sleep(0)
    assert pool.take("c", 1)
    waiting.cancel()


async def test_who_waits_too_long_hears_whose_fault_it_is() -> None:
    pool = Pool(20, 10, waiting=100)
    assert pool.take("a", 10)
    with pytest.raises(Overloaded) as own:
        await pool.wait("a", 1, 0.01)
    assert own.value.is_own
    assert pool.take("b", 10)
    with pytest.raises(Overloaded) as everybodys:
        await pool.wait("c", 1, 0.01)
    assert not everybodys.value.is_own
    assert pool.waiting == 0
    pool.give_back("a", 10)
    pool.give_back("b", 10)
    assert pool.take("c", 10)


async def test_a_key_whose_queue_is_full_is_refused_at_once_and_others_may_wait() -> None:
    pool = Pool(1, 1, waiting=8)
    assert pool.take("a", 1)
    waiting = [asyncio.create_task(pool.wait("a", 1, 60)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await pool.wait("a", 1, 60)
    assert refused.value.is_own
    other = asyncio.create_task(pool.wait("b", 1, 60))
    await asyncio.sleep(0)
    pool.give_back("a", 1)
    await waiting[0]
    pool.give_back("a", 1)
    await other
    waiting[1].cancel()
    await asyncio.wait(waiting)
    assert pool.waiting == 0


@given(st.lists(st.tuples(KEYS, st.floats(0.0001, 0.1)), max_size=40), st.data())
async def test_a_pool_loses_nothing_to_those_who_go(
    asked: list[tuple[str, float]], data: st.DataObject
) -> None:
    pool = Pool(10, 5, waiting=1000)
    tasks = [asyncio.create_task(_hold(pool, key)) for key, _ in asked]
    for task in tasks:
        if data.draw(st.booleans()):
            await asyncio.sleep(0)
        if data.draw(st.booleans()):
            task.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (pool.held, pool.waiting) == (0, 0)


async def _hold(pool: Pool, key: str) -> None:
    if not pool.take(key, 3):
        await pool.wait(key, 3, 60)
    try:
        await asyncio.sleep(0)
    finally:
        pool.give_back(key, 3)


@given(st.lists(st.tuples(KEYS, st.floats(0.0001, 0.02)), max_size=80))
async def test_everybody_gets_every_turn_and_a_round_holds_one_slice(
    asked: list[tuple[str, float]],
) -> None:
    rounds = Rounds()
    turns = Turns(rounds.call)
    worked = [0.0]
    done: Counter[str] = Counter()

    async def request(key: str, seconds: float) -> None:
        await turns.turn(key, seconds)
        assert not worked[0] or worked[0] + seconds <= SLICE_SECONDS
        worked[0] += seconds
        done[key] += 1

    tasks = [asyncio.create_task(request(key, seconds)) for key, seconds in asked]
    await asyncio.sleep(0)
    worked[0] = 0.0
    while await rounds.next():
        worked[0] = 0.0
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks)
    assert done == Counter(key for key, _ in asked)


@given(st.integers(1, 200), st.integers(1, 5))
async def test_a_light_key_waits_for_a_slice_of_each_other_key(queued: int, heavy: int) -> None:
    rounds = Rounds()
    turns = Turns(rounds.call)
    tasks = [
        asyncio.create_task(turns.turn(f"heavy {number % heavy}", SLICE_SECONDS))
        for number in range(queued * heavy)
    ]
    await asyncio.sleep(0)
    light = asyncio.create_task(turns.turn("light", SLICE_SECONDS / 10))
    waited = 0
    while not light.done():
        assert await rounds.next() or light.done()
        waited += 1
    assert waited <= 2 * heavy + 2
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await rounds.next()


async def test_many_light_pieces_weigh_as_much_as_one_heavy_piece() -> None:
    """Deficit round robin: turns are measured by their length, not by their number."""
    rounds = Rounds()
    turns = Turns(rounds.call)
    order: list[str] = []

    async def work(key: str, seconds: float) -> None:
        await turns.turn(key, seconds)
        order.append(key)

    tasks = [asyncio.create_task(work("heavy", 4 * SLICE_SECONDS)) for _ in range(5)]
    tasks += [asyncio.create_task(work("light", SLICE_SECONDS / 4)) for _ in range(32)]
    await asyncio.sleep(0)
    while await rounds.next():
        pass
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks)
    second = [place for place, key in enumerate(order) if key == "heavy"][2]
    assert order[:second].count("light") >= 16
