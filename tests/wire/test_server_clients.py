"""What an SDK was given is in the file destination, and nothing personal is anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.clients import JAVA, PYTHON, QUICK_TO_RETRY, Client, Told, each
from tests.wire.front import front
from tests.wire.running import Gateway, counted
from tests.wire.script import PLANTED, Logical, check_arrived, script

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """Each test counts the events of its own client."""
    shared_gateway.forget()
    return shared_gateway


async def check_all_arrived(
    gateway: Gateway, client: Client, events: list[Logical], told: Told
) -> None:
    assert told.failed == {}
    assert told.acked.keys() == {event.label for event in events}

    stored = await gateway.wait_for(told.acked.values())

    assert counted(gateway.events()) == dict.fromkeys(told.acked.values(), 1)
    for event in events:
        (message,) = stored[told.acked[event.label]]
        check_arrived(event, message, nulls=client.sends_nulls)
        assert message["context"]["library"] == client.library


@pytest.mark.parametrize("client", each(*QUICK_TO_RETRY, *JAVA))
async def test_every_event_arrives_as_meant_and_nothing_personal_is_kept(
    gateway: Gateway, client: Client, tmp_path: Path
) -> None:
    events = script(client.name)

    told = await client.send(gateway.url, events, tmp_path)

    await check_all_arrived(gateway, client, events, told)
    for secret in PLANTED:
        assert gateway.files_with(secret) == []


async def test_gzipped_bodies_arrive_too(gateway: Gateway, tmp_path: Path) -> None:
    events = script("gzip")

    told = await PYTHON.send(gateway.url, events, tmp_path, gzip=True)

    await check_all_arrived(gateway, PYTHON, events, told)


@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize("client", each(*QUICK_TO_RETRY))
async def test_an_overload_passes_and_every_event_has_arrived_once(
    gateway: Gateway, client: Client, status: int, tmp_path: Path
) -> None:
    events = script(f"{client.name}-{status}")

    async with front(gateway.url, [status, status]) as before:
        told = await client.send(before.url, events, tmp_path)

        assert before.refused == [status, status]
    await check_all_arrived(gateway, client, events, told)
