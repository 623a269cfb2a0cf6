"""A gateway whose destination leads back to it notices at the first round, however it leads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway.config.outgoing import HOPS
from tests.fakes import vendor
from tests.fakes.segment import FakeSegment
from tests.telemetry.conftest import gateway_command
from tests.wire.running import WRITE_KEY, Gateway, held_ports, running, until

OWN = "it loops back to this gateway"
OTHER = "it loops back to a gateway that its events came from"
FILE = {"type": "file", "path": "events"}


def routing(folder: Path, **destinations: Mapping[str, Any]) -> str:
    file = folder / "routing.yaml"
    routes = [{"name": "all", "to": [*destinations]}]
    file.write_text(yaml.safe_dump({"destinations": destinations, "routes": routes}))
    return "routing.yaml"


def segment(host: str) -> dict[str, Any]:
    return {"type": "segment", "write_key": WRITE_KEY, "host": host}


async def send(url: str, *names: str) -> None:
    batch = [{"type": "track", "event": "E", "userId": "u", "messageId": name} for name in names]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/batch", json={"batch": batch, "writeKey": WRITE_KEY}) as answer,
    ):
        assert answer.status == 200


async def status(gateway: Gateway) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.admin_url}/api/status") as answer,
    ):
        return await answer.json()


async def waiting(gateway: Gateway, cause: str) -> Any:
    """The status as soon as a destination waits for this."""
    async with asyncio.timeout(30):
        while True:
            found = await status(gateway)
            if any(one["waiting"] == cause for one in found["destinations"]):
                return found
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["segment", "mixpanel"])
async def test_a_direct_loop(tmp_path: Path, kind: str) -> None:
    """It starts all the same: who sends must not suffer from a destination."""
    async with running(tmp_path) as gateway:
        to = segment(f"http://127.0.0.2:{gateway.port}")
        if kind == "mixpanel":
            to = {"type": "mixpanel", "token": WRITE_KEY, "host": to["host"]}
        text = (tmp_path / "gateway.yaml").read_text()
        text = text.replace(f"listen: 127.0.0.1:{gateway.port}", f"listen: 0.0.0.0:{gateway.port}")
        configuration = yaml.safe_load(text) | {"routing": routing(tmp_path, back=to)}
        await gateway.stop()
        (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(configuration))
        await gateway.start()
        await send(gateway.url, "m-1", "m-2")
        found = await waiting(gateway, OWN)
        assert found["accepted"] == 2, "not one came back in"
        (one,) = found["destinations"]
        assert (one["delivered"], one["pending"], one["dead"]) == (0, 2, {})
        assert {r["code"] for r in found["refused_requests"]} == {"loop"}
        assert gateway.log.count("loops back to this gateway, so its events wait") == 1
        doctor = await gateway_command(tmp_path, "doctor", "--json", "--config", "gateway.yaml")
        bad = [f["area"] for f in json.loads(doctor.out) if f["verdict"] == "bad"]
        assert "loop" in bad


async def test_check_sees_what_the_files_tell(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        back = routing(tmp_path, back=segment(f"http://localhost:{gateway.port}"))
        file = tmp_path / "gateway.yaml"
        relay = {"cloud_services": {"upstream": gateway.url}}
        given = {"routing": back, "appsmith": relay}
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | given))
        answer = await gateway_command(tmp_path, "check", "--config", "gateway.yaml")
        assert answer.code == 78
        assert "it loops back to this gateway" in answer.error
        assert "routing.yaml:3: `back` loops back to this gateway" in answer.error
        await gateway.stop()
        await gateway.start()  # who sends must not suffer from it
        assert "`back` loops back to this gateway" in gateway.log
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{gateway.url}/api/v1/ip") as relayed,
        ):
            assert relayed.status == 508


async def test_a_loop_through_its_own_forward_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await gateway_command(tmp_path, "certificate", "tls", "--host", "api.segment.io")
    assert made.code == 0, made.error
    with held_ports(2) as [tls_port, port]:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "tls" / "ca.crt"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        pair = {"cert": "tls/gateway.crt", "key": "tls/gateway.key"}
        given = {
            "tls": {"listen": f"127.0.0.1:{tls_port}", **pair},
            "forward_proxy": {"listen": f"127.0.0.1:{port}", "here": ["api.segment.io"]},
            "routing": routing(tmp_path, back=segment("https://api.segment.io")),
        }
        async with running(tmp_path, **given) as gateway:
            await send(gateway.url, "m-1")
            found = await waiting(gateway, OWN)
            assert found["accepted"] == 1
            assert found["forwarded"]["here"] >= 1
            for command in ("check", "doctor"):
                answer = await gateway_command(tmp_path, command, "--config", "gateway.yaml")
                assert answer.code in (1, 78)
                said = answer.out + answer.error
                assert "the proxy for outgoing requests is its own forward_proxy" in said


async def test_a_chain_of_two_gateways_ends_where_it_began(tmp_path: Path) -> None:
    """B may send A events of its own; what A sent to B does not come back to A."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    async with running(second, routing=routing(second, local=FILE)) as b:
        to_b = routing(first, b=segment(b.url), local=FILE)
        async with running(first, routing=to_b) as a:
            file = second / "gateway.yaml"
            back = routing(second, a=segment(a.url))
            file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"routing": back}))
            await b.stop()
            await b.start()
            await send(b.url, "of-b")
            await a.wait_for(["of-b"])
            found = await waiting(a, OTHER)  # B refuses what A would send it
            assert found["accepted"] == 1
            assert (await status(b))["accepted"] == 1


async def test_the_mark_is_of_the_installation_and_explain_shows_it(tmp_path: Path) -> None:
    async with vendor.running(FakeSegment(WRITE_KEY)) as fake:
        given = {"routing": routing(tmp_path, s=segment(fake.url))}
        async with running(tmp_path, **given) as gateway:
            await send(gateway.url, "m-1")
            await until(lambda: len(fake.seen) == 1, 20, lambda: gateway.log)
            await gateway.stop()
            await gateway.start()
            await send(gateway.url, "m-2")
            await until(lambda: len(fake.seen) == 2, 20, lambda: gateway.log)
        marks = {request.headers[HOPS] for request in fake.seen}
        assert len(marks) == 1
        (tmp_path / "event.json").write_text(json.dumps({"event": "E", "userId": "u"}))
        command = ("explain", "event.json", "--json", "--config", "gateway.yaml")
        explained = (await gateway_command(tmp_path, *command)).json
        (shown,) = explained["destinations"]["s"]["requests"]
        assert {shown["headers"][HOPS]} == marks
