"""An SDK that sends faster than its source may is slowed down, and loses nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.wire.clients import NODE_3, PYTHON, Client, each
from tests.wire.front import front
from tests.wire.running import Gateway, counted, running
from tests.wire.script import script


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncGenerator[Gateway]:
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with running(folder, limits={"events_per_second": 4}) as gateway:
        yield gateway


@pytest.mark.parametrize("client", each(NODE_3, PYTHON))
async def test_every_event_arrives_once_the_rate_allows_it(
    gateway: Gateway, client: Client, tmp_path: Path
) -> None:
    events = script(client.name)

    async with front(gateway.url) as before:
        told = await client.send(before.url, events, tmp_path)

        assert before.statuses.keys() == {200, 429}
    assert told.failed == {}
    assert told.acked.keys() == {event.label for event in events}
    await gateway.wait_for(told.acked.values())
    assert counted(gateway.events()) == dict.fromkeys(told.acked.values(), 1)
