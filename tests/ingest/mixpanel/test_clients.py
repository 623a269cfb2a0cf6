"""Mixpanel's own client for Python is content with every answer, and hears what it must hear.

It reads `status` and `error` of each answer and raises where it cannot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mixpanel import BufferedConsumer, Consumer, Mixpanel, MixpanelException

from gateway.config.model import Limits, Source
from gateway.config.values import Bytes
from gateway.errors import JournalError
from tests.clean import inside
from tests.ingest.backend import RecordingDoor, serving

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


@pytest.fixture
def door() -> RecordingDoor:
    return RecordingDoor(Source(name="shop", write_keys=(TOKEN,)), protocol="mixpanel")


@pytest.fixture
async def urls(door: RecordingDoor) -> AsyncIterator[dict[str, str]]:
    async with serving(door) as url:
        yield {
            "events_url": f"{url}/track",
            "people_url": f"{url}/engage",
            "groups_url": f"{url}/groups",
            "import_url": f"{url}/import",
        }


def _speak(consumer: Any, token: str = TOKEN) -> None:
    client = Mixpanel(token, consumer)
    client.track("ann", "Sent", {"text": "żółć 🚀 + & %", "nothing": None})
    client.track("ann", "Counted", {"nan": float("nan")}, {"$mp_metadata": {"a": 1}})
    client.import_data("key", "ann", "Long ago", 1_600_000_000, api_secret=token)
    client.merge("key", "ann", "bob", api_secret=token)
    client.people_set("ann", {"plan": "pro"})
    client.people_increment("ann", {"visits": 1})
    client.people_track_charge("ann", 12.5)
    client.people_delete("bob")
    client.group_set("company", "Acme", {"size": 5})
    client.group_remove("company", "Acme", {"tags": "a"})


WANTED = {
    "event": ["Sent", "Counted", "Long ago", "$merge"],
    "people": ["$set", "$add", "$append", "$delete"],
    "groups": ["$set", "$remove"],
}


async def test_sent_one_by_one(door: RecordingDoor, urls: dict[str, str]) -> None:
    await asyncio.to_thread(_speak, Consumer(**urls))
    _check(door)


async def test_sent_in_batches(door: RecordingDoor, urls: dict[str, str]) -> None:
    consumer = BufferedConsumer(**urls)
    await asyncio.to_thread(_speak, consumer)
    await asyncio.to_thread(consumer.flush)
    _check(door)


def _check(door: RecordingDoor) -> None:
    assert not door.refusals
    assert not door.codes
    names: dict[str, list[str]] = {"event": [], "people": [], "groups": []}
    for event in door.events:
        operations = set(event.message) & {"$set", "$add", "$append", "$delete", "$remove"}
        names[event.type].append(event.name or operations.pop())
    assert {kind: sorted(of) for kind, of in names.items()} == {
        kind: sorted(of) for kind, of in WANTED.items()
    }
    sent = next(event for event in door.events if event.name == "Sent")
    assert inside(sent.message)["properties"]["text"] == "żółć 🚀 + & %"
    assert "nothing" in inside(sent.message)["properties"]


async def test_a_token_that_no_source_has_stops_no_program(
    door: RecordingDoor, urls: dict[str, str]
) -> None:
    """As at Mixpanel; were it told, a BufferedConsumer would send its batch again for ever."""
    consumer = BufferedConsumer(**urls)
    client = Mixpanel("nobody", consumer)
    client.track("ann", "Sent")
    client.people_set("ann", {})
    await asyncio.to_thread(consumer.flush)
    assert [str(refusal.reason) for refusal in door.refusals] == ["unknown_write_key"] * 2


async def test_an_importer_hears_that_its_token_is_unknown(urls: dict[str, str]) -> None:
    client = Mixpanel("nobody", Consumer(**urls))
    with pytest.raises(MixpanelException, match="Invalid credentials"):
        await asyncio.to_thread(
            client.import_data, "key", "ann", "Sent", 1_600_000_000, api_secret="nobody"
        )


@pytest.mark.parametrize("code", ["unavailable", "overloaded", "payload_too_large"])
async def test_what_goes_wrong_is_raised_as_mixpanel_raises_it(
    door: RecordingDoor, urls: dict[str, str], code: str
) -> None:
    """Not as KeyError or TypeError, which an answer of another shape becomes in this client."""
    match code:
        case "unavailable":
            door.fails = JournalError("full")
        case "overloaded":
            door.limits = Limits(requests_in_flight=1)
            door.admission.begin("127.0.0.1", door.limits)
        case _:
            door.limits = Limits(body_bytes=Bytes(100))
    client = Mixpanel(TOKEN, Consumer(**urls))
    with pytest.raises(MixpanelException, match="Mixpanel error: ") as raised:
        await asyncio.to_thread(client.track, "ann", "Sent")
    assert "'" not in str(raised.value)
    assert door.codes == [code]
