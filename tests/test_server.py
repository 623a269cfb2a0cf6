"""The process reloads all or nothing, says when it cannot accept, and stops without a loss."""

from __future__ import annotations

import asyncio
import itertools
import resource
import signal
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.wire.running import WRITE_KEY, Gateway, running, until


def event(number: int = 0, **more: Any) -> dict[str, Any]:
    """A track call."""
    return {
        "type": "track",
        "event": "Moved",
        "userId": f"user-{number % 7}",
        "messageId": f"m-{number}",
        "writeKey": WRITE_KEY,
        **more,
    }


async def post(
    session: aiohttp.ClientSession, gateway: Gateway, body: Any
) -> tuple[int, Any, dict[str, str]]:
    async with session.post(f"{gateway.url}/v1/track", json=body) as answer:
        return answer.status, await answer.json(), dict(answer.headers)


async def ready(session: aiohttp.ClientSession, gateway: Gateway) -> tuple[int, Any]:
    async with session.get(f"{gateway.admin_url}/readyz") as answer:
        return answer.status, await answer.json()


async def metrics(session: aiohttp.ClientSession, gateway: Gateway) -> dict[str, float]:
    async with session.get(f"{gateway.admin_url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def balance(found: dict[str, float]) -> tuple[float, float, float]:
    """Received, accepted and rejected."""

    def total(name: str) -> float:
        return sum(value for key, value in found.items() if key.startswith(name))

    return (
        total("gateway_events_received_total"),
        total("gateway_events_accepted_total"),
        total("gateway_events_rejected_total"),
    )


async def test_the_equation_is_visible_and_survives_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        batch = {"writeKey": WRITE_KEY, "batch": [event(1), "nothing", event(2, type="odd")]}
        async with session.post(f"{gateway.url}/v1/batch", json=batch) as answer:
            assert answer.status == 200
        await gateway.wait_for(["m-1"])
        before = await metrics(session, gateway)
        assert balance(before) == (3, 1, 2)
        await gateway.stop()
        await gateway.start()
        after = await metrics(session, gateway)
        assert balance(after) == (3, 1, 2)
        assert after['gateway_destination_delivered_total{destination="local"}'] == 1
        assert after['gateway_destination_pending_events{destination="local"}'] == 0


async def test_a_reload_takes_up_a_new_policy(tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text("rules: []\n")
    async with (
        running(tmp_path, policy="mine.yaml") as gateway,
        aiohttp.ClientSession() as session,
    ):
        await post(session, gateway, event(1))
        policy.write_text(
            "rules:\n  - {id: users, match: {path: /userId}, action: drop}\n", encoding="utf-8"
        )
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: '"reloaded"' in gateway.log, 10, lambda: gateway.log)
        await post(session, gateway, event(2))
        found = await gateway.wait_for(["m-1", "m-2"])
        assert found["m-1"][0]["userId"] == "user-1"
        assert "userId" not in found["m-2"][0]


async def test_a_wrong_reload_changes_nothing_and_says_where(tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text("rules:\n  - {id: users, match: {path: /userId}, action: drop}\n")
    async with (
        running(tmp_path, policy="mine.yaml") as gateway,
        aiohttp.ClientSession() as session,
    ):
        policy.write_text("rules:\n  - {id: users, match: {path: /userId}, action: dorp}\n")
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: "did you mean `drop`?" in gateway.log, 10, lambda: gateway.log)
        assert "mine.yaml:2" in gateway.log
        assert (await post(session, gateway, event(1)))[0] == 200
        found = await gateway.wait_for(["m-1"])
        assert "userId" not in found["m-1"][0]


async def test_a_full_disk_is_503_and_heals_by_itself(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk; any user can set and lift it."""
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        assert (await post(session, gateway, event(0)))[0] == 200
        assert gateway.process is not None
        process = gateway.process.pid
        journal = gateway.data / "journal" / "journal.db-wal"
        _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
        size = journal.stat().st_size
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))
        accepted = ["m-0"]
        for number in itertools.count(1):
            large = event(number, properties={"text": "x" * 4000})
            status, said, headers = await post(session, gateway, large)
            if status != 200:
                assert (status, said["success"]) == (503, False)
                assert {"code", "message"} <= said.keys()
                assert int(headers["Retry-After"]) >= 1
                break
            accepted.append(f"m-{number}")
        assert (await ready(session, gateway))[0] == 503
        resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))
        clock = asyncio.get_running_loop().time
        deadline = clock() + 15
        while (await ready(session, gateway))[0] != 200:
            assert clock() < deadline, gateway.log
            await asyncio.sleep(0.05)
        assert (await post(session, gateway, event(1000)))[0] == 200
        found = await gateway.wait_for([*accepted, "m-1000"])
        assert sorted(found) == sorted([*accepted, "m-1000"])
        assert all(len(lines) == 1 for lines in found.values())


async def test_stopping_finishes_what_it_has_begun(tmp_path: Path) -> None:
    """Clients send without a pause; whatever was answered 200 is in the file after SIGTERM."""
    acknowledged: list[str] = []
    async with running(tmp_path) as gateway:

        async def client(first: int) -> None:
            async with aiohttp.ClientSession() as session:
                for number in range(first, first + 100_000):
                    try:
                        status, _, _ = await post(session, gateway, event(number))
                    except aiohttp.ClientError:
                        return
                    if status != 200:
                        assert status == 503
                        return
                    acknowledged.append(f"m-{number}")

        clients = [asyncio.create_task(client(n * 100_000)) for n in range(8)]
        await until(lambda: len(acknowledged) > 200, 20, lambda: gateway.log)
        await gateway.stop()
        await asyncio.gather(*clients)
        stored = {line["messageId"] for line in gateway.events()}
        assert set(acknowledged) <= stored
        assert gateway.has_whole_lines_only()


async def test_the_admin_token_guards_all_but_health(tmp_path: Path) -> None:
    token = "correct-horse-battery"
    admin = {"listen": "127.0.0.1:0", "token": token}
    async with running(tmp_path) as probe:
        admin["listen"] = f"127.0.0.1:{probe.admin_port}"
        await probe.stop()
        settings = yaml.safe_load((tmp_path / "gateway.yaml").read_text())
        settings["admin"] = admin
        (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(settings))
        await probe.start()
        async with aiohttp.ClientSession() as session:
            for path, headers, expected in (
                ("/healthz", {}, 200),
                ("/readyz", {}, 200),
                ("/metrics", {}, 401),
                ("/metrics", {"Authorization": f"Bearer {token}"}, 200),
                ("/metrics", {"Authorization": "Bearer wrong-horse-battery"}, 401),
                ("/api/status", {"Authorization": f"Bearer {token}"}, 200),
            ):
                url = f"{probe.admin_url}{path}"
                async with session.get(url, headers=headers) as answer:
                    assert answer.status == expected, path
