"""The switch on the page does what it says while everybody goes on sending."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sized
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.browser.chromium import NEEDS, Browser, Sdk
from tests.browser.person import Person, at_the_admin_pages
from tests.extensions.appsmith.instances import TENANT, settings
from tests.wire.clients import NODE_3
from tests.wire.running import WRITE_KEY, Gateway, counted, running, until
from tests.wire.script import logical

STANDARD = Sdk("npm", "1.84.3")
PING = "FETCH_RELEASE_NOTES"
INSTANCE = "65a1b2c3d4e5f60718293a4b"

pytestmark = [pytest.mark.needs(what, command) for what, command in NEEDS.items()]


@pytest.fixture
async def person() -> AsyncGenerator[Person]:
    async with at_the_admin_pages() as person:
        yield person


async def telemetry(gateway: Gateway) -> dict[str, Any]:
    url = f"{gateway.admin_url}/api/telemetry"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        found: dict[str, Any] = await answer.json()
        return found


@contextlib.asynccontextmanager
async def sending(*sends: Callable[[int], Awaitable[None]]) -> AsyncGenerator[None]:
    """Each sends one after the other for as long as the context lasts, and finishes its last."""
    is_over = False

    async def go_on(send: Callable[[int], Awaitable[None]]) -> None:
        number = 0
        while not is_over:
            await send(number)
            number += 1

    async with asyncio.TaskGroup() as group:
        for send in sends:
            group.create_task(go_on(send))
        yield
        is_over = True


async def switch(person: Person, *, on: bool) -> None:
    """On the page, where the new state then shows."""
    await person(set={"optional": on})
    shown = await person(press="Save & Restart")
    assert shown["switches"]["optional"] == {"on": on, "locked": False}, shown["text"]
    assert "restarted" in shown["notices"][0]


@pytest.mark.timeout(240)
async def test_nothing_optional_passes_while_off_and_nothing_else_is_lost(
    tmp_path: Path, browser: Browser, person: Person
) -> None:
    """A page, a Node program and two servers send on through two times Save & Restart."""
    essential: list[str] = []
    pulses: list[int] = []
    clicks: list[str] = []
    given = settings(tmp_path, paying=True)
    async with (
        running(tmp_path, analytics_js=STANDARD.scripts, **given) as gateway,
        aiohttp.ClientSession() as session,
    ):

        async def ping(number: int) -> None:
            body = {"event": PING, "userId": INSTANCE, "messageId": f"ping-{number}"}
            body["writeKey"] = WRITE_KEY
            async with session.post(
                f"{gateway.url}/v1/track",
                json={**body, "properties": {"instanceId": INSTANCE, "n": number}},
            ) as answer:
                assert answer.status == 200
            essential.append(f"ping-{number}")

        async def pulse(number: int) -> None:
            body = {"viewMode": True, "anonymousUserId": f"visitor-{number}"}
            async with session.post(f"{gateway.url}/api/v1/usage-pulse", json=body) as answer:
                assert answer.status < 300, await answer.text()
            pulses.append(number)

        async def click(number: int) -> None:
            event = logical(f"click-{number}", "track", event="Clicked")
            clicks.extend((await browser.send([event])).values())

        async def each_sent_more(node: Mapping[str, str], count: int = 5) -> None:
            senders: list[Sized] = [essential, pulses, clicks, node]
            goals = [len(sent) + count for sent in senders]
            await until(
                lambda: all(len(s) >= goal for s, goal in zip(senders, goals, strict=True)),
                60,
                lambda: f"{[len(sent) for sent in senders]} of {goals}\n{gateway.log}",
            )

        await browser.open(STANDARD, gateway)
        async with NODE_3.stream(gateway.url) as node, sending(ping, pulse, click):
            await each_sent_more(node.acked)
            await person(goto=f"{gateway.admin_url}/settings/general")
            await switch(person, on=False)
            await each_sent_more(node.acked)
            while_off = (await telemetry(gateway))["classes"]["optional"]
            await switch(person, on=True)
            await each_sent_more(node.acked)

        assert node.failed == {}
        assert while_off["accepted"] == 0
        assert while_off["refused"] >= 10
        off, on = (change["time"] for change in (await telemetry(gateway))["history"])
        await gateway.wait_for(essential)
        stored = gateway.events()
        assert {id_: counted(stored)[id_] for id_ in essential} == dict.fromkeys(essential, 1)
        billed = [event for event in stored if event.get("tenantId") == TENANT]
        assert len(billed) == len(pulses)
        assert set(counted(billed).values()) == {1}
        optional = [event for event in stored if event.get("event") in ("Clicked", "Streamed")]
        assert [event for event in optional if off < event["receivedAt"] < on] == []
        names = {event["event"] for event in optional if event["receivedAt"] > on}
        assert names == {"Clicked", "Streamed"}


@pytest.mark.parametrize(
    "sdk",
    [Sdk("npm", "1.84.3"), Sdk("npm", "1.81.2"), Sdk("snippet", "1.84.3")],
    ids=str,
)
async def test_a_page_opened_while_off_sends_nothing_but_what_still_flows(
    gateway: Gateway, browser: Browser, sdk: Sdk
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{gateway.admin_url}/api/telemetry", json={"class": "optional", "enabled": False}
        ) as answer,
    ):
        assert answer.status == 200

    await browser.open(sdk, gateway)
    quiet = [
        logical("a click", "track", event="Clicked"),
        logical("a view", "page", name="Camping"),
        logical("a person", "identify", {"plan": "pro"}),
    ]
    kept = logical("a ping", "track", {"instanceId": INSTANCE}, event=PING)
    sent = await browser.send([*quiet, kept])

    assert sent.keys() == {event.label for event in [*quiet, kept]}  # the page goes on
    await gateway.wait_for([sent["a ping"]])
    classes = (await telemetry(gateway))["classes"]
    assert classes["optional"]["refused"] == 0
    assert classes["essential"]["accepted"] == 1
    assert await browser.close() == []
    assert counted(gateway.events()) == {sent["a ping"]: 1}


async def test_the_page_is_whole_without_scripts_and_asks_nobody_else(
    tmp_path: Path, person: Person
) -> None:
    token = "correct-horse-battery"
    async with running(tmp_path) as gateway:
        await gateway.stop()
        file = tmp_path / "gateway.yaml"
        listen = f"listen: 127.0.0.1:{gateway.admin_port}"
        file.write_text(file.read_text().replace(listen, f"{listen}\n  token: {token}"))
        await gateway.start()

        shown = await person(goto=f"{gateway.admin_url}/settings/general")
        assert shown["title"] == "Sign in"
        shown = await person(fill="wrong-horse-battery", into="token")
        shown = await person(press="Sign in")
        assert shown["notices"] == ["This is not the token."]
        await person(fill=token, into="token")
        shown = await person(press="Sign in")
        assert shown["url"] == f"{gateway.admin_url}/settings/general"
        assert all(url.startswith(gateway.admin_url) for url in shown["asked"])
        await person(set={"billing": False})
        shown = await person(press="Save & Restart")
        assert shown["title"] == "General"  # still signed in
        assert shown["switches"]["billing"]["on"] is False
        assert "Billing events turned off" in shown["text"]
        assert "admin page, with the token" in shown["text"]
        shown = await person(press="Sign out")
        assert shown["title"] == "Sign in"
        shown = await person(goto=f"{gateway.admin_url}/")
        assert shown["title"] == "Sign in"
