"""The gateway knows which instances live, whatever becomes of relay, disk or itself."""

from __future__ import annotations

import asyncio
import json
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gateway.event import CleanText, StoredEvent
from gateway.extensions.appsmith.ledger import MOST_INSTANCES, Ledger
from gateway.extensions.appsmith.views import instances
from tests.cli.test_commands import gateway as command
from tests.destinations.events import Journal
from tests.extensions.appsmith.instances import (
    INSTANCE,
    PING,
    get_json,
    kept,
    metrics,
    named,
    settings,
)
from tests.fakes.cloud_services import CloudServices
from tests.fakes.vendor import resets
from tests.wire.running import WRITE_KEY, Gateway, running

SETUP: dict[str, Any] = {
    "type": "track",
    "event": "Installation Setup Complete",
    "userId": INSTANCE,
    "writeKey": WRITE_KEY,
    "properties": {"id": INSTANCE, "instanceId": INSTANCE, "version": "v1.62", "edition": "EE"},
}


async def known(session: aiohttp.ClientSession, gateway: Gateway, query: str = "") -> list[Any]:
    found = await get_json(session, f"{gateway.admin_url}/api/instances{query}")
    assert isinstance(found["instances"], list)
    return found["instances"]


async def all_known(session: aiohttp.ClientSession, gateway: Gateway, count: int) -> None:
    """Return once so many instances are known."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + 10
    while len(await known(session, gateway)) < count:
        assert clock() < deadline, gateway.log
        await asyncio.sleep(0.02)


async def wait_for_pings(
    session: aiohttp.ClientSession, gateway: Gateway, count: int
) -> dict[str, Any]:
    clock = asyncio.get_running_loop().time
    deadline = clock() + 10
    while True:
        found = await known(session, gateway)
        if found and found[0]["pings"] >= count:
            instance: dict[str, Any] = found[0]
            return instance
        assert clock() < deadline, gateway.log
        await asyncio.sleep(0.02)


async def test_a_ping_is_the_documented_event(tmp_path: Path, cloud: CloudServices) -> None:
    async with (
        running(tmp_path, **settings(tmp_path, upstream=cloud.url)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{gateway.url}/cs{PING}") as answer:
            said = await answer.json()
            assert said["data"]["nodes"][0]["tagName"] == "v1.62"
        [event] = await kept(gateway, "FETCH_RELEASE_NOTES", 1)
        assert event["type"] == "track"
        assert event["userId"] == INSTANCE
        assert event["properties"] == {
            "id": INSTANCE,
            "instanceId": INSTANCE,
            "originService": "cloud-services",
            "type": "fetch-release-notes",
            "edition": "CE",
            "version": "v1.62",
        }
        assert len(event["messageId"]) == 36
        assert event["timestamp"] == event["receivedAt"]


async def test_a_ping_is_recorded_though_the_upstream_is_down(
    tmp_path: Path, cloud: CloudServices
) -> None:
    async with (
        running(tmp_path, **settings(tmp_path, upstream=cloud.url)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        cloud.script += [resets, resets]
        async with session.get(f"{gateway.url}{PING}") as answer:
            assert answer.status == 502
        await kept(gateway, "FETCH_RELEASE_NOTES", 1)
        found = await metrics(session, gateway)
        no_upstream = 'gateway_requests_refused_total{code="no_upstream",protocol="appsmith"}'
        assert found[no_upstream] == 1


async def test_a_ping_is_relayed_though_it_cannot_be_recorded(
    tmp_path: Path, cloud: CloudServices
) -> None:
    """A limit on the size of files stands in for a full disk."""
    unrecorded = 'gateway_requests_refused_total{code="unrecorded",protocol="appsmith"}'
    async with (
        running(tmp_path, **settings(tmp_path, upstream=cloud.url)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{gateway.url}{PING}") as answer:
            assert answer.status == 200
        await kept(gateway, "FETCH_RELEASE_NOTES", 1)
        assert gateway.process is not None
        size = (gateway.data / "journal" / "journal.db-wal").stat().st_size
        _, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (size, hard))
        for _ in range(1000):
            async with session.get(f"{gateway.url}{PING}") as answer:
                assert answer.status == 200
                assert (await answer.json())["data"]["totalCount"] == 1
            if (await metrics(session, gateway)).get(unrecorded):
                break
        else:
            pytest.fail("the journal took everything")
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


async def test_an_instance_is_remembered_and_becomes_overdue(tmp_path: Path) -> None:
    given = settings(tmp_path, ping_interval="1s")
    async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:
        for version in ("v1.61", "v1.62"):
            ping = PING.replace("v1.62", version)
            async with session.get(f"{gateway.url}{ping}") as answer:
                assert answer.status == 200
        before = await wait_for_pings(session, gateway, 2)
        assert (before["id"], before["version"], before["edition"]) == (INSTANCE, "v1.62", "CE")
        await gateway.kill()
        await gateway.start()
        after = await wait_for_pings(session, gateway, 2)
        assert {**after, "overdue": None} == {**before, "overdue": None}
        clock = asyncio.get_running_loop().time
        deadline = clock() + 10
        while not await known(session, gateway, "?overdue=1"):
            assert clock() < deadline
            await asyncio.sleep(0.05)
        found = await metrics(session, gateway)
        assert found['gateway_instances{state="known"}'] == 1
        assert found['gateway_instances{state="overdue"}'] == 1
        async with session.get(f"{gateway.admin_url}/instances") as answer:
            page = await answer.text()
        assert f"<code>{INSTANCE}</code>" in page
        assert "overdue" in page
        assert "CE v1.62" in page
        done = command("instances", "--config", "gateway.yaml", "--overdue", folder=tmp_path)
        assert done.stdout.decode().startswith(f"{INSTANCE}  overdue  CE v1.62")
        assert b"1 instances, 1 overdue" in done.stdout
        await gateway.stop()
    done = command("instances", "--config", "gateway.yaml", "--json", folder=tmp_path)
    [told] = json.loads(done.stdout)
    assert told == {**after, "overdue": True}


async def test_only_listed_instances_are_recorded(tmp_path: Path, cloud: CloudServices) -> None:
    async with (
        running(tmp_path, **settings(tmp_path, upstream=cloud.url)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        for query in (f"instanceId={INSTANCE[::-1]}", "instanceId=%20", "version=v1.62"):
            async with session.get(f"{gateway.url}/api/v1/releases?{query}") as answer:
                assert answer.status == 200
        async with session.get(f"{gateway.url}{PING}") as answer:
            assert answer.status == 200
        await wait_for_pings(session, gateway, 1)
        found = await metrics(session, gateway)
        assert len(await kept(gateway, "FETCH_RELEASE_NOTES", 1)) == 1
        assert found['gateway_events_rejected_total{reason="unknown_instance"}'] == 1
        unreadable = 'gateway_requests_refused_total{code="unreadable_ping",protocol="appsmith"}'
        assert found[unreadable] == 2
        assert len(cloud.seen) == 4


async def test_a_setup_is_kept_once_however_often_it_arrives(tmp_path: Path) -> None:
    async with (
        running(tmp_path, **settings(tmp_path)) as gateway,
        aiohttp.ClientSession() as session,
    ):

        async def set_up() -> None:
            url = f"{gateway.url}/cs/api/v1/installations"
            async with session.post(url, json={"key": INSTANCE}) as answer:
                assert answer.status == 201
                assert (await answer.json())["data"] is True
            async with session.post(f"{gateway.url}/v1/track", json=SETUP) as answer:
                assert answer.status == 200

        await asyncio.gather(*(set_up() for _ in range(5)))
        await kept(gateway, "Installation Registered", 1)
        await kept(gateway, "Installation Setup Complete", 1)
        await gateway.kill()
        await gateway.start()
        await set_up()
        other = {**SETUP, "properties": {**SETUP["properties"], "instanceId": INSTANCE[::-1]}}
        async with session.post(f"{gateway.url}/v1/track", json=other) as answer:
            assert answer.status == 200
        await kept(gateway, "Installation Setup Complete", 2)
        assert len(named(gateway, "Installation Registered")) == 1
        assert len(named(gateway, "Installation Setup Complete")) == 2
        found = await metrics(session, gateway)
        assert found['gateway_events_rejected_total{reason="repeated"}'] == 10
        await all_known(session, gateway, 2)
        assert sorted(one["edition"] for one in await known(session, gateway)) == ["EE", "EE"]


async def test_what_the_gateway_acknowledges_by_itself_is_durable(tmp_path: Path) -> None:
    """No upstream is there to remember the instance, which registers only once."""
    given = settings(tmp_path)
    given["appsmith"]["instances"] = []
    async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:
        for number in range(40):
            key = {"key": f"{number:024x}"}
            async with session.post(f"{gateway.url}/cs/api/v1/installations", json=key) as answer:
                assert answer.status == 201
        await gateway.kill()
        await gateway.start()
        await kept(gateway, "Installation Registered", 40)
        await all_known(session, gateway, 40)


async def test_a_version_is_a_word(tmp_path: Path) -> None:
    async with (
        running(tmp_path, **settings(tmp_path)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        forged = f"/api/v1/releases?instanceId={INSTANCE}&version=%1b[31mRED%0aFAKE&edition=E%00E"
        async with session.get(URL(f"{gateway.url}{forged}", encoded=True)) as answer:
            assert answer.status == 200
        [event] = await kept(gateway, "FETCH_RELEASE_NOTES", 1)
        assert not {"version", "edition"} & event["properties"].keys()
        odd = {**SETUP["properties"], "version": "\x1b[31mRED\nFAKE", "instanceId": "i2"}
        async with session.post(
            f"{gateway.url}/v1/track", json={**SETUP, "properties": odd}
        ) as answer:
            assert answer.status == 200
        await kept(gateway, "Installation Setup Complete", 1)
        await all_known(session, gateway, 2)
        done = command("instances", "--config", "gateway.yaml", folder=tmp_path)
        assert b"\x1b" not in done.stdout
        assert len(done.stdout.splitlines()) == 3


async def test_a_setup_is_known_however_it_is_told(tmp_path: Path) -> None:
    """By Mixpanel's protocol, and where only the id of user or object tells whose it is."""
    given = settings(tmp_path)
    given["appsmith"]["instances"] = []
    name, key = SETUP["event"], aiohttp.encode_basic_auth(WRITE_KEY, "")
    record = {"distinct_id": INSTANCE, "instanceId": INSTANCE, "time": 1772701964}
    async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:

        async def post(path: str, body: Any, **headers: str) -> None:
            async with session.post(f"{gateway.url}{path}", json=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()

        for number in range(2):
            sent = {"event": name, "properties": {**record, "$insert_id": f"m-{number}"}}
            await post("/import?strict=1", [sent], Authorization=key)
            await post("/v1/track", {**SETUP, "properties": {}})
            await post("/v1/track", {**SETUP, "userId": "x", "properties": {"id": INSTANCE}})
        await kept(gateway, name, 1)
        found = await metrics(session, gateway)
        assert found['gateway_events_rejected_total{reason="repeated"}'] == 5


async def test_a_setup_is_known_of_any_number_of_instances(tmp_path: Path) -> None:
    given = settings(tmp_path)
    given["appsmith"]["instances"] = []
    count = 1500
    async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:
        for start in (0, 0, count):
            batch = [
                {**SETUP, "properties": {"instanceId": f"{start + number:024x}"}}
                for number in range(count)
            ]
            body = {"batch": batch, "writeKey": WRITE_KEY}
            async with session.post(f"{gateway.url}/v1/batch", json=body) as answer:
                assert answer.status == 200
            await gateway.kill()
            await gateway.start()
        found = await metrics(session, gateway)
        assert found['gateway_events_rejected_total{reason="repeated"}'] == count
        assert found["gateway_events_accepted_total"] == 2 * count


async def test_the_gateway_pings_once_an_interval_across_restarts(tmp_path: Path) -> None:
    ping = {"instance_id": INSTANCE, "version": "7", "edition": "CE"}
    given = settings(tmp_path, ping_interval="30d", pings=[ping])
    given["appsmith"]["instances"] = []
    async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:
        await kept(gateway, "FETCH_RELEASE_NOTES", 1)
        for end in (gateway.kill, gateway.stop):
            await end()
            await gateway.start()
        async with session.post(f"{gateway.url}/v1/track", json=SETUP) as answer:
            assert answer.status == 200
        await kept(gateway, "Installation Setup Complete", 1)
        [event] = named(gateway, "FETCH_RELEASE_NOTES")
        assert event["properties"]["instanceId"] == INSTANCE
        await gateway.stop()
        text = (tmp_path / "gateway.yaml").read_text().replace("30d", "1s")
        (tmp_path / "gateway.yaml").write_text(text)
        await gateway.start()
        pings = await kept(gateway, "FETCH_RELEASE_NOTES", 4)
        seconds = [event["timestamp"][:19] for event in pings[1:]]
        assert len(set(seconds)) == len(seconds)


def test_invented_instances_do_not_fill_the_ledger(tmp_path: Path) -> None:
    journal = Journal()
    ledger = Ledger.open(tmp_path)

    def pings(count: int, start: int) -> list[StoredEvent]:
        made = []
        for number in range(start, start + count):
            event = journal.segment(properties={"instanceId": f"i{number}"})
            header = replace(
                event.header, name=CleanText("FETCH_RELEASE_NOTES"), received_at=float(number)
            )
            made.append(replace(event, header=header))
        return made

    ledger.apply(pings(MOST_INSTANCES, 1_795_000_000))
    ledger.apply(pings(5, 1_795_100_000))
    ledger.close()
    left = {one["id"] for one in instances(tmp_path, 1_795_100_004, 7200)}
    assert len(left) == MOST_INSTANCES
    assert {"i1795100004", "i1795000005"} < left
    assert "i1795000004" not in left
