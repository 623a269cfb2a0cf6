"""No byte of what is personal is found behind the door: not in a file, a log, an answer or a page.

Secrets of every kind are planted at random places of random events of every type and both
protocols, and sent through the running gateway, also in requests that it refuses. Then every file
under its folder is searched: events, audit, quarantine, journal with its write-ahead log, and logs.
"""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.wire.running import POLL, ROOT, WRITE_KEY, running, until

SECRETS = (
    "zoe.qvist@example.com",
    "203.0.113.77",
    "2001:db8:85a3::8a2e:370:7334",
    "4111 1111 1111 1111",
    "5555555555554444",
    "DE89 3704 0044 0532 0130 00",
    "+49 30 1234567",
    "(415) 555-2671",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzeW50aGV0aWMifQ.c3ludGhldGlj",
    "sk_live_4eC39HqLyjWDarjtT1",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "078-05-1120",
)
TYPES = ("track", "page", "screen", "identify", "group", "alias")
EVENTS = 600


def planted(random_: random.Random, secret: str) -> Any:
    """The secret, somewhere a client might put it."""
    text = f"see {secret} please"
    forms: tuple[Any, ...] = (
        secret,
        text,
        {"deep": [{"deeper": text}]},
        {secret: 1},
        [[secret], None],
        json.dumps({"a": {"b": text}}),
        json.dumps({"a": json.dumps([secret])}),
        f"https://shop.example/p?x=1&q={secret}#f",
    )
    return random_.choice(forms)


def segment_event(random_: random.Random, number: int, secret: str) -> dict[str, Any]:
    """A message of any type with the secret in any of its parts."""
    kind = random_.choice(TYPES)
    event: dict[str, Any] = {
        "type": kind,
        "messageId": f"leak-{number}",
        "userId": f"user-{number}",
        "context": {"page": {"path": "/p"}, "library": {"name": "analytics.js"}},
        "properties": {"plan": "pro"},
        "traits": {"plan": "pro"},
        "timestamp": "2026-11-23T07:51:04.317Z",
    }
    if kind == "track":
        event["event"] = "Order Completed"
    where = random_.choice(("properties", "traits", "context", "top", "event", "id", "time"))
    value = planted(random_, secret)
    match where:
        case "top":
            event[f"extra{number % 3}"] = value
        case "event":
            event["event"] = event["name"] = f"Invited {secret}"
        case "id":
            event["userId"] = event["messageId"] = secret
        case "time":
            event["timestamp"] = f"{secret} 2021"
        case _:
            event[where][random_.choice(("note", "x", "payload"))] = value
    return event


def mixpanel_event(random_: random.Random, number: int, secret: str) -> dict[str, Any]:
    properties = {"token": WRITE_KEY, "distinct_id": f"user-{number}", "time": 1795420264}
    properties[random_.choice(("note", "$current_url", "distinct_id"))] = planted(random_, secret)
    return {"event": random_.choice(("Viewed", f"Saw {secret}")), "properties": properties}


@pytest.mark.parametrize(
    "schemas",
    [{}, {"unplanned_events": "quarantine"}, {"unplanned_events": "block"}],
    ids=["allow", "quarantine", "block"],
)
async def test_no_secret_is_found_behind_the_door(tmp_path: Path, schemas: dict[str, str]) -> None:
    random_ = random.Random(20261123)
    said: list[bytes] = []
    async with (
        running(tmp_path, schemas={"path": str(ROOT / "schemas"), **schemas}) as gateway,
        aiohttp.ClientSession() as session,
    ):

        async def post(path: str, body: Any, **headers: str) -> int:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            async with session.post(f"{gateway.url}{path}", data=data, headers=headers) as answer:
                said.append(await answer.read())
                said.append(str(answer.headers).encode())
                return answer.status

        for start in range(0, EVENTS, 50):
            batch = [
                segment_event(random_, n, random_.choice(SECRETS)) for n in range(start, start + 50)
            ]
            assert await post("/v1/batch", {"batch": batch, "writeKey": WRITE_KEY}) == 200
            events = [mixpanel_event(random_, n, random_.choice(SECRETS)) for n in range(20)]
            assert await post("/track", events) == 200
        for secret in SECRETS:
            quoted = secret.encode()
            assert await post("/v1/track", b'{"broken": "' + quoted) == 400
            assert await post("/v1/batch", {"batch": [secret], "writeKey": WRITE_KEY}) == 200
            assert await post("/v1/track", {"event": secret, "writeKey": secret}) == 400
            assert await post(f"/v1/{secret.replace('/', '')}", b"{}") == 400
            await post("/track", b"data=" + quoted)
            await post("/v1/t", {"event": "E", "writeKey": WRITE_KEY}, Referer=secret)
        for page in ("/", "/metrics", "/api/status"):
            async with session.get(f"{gateway.admin_url}{page}") as answer:
                assert answer.status == 200
                said.append(await answer.read())

        async def pending() -> int:
            async with session.get(f"{gateway.admin_url}/api/status") as answer:
                status = await answer.json()
            return sum(destination["pending"] for destination in status["destinations"])

        async with asyncio.timeout(20):
            while await pending():  # noqa: ASYNC110 (it waits for another process)
                await asyncio.sleep(POLL)
        before = gateway.files_with("leak-1")
        await gateway.stop()
        await until(lambda: '"stopped"' in gateway.log, 5, lambda: gateway.log)

    if schemas.get("unplanned_events") != "block":
        assert before, "nothing was stored at all"
    leaks = {secret: gateway.files_with(secret) for secret in SECRETS}
    assert {secret: files for secret, files in leaks.items() if files} == {}
    echoes = [secret for secret in SECRETS if any(secret.encode() in part for part in said)]
    assert echoes == []
