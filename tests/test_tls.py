"""The gateway speaks https with a certificate that it can make itself and exchange as it runs."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway import tls
from tests.telemetry.conftest import gateway_command
from tests.wire.running import WRITE_KEY, Gateway, held_ports, running, until


async def made(folder: Path, name: str) -> Path:
    answer = await gateway_command(folder, "certificate", name, "--host", "gateway.example")
    assert answer.code == 0, answer.error
    return folder / name


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "ca.crt"))


def track(id_: str) -> dict[str, Any]:
    return {"event": "E", "userId": "u", "messageId": id_, "writeKey": WRITE_KEY}


@pytest.fixture
def port() -> Iterator[int]:
    """For https."""
    with held_ports(1) as [port]:
        yield port


async def serial(port: int, context: ssl.SSLContext) -> str:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    certificate: dict[str, Any] = writer.get_extra_info("peercert")
    writer.close()
    await writer.wait_closed()
    found: str = certificate["serialNumber"]
    return found


def told(gateway: Gateway, number: signal.Signals) -> None:
    assert gateway.process is not None
    gateway.process.send_signal(number)


async def test_sdks_and_people_are_served_over_https(tmp_path: Path, port: int) -> None:
    folder = await made(tmp_path, "tls")
    pair = {"cert": "tls/gateway.crt", "key": "tls/gateway.key"}
    public = {"listen": f"127.0.0.1:{port}", **pair}
    context = trusting(folder)
    async with running(tmp_path, tls=public) as gateway, aiohttp.ClientSession() as session:
        url = f"https://localhost:{port}"
        async with session.post(f"{url}/v1/track", json=track("m-1"), ssl=context) as answer:
            assert answer.status == 200
        async with session.post(f"{gateway.url}/v1/track", json=track("m-2")) as answer:
            assert answer.status == 200
        await gateway.wait_for(["m-1", "m-2"])
        async with session.get(f"{url}/v1/projects/{WRITE_KEY}/settings", ssl=context) as answer:
            steered = (await answer.json())["integrations"]["Segment.io"]
            assert (steered["protocol"], steered["apiHost"]) == ("https", f"localhost:{port}/v1")


async def test_a_new_certificate_is_taken_up_and_a_wrong_one_is_not(
    tmp_path: Path, port: int
) -> None:
    folder, other = await made(tmp_path, "tls"), await made(tmp_path, "other")
    public = {
        "listen": f"127.0.0.1:{port}",
        "cert": "tls/gateway.crt",
        "key": "tls/gateway.key",
    }
    async with running(tmp_path, tls=public) as gateway:
        await serial(port, trusting(folder))
        certificate, key = folder / "gateway.crt", folder / "gateway.key"

        certificate.write_bytes((other / "gateway.crt").read_bytes())
        told(gateway, signal.SIGHUP)
        await until(lambda: "is not the key of" in gateway.log, 10, lambda: gateway.log)
        first = await serial(port, trusting(folder))

        key.write_bytes((other / "gateway.key").read_bytes())
        told(gateway, signal.SIGHUP)
        await until(lambda: '"reloaded"' in gateway.log, 10, lambda: gateway.log)
        assert await serial(port, trusting(other)) != first


async def test_the_admin_listener_and_the_command_line_speak_https(tmp_path: Path) -> None:
    folder = await made(tmp_path, "tls")
    async with running(tmp_path) as gateway:
        file = tmp_path / "gateway.yaml"
        listen = f"listen: 127.0.0.1:{gateway.admin_port}"
        pair = "tls: {cert: tls/gateway.crt, key: tls/gateway.key}"
        file.write_text(file.read_text().replace(listen, f"{listen}\n  {pair}"))
        told(gateway, signal.SIGUSR2)
        await until(
            lambda: f"https://127.0.0.1:{gateway.admin_port}" in gateway.log,
            20,
            lambda: gateway.log,
        )
        command = ("telemetry", "off", "--json", "--config", str(file))
        answer = await gateway_command(tmp_path, *command)
        assert answer.json["enabled"] is False
        assert answer.json["running"] is True
        url = f"https://localhost:{gateway.admin_port}/api/telemetry"
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, ssl=trusting(folder)) as got,
        ):
            assert (await got.json())["enabled"] is False


@pytest.mark.parametrize(
    ("cert", "key", "says"),
    [
        ("tls/gateway.crt", "tls/nothing.key", "nothing.key: No such file"),
        ("tls/gateway.key", "tls/gateway.crt", "no PEM certificate"),
        ("tls/gateway.crt", "other/gateway.key", "is not the key of"),
    ],
)
async def test_a_pair_that_cannot_be_served_is_a_mistake(
    tmp_path: Path, cert: str, key: str, says: str
) -> None:
    await made(tmp_path, "tls")
    await made(tmp_path, "other")
    problem = tls.problem(tls.Pair(tmp_path / cert, tmp_path / key))
    assert problem is not None
    assert says in problem
    assert tls.problem(tls.Pair(tmp_path / "tls/gateway.crt", tmp_path / "tls/gateway.key")) is None


async def test_a_certificate_replaces_none_and_keeps_its_key_to_itself(tmp_path: Path) -> None:
    folder = await made(tmp_path, "tls")
    key = folder / "gateway.key"
    before = key.read_bytes()
    again = await gateway_command(tmp_path, "certificate", "tls")
    assert again.code == 1
    assert "nothing was replaced" in again.error
    assert key.read_bytes() == before
    assert key.stat().st_mode & 0o077 == 0
