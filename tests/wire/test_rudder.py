"""What an app gave one of RudderStack's SDKs arrives as if it had given it to Segment's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.clients import RUDDER, Client, each
from tests.wire.front import front
from tests.wire.running import Gateway, counted
from tests.wire.script import PLANTED, check_arrived, script

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def check_all_arrived(
    gateway: Gateway, client: Client, url: str, folder: Path, run: str
) -> None:
    gateway.forget()
    events = script(f"{client.name}-{run}")

    told = await client.send(url, events, folder)

    assert told.failed == {}
    assert told.acked.keys() == {event.label for event in events}
    stored = await gateway.wait_for(told.acked.values())
    assert counted(gateway.events()) == dict.fromkeys(told.acked.values(), 1)
    for event in events:
        (message,) = stored[told.acked[event.label]]
        if event.type == "identify":  # Python's SDK has the traits of an identify in the context
            message.setdefault("traits", message["context"]["traits"])
        check_arrived(event, message)
        assert message["context"]["library"] == client.library


@pytest.mark.parametrize("client", each(*RUDDER))
async def test_every_event_arrives_as_meant_and_nothing_personal_is_kept(
    shared_gateway: Gateway, client: Client, tmp_path: Path
) -> None:
    await check_all_arrived(shared_gateway, client, shared_gateway.url, tmp_path, "calm")

    for secret in PLANTED:
        assert shared_gateway.files_with(secret) == []


@pytest.mark.parametrize("client", each(*RUDDER))
async def test_an_overload_passes_and_every_event_has_arrived_once(
    shared_gateway: Gateway, client: Client, tmp_path: Path
) -> None:
    async with front(shared_gateway.url, [503, 429]) as before:
        await check_all_arrived(shared_gateway, client, before.url, tmp_path, "overload")

        assert before.refused == [503, 429]
