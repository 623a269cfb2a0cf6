"""Browser SDKs that speak Segment's wire, or nearly: what a page gave them is what arrives."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio

from tests.browser.chromium import NEEDS, chromium
from tests.wire.front import front
from tests.wire.running import WRITE_KEY, Gateway, counted, running, until
from tests.wire.script import PLANTED, Logical, Message, check_arrived, script

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *(pytest.mark.needs(what, command) for what, command in NEEDS.items()),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Gateway]:
    async with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.mark.parametrize("how", [{}, {"useBeacon": True}, {"sendAdblockPage": True}], ids=str)
async def test_rudderstacks_sdk_needs_no_other_host(gateway: Gateway, how: dict[str, Any]) -> None:
    """It has no call for a screen, and mixes an app's `context.app` with its own."""
    gateway.forget()
    events = [event for event in script("rudder") if event.label not in ("screen", "in context")]

    async with chromium() as browser, front(gateway.url) as before:
        await browser.start("rudder", url=before.url, writeKey=WRITE_KEY, options=how)
        sent = await browser.call(*(event.request for event in events))
        if "useBeacon" in how:
            await browser.leave()  # it sends when the page is left, or ten have come together
        stored = await gateway.wait_for(sent.values())
        assert await browser.close() == []

        assert before.statuses.keys() == {200}
        assert ("/beacon/v1/batch" in before.paths) == ("useBeacon" in how)
        assert before.paths["/sourceConfig/"] >= 1
    assert counted(gateway.events()) == dict.fromkeys(sent.values(), 1)
    _check_rudder(events, sent, stored)
    for secret in PLANTED:
        assert gateway.files_with(secret) == []


async def test_rudderstacks_sdk_sends_every_event_once_an_overload_is_over(
    gateway: Gateway,
) -> None:
    gateway.forget()
    events = [event for event in script("again") if event.label not in ("screen", "in context")]

    async with chromium() as browser, front(gateway.url, [503, 429]) as before:
        await browser.start("rudder", url=before.url, writeKey=WRITE_KEY, options={})
        sent = await browser.call(*(event.request for event in events))
        stored = await gateway.wait_for(sent.values())
        assert await browser.close() == []

        assert before.refused == [503, 429]
    assert counted(gateway.events()) == dict.fromkeys(sent.values(), 1)
    _check_rudder(events, sent, stored)


def _check_rudder(
    events: Sequence[Logical], sent: Mapping[str, str], stored: Mapping[str, list[Message]]
) -> None:
    for event in events:
        (message,) = stored[sent[event.label]]
        if event.type == "identify":  # it has the traits in the context
            message.setdefault("traits", message["context"]["traits"])
        check_arrived(event, message, nulls=False)
        assert message["context"]["library"]["name"] == "RudderLabs JavaScript SDK"


async def test_jitsus_sdk_sends_every_event_where_it_always_does(gateway: Gateway) -> None:
    """Its paths and its way to say the write key are its own."""
    gateway.forget()
    labels = {"identify", "track", "awkward", "long", "page", "group"}
    events = [event for event in script("jitsu") if event.label in labels]

    async with chromium() as browser, front(gateway.url) as before:
        await browser.start("jitsu", url=before.url, writeKey=f"{WRITE_KEY}:secret")
        await browser.call(*(event.request for event in events))
        await until(lambda: len(gateway.events()) >= len(events), 15, lambda: f"{gateway.events()}")
        assert await browser.close() == []

        assert before.statuses.keys() == {200}
        assert all(path.startswith("/api/s/") for path in before.paths)
    stored = {message.get("event") or message["type"]: message for message in gateway.events()}
    assert len(stored) == len(events)
    for event in events:
        message = stored[event.message.get("event") or event.type]
        if event.type == "page":
            message["name"] = message["properties"]["name"]
        check_arrived(event, message)
        assert message["context"]["library"]["name"] == "@jitsu/js"
    for secret in PLANTED:
        assert gateway.files_with(secret) == []
