"""A retry is one event: one id of one source counts once, if its first copy was kept."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway.event import Reason
from tests.fakes import vendor
from tests.fakes.mixpanel import FakeMixpanel
from tests.wire.running import WRITE_KEY, Gateway, counted, running, until

OTHER_KEY = "another-write-key-0123456789abcd"


def signed(key: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(key, "")}


async def post(gateway: Gateway, path: str, body: Any, key: str = WRITE_KEY) -> int:
    async with (
        aiohttp.ClientSession(headers=signed(key)) as session,
        session.post(f"{gateway.url}{path}", json=body) as answer,
    ):
        return answer.status


def track(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Ordered", "userId": "u", "messageId": name, **more}


def reached(names: list[str], count: int) -> bool:
    return len(names) >= count


async def counts(gateway: Gateway) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.admin_url}/api/status") as answer,
    ):
        found: dict[str, Any] = await answer.json()
    return found


async def test_a_copy_is_dropped_wherever_it_stands(tmp_path: Path) -> None:
    """In its batch, beside it, behind it, behind a restart, behind kill -9."""
    async with running(tmp_path) as gateway:
        assert await post(gateway, "/v1/batch", {"batch": [track("a"), track("b"), track("a")]})
        statuses = await asyncio.gather(
            *(post(gateway, "/v1/track", track("c")) for _ in range(20)),
            *(post(gateway, "/v1/batch", {"batch": [track("c"), track("d")]}) for _ in range(20)),
            *(post(gateway, "/v1/batch", {"batch": [track("d"), track("c")]}) for _ in range(20)),
        )
        assert set(statuses) == {200}
        await gateway.stop()
        await gateway.start()
        await post(gateway, "/v1/batch", {"batch": [track("a"), track("e")]})
        await gateway.kill()
        await gateway.start()
        await post(gateway, "/v1/batch", {"batch": [track("c"), track("e"), track("f")]})
        await gateway.wait_for(["a", "b", "c", "d", "e", "f"])

        assert counted(gateway.events()) == dict.fromkeys("abcdef", 1)
        found = await counts(gateway)
        assert found["accepted"] == 6
        assert found["rejected"] == {"repeated": 1 + 98 + 1 + 2}
        assert sum(found["received"].values()) == 6 + found["rejected"]["repeated"]


async def test_sources_and_events_without_an_id_have_nothing_in_common(tmp_path: Path) -> None:
    sources = [
        {"name": "shop", "write_keys": [WRITE_KEY]},
        {"name": "blog", "write_keys": [OTHER_KEY]},
    ]
    async with running(tmp_path, sources=sources) as gateway:
        await post(gateway, "/v1/track", track("a"))
        await post(gateway, "/v1/track", track("a"), OTHER_KEY)
        for _ in range(2):
            await post(gateway, "/v1/track", {"event": "Ordered", "userId": "u"})
        await until(lambda: len(gateway.events()) == 4, 10, lambda: gateway.log)


async def test_mixpanel_events_are_one_where_mixpanel_would_count_one(tmp_path: Path) -> None:
    def opened(**more: Any) -> dict[str, Any]:
        properties = {"token": WRITE_KEY, "distinct_id": "u", "$insert_id": "i", **more}
        return {"event": "Opened", "properties": properties}

    async with running(tmp_path) as gateway:
        for event in (
            opened(),
            opened(time=1_764_000_000),
            opened(distinct_id="v"),
            opened(**{"$insert_id": "j"}),
            {**opened(), "event": "Closed"},
        ):
            for _ in range(3):
                assert await post(gateway, "/import", [event]) == 200
        exact = opened(time=1_764_000_000.123)
        del exact["properties"]["$insert_id"]
        for _ in range(2):
            assert await post(gateway, "/track", [exact]) == 200
        await gateway.stop()
        await gateway.start()
        assert await post(gateway, "/track", [exact]) == 200
        await until(lambda: len(gateway.events()) >= 5, 10, lambda: gateway.log)
        found = await counts(gateway)
        assert found["accepted"] == 5
        assert found["rejected"] == {"repeated": 13}


async def test_an_increment_is_sent_once(tmp_path: Path) -> None:
    async with vendor.running(FakeMixpanel()) as mixpanel:
        routing = {
            "destinations": {
                "mixpanel": {
                    "type": "mixpanel", "token": mixpanel.token, "host": mixpanel.url,
                    "increments": True,
                },
                "local": {"type": "file", "path": "events"},
            },
            "routes": [{"name": "all", "to": ["mixpanel", "local"]}],
        }  # fmt: skip
        (tmp_path / "routing.yaml").write_text(yaml.safe_dump(routing))
        async with running(tmp_path, routing="routing.yaml") as gateway:
            for _ in range(3):
                await post(gateway, "/v1/track", track("a", properties={"revenue": 5}))
            await post(gateway, "/v1/track", track("last"))
            await until(
                lambda: any("last" in json.dumps(e) for e in mixpanel.events),
                15,
                lambda: gateway.log,
            )
        assert len(mixpanel.events) == 2


async def test_a_copy_is_taken_whose_first_was_not_kept(tmp_path: Path) -> None:
    """It was refused by the switch; the id of what is not kept is not remembered."""
    async with running(tmp_path, telemetry={"enabled": False}) as gateway:
        assert await post(gateway, "/v1/track", track("a")) == 200
        assert (await counts(gateway))["rejected"] == {"telemetry_off": 1}
        await gateway.stop()
        text = (tmp_path / "gateway.yaml").read_text()
        (tmp_path / "gateway.yaml").write_text(text.replace("enabled: false", "enabled: true"))
        await gateway.start()
        assert await post(gateway, "/v1/track", track("a")) == 200
        await gateway.wait_for(["a"])


@pytest.mark.parametrize("window", [0, "1s"])
async def test_the_window_ends(tmp_path: Path, window: Any) -> None:
    async with running(tmp_path, dedup={"window": window}) as gateway:
        copies = 0
        async with asyncio.timeout(30):
            while len(gateway.events()) < 2:
                assert await post(gateway, "/v1/track", track("a")) == 200
                copies += 1
                await asyncio.sleep(0.05)
        assert copies >= 2


async def test_retries_through_kills_leave_one_copy_each(tmp_path: Path) -> None:
    """A client sends again until it hears 200; the gateway is killed at any instant."""
    chance = random.Random(20261125)
    async with running(tmp_path) as gateway:
        acknowledged: list[str] = []

        async def send(user: int) -> None:
            async with aiohttp.ClientSession(headers=signed(WRITE_KEY)) as session:
                for number in range(25):
                    names = [f"{user}-{number}-{place}" for place in range(3)]
                    batch = {"batch": [track(name) for name in names]}
                    while True:
                        try:
                            async with session.post(
                                f"{gateway.url}/v1/batch",
                                json=batch,
                                timeout=aiohttp.ClientTimeout(5),
                            ) as answer:
                                if answer.status == 200 and chance.random() < 0.8:
                                    break  # else its answer is lost
                        except (aiohttp.ClientError, TimeoutError):
                            await asyncio.sleep(0.02)
                    acknowledged.extend(names)

        async def trouble() -> None:
            for _ in range(4):
                seen = len(acknowledged)
                aim = min(seen + chance.randrange(20, 60), 580)
                await until(partial(reached, acknowledged, aim), 60, lambda: gateway.log)
                await gateway.kill()
                await gateway.start()

        async with asyncio.TaskGroup() as tasks:
            for user in range(8):
                tasks.create_task(send(user))
            tasks.create_task(trouble())
        await gateway.wait_for(acknowledged)
        assert counted(gateway.events()) == Counter(acknowledged)
        assert max(Counter(acknowledged).values()) == 1
        assert (await counts(gateway))["rejected"][Reason.REPEATED] > 0
