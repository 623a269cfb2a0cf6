"""The Java SDKs lose nothing to an overload, however long they wait before they try again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.wire.clients import JAVA, Client
from tests.wire.front import front
from tests.wire.running import Gateway
from tests.wire.script import check_arrived, script

pytestmark = [mark for client in JAVA for mark in client.marks]


async def test_an_overload_passes_and_every_event_has_arrived_once(
    gateway: Gateway, tmp_path: Path
) -> None:
    async def check(client: Client, status: int) -> None:
        folder = tmp_path / f"{client.name}-{status}"
        folder.mkdir()
        events = script(folder.name)
        async with front(gateway.url, [status]) as before:
            told = await client.send(before.url, events, folder)
            assert before.refused == [status]
        assert told.failed == {}
        stored = await gateway.wait_for(told.acked.values())
        for event in events:
            (message,) = stored[told.acked[event.label]]
            check_arrived(event, message, nulls=client.sends_nulls)

    # All at once: these releases wait up to half a minute.
    await asyncio.gather(*(check(client, status) for client in JAVA for status in (503, 429)))
