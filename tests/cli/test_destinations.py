"""How each destination is doing is told in words; on a person's word it is tried at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.cli.test_dead_letters import listed, refusing, settled
from tests.extensions.appsmith.instances import metrics
from tests.fakes import vendor
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import answers
from tests.telemetry.conftest import Answer, gateway_command
from tests.wire.running import COMMAND, WRITE_KEY, Gateway, held_ports, running, until

CONFIG = ("--config", "gateway.yaml")


async def command(gateway: Gateway, *arguments: str) -> Answer:
    return await gateway_command(gateway.folder, "destinations", *arguments, *CONFIG)


async def one(gateway: Gateway, name: str = "segment") -> dict[str, Any]:
    found = (await command(gateway, "--json")).json
    (only,) = (each for each in found["destinations"] if each["name"] == name)
    return dict(only)


def routed(folder: Path, host: str) -> str:
    destinations = {
        "segment": {"type": "segment", "write_key": "segment-write-key", "host": host},
        "local": {"type": "file", "path": "events"},
    }
    routes = [{"name": "all", "to": [*destinations]}]
    file = folder / "routing.yaml"
    file.write_text(yaml.safe_dump({"destinations": destinations, "routes": routes}))
    return file.name


async def test_what_waits_is_told_and_tried_on_a_word(tmp_path: Path) -> None:
    """The vendor asks for an hour, and somebody knows better."""
    async with vendor.running(FakeSegment()) as fake:
        fake.script.extend([answers(503, headers={"Retry-After": "3000"})])
        given = {"routing": routed(tmp_path, fake.url)}
        async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:
            track = {"event": "E", "userId": "u", "writeKey": WRITE_KEY}
            async with session.post(f"{gateway.url}/v1/track", json=track) as answer:
                assert answer.status == 200
            await until(lambda: '"delivery waits"' in gateway.log, 20, lambda: gateway.log)

            waits = await one(gateway)
            assert (waits["state"], waits["waiting"], waits["pending"]) == (
                "waiting",
                "http 503",
                1,
            )
            assert waits["oldest_pending"] <= waits["waiting_since"] < waits["next_try"]
            text = (await command(gateway)).out
            assert f"since {waits['waiting_since']}, next try {waits['next_try']}" in text
            assert "1 pending" in text
            found = await metrics(session, gateway)
            since = found['gateway_destination_waiting_since_seconds{destination="segment"}']
            next_try = found['gateway_destination_next_try_seconds{destination="segment"}']
            assert next_try - since >= 3000
            async with session.get(f"{gateway.admin_url}/") as page:
                assert "next try" in await page.text()

            tried = await command(gateway, "try", "segment")
            assert (tried.code, tried.error) == (0, "")
            await until(lambda: bool(fake.messages), 20, lambda: gateway.log)
            await until(lambda: '"delivery continues"' in gateway.log, 20, lambda: gateway.log)
            back = await one(gateway)
            assert (back["waiting"], back["waiting_since"], back["next_try"]) == (None, None, None)
            found = await metrics(session, gateway)
            assert not any("waiting_since_seconds{" in name for name in found)


async def test_an_unknown_name_is_a_mistake_with_a_suggestion(tmp_path: Path) -> None:
    async with running(tmp_path, routing=routed(tmp_path, "http://127.0.0.1:9")) as gateway:
        for arguments, says in (
            (("try", "segmnt"), "did you mean `segment`?"),
            (("try",), "say which to try"),
        ):
            answer = await command(gateway, *arguments)
            assert answer.code == 2
            assert says in answer.error
        await gateway.stop()
        answer = await command(gateway, "try", "segment")
        assert answer.code == 1
        assert "no gateway is running" in answer.error
        assert (await one(gateway))["state"] == "not running"


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [
        ("segment", "application/json", 200),
        ("nobody", "application/json", 404),
        ("segment", "text/plain", 415),
        ("segment", "application/x-www-form-urlencoded", 415),
    ],
)
async def test_no_page_of_another_site_can_have_it_tried(
    tmp_path: Path, name: str, kind: str, status: int
) -> None:
    async with (
        running(tmp_path, routing=routed(tmp_path, "http://127.0.0.1:9")) as gateway,
        aiohttp.ClientSession() as session,
    ):
        url = f"{gateway.admin_url}/api/destinations/{name}/try"
        async with session.post(url, data="{}", headers={"Content-Type": kind}) as answer:
            assert answer.status == status


async def over_tls(gateway: Gateway) -> None:
    """Start it again with https and a token on its admin listener."""
    made = await gateway_command(gateway.folder, "certificate", "tls")
    assert made.code == 0, made.error
    file = gateway.folder / "gateway.yaml"
    configuration = yaml.safe_load(file.read_text())
    configuration["admin"] |= {
        "tls": {"cert": "tls/gateway.crt", "key": "tls/gateway.key"},
        "token": "correct-horse-battery",
    }
    await gateway.stop()
    file.write_text(yaml.safe_dump(configuration))
    with (gateway.folder / "gateway.log").open("ab") as log:
        gateway.process = await asyncio.create_subprocess_exec(
            *COMMAND, str(file), stdout=log, stderr=log, cwd=gateway.folder
        )
    listening = f"https://127.0.0.1:{gateway.admin_port}"
    await until(lambda: listening in gateway.log, 20, lambda: gateway.log)


async def test_dead_letters_are_decided_over_tls(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (gateway, segment):
        await settled(gateway)
        await over_tls(gateway)
        assert await listed(gateway) == ["m-1", "m-3", "m-5"]
        letters = ("dead-letters",)
        discarded = await gateway_command(tmp_path, *letters, "discard", "1", *CONFIG)
        assert (discarded.code, discarded.out) == (0, "1 of segment discarded\n")
        segment.is_strict = False
        replayed = await gateway_command(tmp_path, *letters, "replay", "2", "3", *CONFIG)
        assert (replayed.code, replayed.out) == (0, "2 of segment will be replayed\n")
        await until(lambda: len(segment.messages) == 5, 20, lambda: gateway.log)
        assert (await one(gateway))["state"] in ("idle", "delivering")
        assert (await gateway_command(tmp_path, "health", *CONFIG)).code == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"token": "another-token-altogether"}, "use the admin.token that it was started with"),
        ({"tls": {"cert": "other/gateway.crt", "key": "other/gateway.key"}},
         "shows another certificate"),
        ({"tls": None}, "admin.tls"),
        ({"listen": "127.0.0.1:1"}, "is it running, and is admin.listen"),
    ],
)  # fmt: skip
async def test_what_keeps_a_command_from_the_gateway_is_said_with_what_to_do(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    async with running(tmp_path) as gateway:
        await over_tls(gateway)
        made = await gateway_command(tmp_path, "certificate", "other")
        assert made.code == 0
        file = tmp_path / "gateway.yaml"
        configuration = yaml.safe_load(file.read_text())
        configuration["admin"] |= change
        file.write_text(yaml.safe_dump(configuration))
        answer = await command(gateway)
        assert answer.code == 1
        assert says in answer.error
        assert "Traceback" not in answer.error


async def test_health_follows_the_settings(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        assert (await gateway_command(tmp_path, "health", *CONFIG)).code == 0
        with held_ports(1) as [port]:
            elsewhere = {"GATEWAY_ADMIN_LISTEN": f"127.0.0.1:{port}"}
            there = await gateway_command(tmp_path, "health", *CONFIG, **elsewhere)
            assert (there.code, "does not answer" in there.error) == (1, True)
        (tmp_path / "privacy.yaml").write_text("rules: {")  # what is edited is not yet in force
        file = tmp_path / "gateway.yaml"
        configuration = yaml.safe_load(file.read_text()) | {"policy": "privacy.yaml"}
        file.write_text(yaml.safe_dump(configuration))
        assert (await gateway_command(tmp_path, "health", *CONFIG)).code == 0
        await gateway.stop()
        assert (await gateway_command(tmp_path, "health", *CONFIG)).code == 1
