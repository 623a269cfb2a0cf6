"""A restart refuses nobody, loses nothing, and does not begin where it could not end."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import aiohttp
import pytest

from tests.telemetry.conftest import gateway_command
from tests.wire.running import WRITE_KEY, Gateway, counted, held_ports, running, until


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with running(tmp_path) as gateway:
        yield gateway


def tell(gateway: Gateway, number: signal.Signals) -> None:
    assert gateway.process is not None
    gateway.process.send_signal(number)


async def restart(gateway: Gateway) -> None:
    starts = gateway.log.count("SDKs send to")
    tell(gateway, signal.SIGUSR2)
    await until(
        lambda: gateway.log.count("SDKs send to") > starts, 30, lambda: f"no restart\n{gateway.log}"
    )


async def hammer(
    url: str, name: str, acknowledged: list[str], *, keep: bool, trusted: ssl.SSLContext
) -> None:
    """Send without a pause; whatever is not an ordinary 200 is a failure of the test."""
    connector = aiohttp.TCPConnector(force_close=not keep, ssl=trusted)
    async with aiohttp.ClientSession(connector=connector) as session:
        while True:
            id_ = f"{name}-{len(acknowledged)}"
            event = {"event": "E", "userId": "u", "messageId": id_, "writeKey": WRITE_KEY}
            async with session.post(f"{url}/v1/track", json=event) as answer:
                assert answer.status == 200
                assert await answer.json() == {"success": True}
            acknowledged.append(id_)


async def test_clients_do_not_notice_restarts(tmp_path: Path) -> None:
    """Over http and https; on kept connections, and on one for each request."""
    assert (await gateway_command(tmp_path, "certificate", "tls")).code == 0
    trusted = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))
    pair = {"cert": "tls/gateway.crt", "key": "tls/gateway.key"}
    with held_ports(1) as [port]:
        async with running(tmp_path, tls={"listen": f"127.0.0.1:{port}", **pair}) as gateway:
            await check_nobody_notices(gateway, [gateway.url, f"https://localhost:{port}"], trusted)


async def check_nobody_notices(
    gateway: Gateway, urls: Sequence[str], trusted: ssl.SSLContext
) -> None:
    assert gateway.process is not None
    process = gateway.process.pid
    names = [f"client-{number}" for number in range(6)]
    told: dict[str, list[str]] = {name: [] for name in names}
    clients = [
        asyncio.create_task(
            hammer(urls[place % 2], name, told[name], keep=place % 3 != 0, trusted=trusted)
        )
        for place, name in enumerate(names)
    ]

    async def all_sent_more(count: int) -> None:
        goals = {name: len(told[name]) + count for name in names}
        await until(
            lambda: (
                all(len(told[name]) >= goals[name] for name in names)
                or any(client.done() for client in clients)
            ),
            30,
            lambda: gateway.log,
        )

    await all_sent_more(5)
    for _ in range(3):
        await restart(gateway)
        await all_sent_more(5)
    for client in clients:
        client.cancel()
    ends = await asyncio.gather(*clients, return_exceptions=True)

    assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []
    sent = [id_ for ids in told.values() for id_ in ids]
    await gateway.wait_for(sent)
    stored = counted(gateway.events())
    assert {id_: stored[id_] for id_ in sent} == dict.fromkeys(sent, 1)
    assert gateway.process.pid == process
    assert gateway.process.returncode is None


async def test_a_kept_alive_connection_hears_goodbye_with_its_last_answer(
    gateway: Gateway,
) -> None:
    body = b'{"event": "E", "userId": "u", "writeKey": "%s"}' % WRITE_KEY.encode()
    request = b"POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
    request %= (len(body), body)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request)
    first = await reader.readuntil(b"\r\n\r\n")
    assert b"connection: close" not in first.lower()
    await reader.readexactly(len(b'{"success": true}'))

    tell(gateway, signal.SIGUSR2)
    await until(lambda: '"restarting"' in gateway.log, 20, lambda: gateway.log)
    writer.write(request)
    answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    writer.close()


async def test_nothing_restarts_while_the_files_are_wrong(gateway: Gateway) -> None:
    file = gateway.folder / "gateway.yaml"
    file.write_text(file.read_text() + "unkown_keys: accept\n")

    tell(gateway, signal.SIGUSR2)
    await until(lambda: '"not restarted"' in gateway.log, 20, lambda: gateway.log)

    assert "did you mean `unknown_keys`?" in gateway.log
    url = f"{gateway.admin_url}/readyz"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
    assert gateway.log.count("SDKs send to") == 1


async def test_nothing_restarts_onto_an_address_that_is_taken(gateway: Gateway) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    file = gateway.folder / "gateway.yaml"
    file.write_text(file.read_text().replace(gateway.host, f"127.0.0.1:{taken}"))

    tell(gateway, signal.SIGUSR2)
    await until(lambda: '"not restarted"' in gateway.log, 20, lambda: gateway.log)

    assert f"listen 127.0.0.1:{taken}" in gateway.log
    server.close()


async def test_told_to_stop_while_it_restarts_it_stops(gateway: Gateway) -> None:
    assert gateway.process is not None
    tell(gateway, signal.SIGUSR2)
    await until(lambda: '"restarting"' in gateway.log, 20, lambda: gateway.log)
    tell(gateway, signal.SIGTERM)
    async with asyncio.timeout(20):
        await gateway.process.wait()
    assert gateway.process.returncode == 0
