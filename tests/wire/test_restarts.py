"""What an SDK was told is safe is in the file destination, whatever became of the gateway since."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest

from tests.wire.clients import NODE_3, PYTHON, Told, acked_more
from tests.wire.running import Gateway

pytestmark = NODE_3.marks


async def check_nothing_is_lost(
    gateway: Gateway, end: Callable[[], Awaitable[None]], rounds: int
) -> None:
    chance = random.Random(20261123)
    async with NODE_3.stream(gateway.url) as node, PYTHON.stream(gateway.url) as python:
        for _ in range(rounds):
            await acked_more(chance.choice((node, python)), chance.randint(5, 30))
            await end()
            assert gateway.has_whole_lines_only()
            await gateway.start()
        await acked_more(node, 1)
        await acked_more(python, 1)

    told: list[Told] = [node, python]
    await gateway.wait_for(id_ for one in told for id_ in one.acked.values())
    assert [one.failed for one in told] == [{}, {}]


@pytest.mark.timeout(180)
async def test_nothing_acknowledged_is_lost_when_the_gateway_is_killed(gateway: Gateway) -> None:
    await check_nothing_is_lost(gateway, gateway.kill, rounds=8)


async def test_nothing_acknowledged_is_lost_when_the_gateway_is_restarted(
    gateway: Gateway,
) -> None:
    await check_nothing_is_lost(gateway, gateway.stop, rounds=2)
