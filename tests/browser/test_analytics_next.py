"""What a page gave analytics.js is in the file destination, and nothing personal is anywhere."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.browser.chromium import NEEDS, Browser, Sdk
from tests.wire.front import front, self_made_certificate
from tests.wire.running import WRITE_KEY, Gateway, counted, running
from tests.wire.script import PLANTED, PLANTED_EMAIL, Logical, check_arrived, script

QUERY = f"?utm_source=letter&utm_campaign=spring&contact={quote(PLANTED_EMAIL)}"
QUICK = {"size": 4, "timeout": 200}
PATIENT = {"size": 50, "timeout": 600_000}

pytestmark = [
    *(pytest.mark.needs(what, command) for what, command in NEEDS.items()),
    pytest.mark.needs("openssl", "apt-get install openssl"),
]


def each(*hows: str, batches: Sequence[dict[str, int] | None]) -> pytest.MarkDecorator:
    sdks = [
        Sdk(how, release, batch)
        for how in hows
        for release in ("1.84.3", "1.81.2")
        for batch in batches
    ]
    return pytest.mark.parametrize("sdk", sdks, ids=str)


@contextlib.asynccontextmanager
async def api(
    gateway: Gateway, sdk: Sdk, folder: Path, refusals: Sequence[int] = ()
) -> AsyncGenerator[str | None]:
    """Where events go, when not straight to the gateway."""
    if not sdk.needs_tls and not refusals:
        yield None
        return
    tls = self_made_certificate(folder) if sdk.needs_tls else None
    async with front(gateway.url, refusals, tls) as before:
        yield before.url
        assert before.refused == list(refusals)


async def check_all_arrived(
    gateway: Gateway, sdk: Sdk, events: Sequence[Logical], sent: dict[str, str]
) -> None:
    assert sent.keys() == {event.label for event in events}
    stored = await gateway.wait_for(sent.values())
    for event in events:
        message = stored[sent[event.label]][0]
        check_arrived(event, message)
        assert message["context"]["library"] == sdk.library


@each("npm", "snippet", batches=[None, QUICK])
async def test_every_event_arrives_as_meant_and_nothing_personal_is_kept(
    gateway: Gateway, browser: Browser, sdk: Sdk, tmp_path: Path
) -> None:
    events = script(f"{sdk}")

    async with api(gateway, sdk, tmp_path) as host:
        await browser.open(sdk, gateway, api=host, query=QUERY)
        sent = await browser.send(events)
        await check_all_arrived(gateway, sdk, events, sent)

    before_the_script = [f"{WRITE_KEY}-before-the-script"] if sdk.how == "snippet" else []
    once = dict.fromkeys([*sent.values(), *before_the_script], 1)
    assert counted(gateway.events()) == once
    assert await browser.close() == []
    await gateway.stop()
    for secret in PLANTED:
        assert gateway.files_with(secret) == []


@each("npm", batches=[PATIENT])
async def test_what_waits_for_its_batch_is_sent_when_the_page_goes(
    gateway: Gateway, browser: Browser, sdk: Sdk, tmp_path: Path
) -> None:
    events = script("gone")

    async with api(gateway, sdk, tmp_path) as host:
        await browser.open(sdk, gateway, api=host)
        sent = await browser.send(events)
        assert gateway.events() == []
        await browser.leave()

        await check_all_arrived(gateway, sdk, events, sent)


@pytest.mark.parametrize("status", [503, 429])
@each("npm", batches=[None, QUICK])
async def test_an_overload_passes_and_every_event_has_arrived_once(
    gateway: Gateway, browser: Browser, sdk: Sdk, status: int, tmp_path: Path
) -> None:
    events = script("overload")

    async with api(gateway, sdk, tmp_path, [status] * 2) as host:
        await browser.open(sdk, gateway, api=host)
        sent = await browser.send(events)
        await check_all_arrived(gateway, sdk, events, sent)

    assert counted(gateway.events()) == dict.fromkeys(sent.values(), 1)


@each("npm", batches=[None])
async def test_a_page_that_sends_faster_than_it_may_loses_nothing(
    browser: Browser, sdk: Sdk, tmp_path: Path
) -> None:
    events = script("rate")
    limits = {"events_per_second": 4}

    async with running(tmp_path, limits=limits) as gateway, front(gateway.url) as before:
        await browser.open(sdk, gateway, api=before.url)
        sent = await browser.send(events)
        await check_all_arrived(gateway, sdk, events, sent)

        assert before.statuses[429]
        assert counted(gateway.events()) == dict.fromkeys(sent.values(), 1)


@each("npm", batches=[None])
async def test_what_an_outage_kept_in_the_browser_is_sent_by_the_next_page(
    gateway: Gateway, browser: Browser, sdk: Sdk
) -> None:
    events = script("outage")
    await browser.open(sdk, gateway)
    await gateway.stop()

    sent = await browser.send(events)
    await browser.leave()
    await gateway.start()
    assert gateway.events() == []
    await browser.open(sdk, gateway)

    await check_all_arrived(gateway, sdk, events, sent)
