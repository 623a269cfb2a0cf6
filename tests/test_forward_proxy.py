"""Who has only a proxy setting reaches the gateway by the names it knows, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.extensions.appsmith.instances import metrics, settings
from tests.telemetry.conftest import gateway_command
from tests.wire.running import WRITE_KEY, Gateway, held_ports, running, until

ELSEWHERE = "127.0.0.9"
"""A host of its own, where something else than the gateway listens at 443."""


@dataclass(frozen=True, slots=True)
class Proxied:
    gateway: Gateway
    port: int
    trust: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def says(self, *lines: bytes) -> bytes:
        """The whole answer to what is said to the proxy."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"\r\n".join(lines))
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        return answer


@contextlib.asynccontextmanager
async def proxied(folder: Path, **given: Any) -> AsyncGenerator[Proxied]:
    """A gateway that stands for api.segment.io, behind a proxy."""
    answer = await gateway_command(folder, "certificate", "tls", "--host", "api.segment.io")
    assert answer.code == 0, answer.error
    with held_ports(2) as [tls_port, port]:
        listen = f"127.0.0.1:{tls_port}"
        tls = {"listen": listen, "cert": "tls/gateway.crt", "key": "tls/gateway.key"}
        proxy = {
            "listen": f"127.0.0.1:{port}",
            "here": ["*.segment.io"],
            **given.pop("forward_proxy", {}),
        }
        async with running(folder, tls=tls, forward_proxy=proxy, **given) as gateway:
            trust = ssl.create_default_context(cafile=str(folder / "tls" / "ca.crt"))
            yield Proxied(gateway, port, trust)


def track(id_: str) -> dict[str, Any]:
    return {"event": "E", "userId": "u", "messageId": id_, "writeKey": WRITE_KEY}


async def test_a_host_of_here_is_the_gateway(tmp_path: Path) -> None:
    async with (
        proxied(tmp_path) as one,
        aiohttp.ClientSession(proxy=one.url) as session,
    ):
        for number in range(20):
            connection = {"Connection": "close"} if number % 2 else {}
            async with session.post(
                "https://api.segment.io/v1/track",
                json=track(f"m-{number}"),
                ssl=one.trust,
                headers=connection,
            ) as answer:
                assert await answer.json() == {"success": True}
        await one.gateway.wait_for([f"m-{number}" for number in range(20)])
        async with aiohttp.ClientSession() as direct:
            found = await metrics(direct, one.gateway)
        assert found['gateway_forward_proxy_connections_total{fate="here"}'] >= 10


async def test_who_comes_through_it_is_who_connected(tmp_path: Path) -> None:
    """A proxy that the gateway trusts may name people; what only passes its own proxy may not."""
    given = settings(tmp_path, user_header="X-Forwarded-Email", trusted_proxies=["127.0.0.1/32"])
    body = {"viewMode": False}
    header = {"X-Forwarded-Email": "somebody@mail.example"}
    async with proxied(tmp_path, **given) as one:
        for local, status in (("127.0.0.1", 201), ("127.0.0.2", 400)):
            connector = aiohttp.TCPConnector(local_addr=(local, 0))
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.post(
                    "https://api.segment.io/api/v1/usage-pulse",
                    json=body,
                    headers=header,
                    proxy=one.url,
                    ssl=one.trust,
                ) as answer,
            ):
                assert answer.status == status


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"CONNECT tracker.example:443 HTTP/1.1", b"403"),
        (b"CONNECT api.segment.io:80 HTTP/1.1", b"403"),
        (b"CONNECT api.segment.io.tracker.example:443 HTTP/1.1", b"403"),
        (b"CONNECT [::1]:443 HTTP/1.1", b"403"),
        (b"GET http://api.segment.io/v1/track HTTP/1.1", b"405"),
        (b"CONNECT api.segment.io:443 HTTP/1.1\r\nX: " + b"x" * 9000, b"431"),
        (b"CONNECT api.segment.io:443 HTTP/1.1\r\n\r\n\x16\x03\x01", b"405"),
    ],
)
async def test_everything_else_is_refused(tmp_path: Path, asked: bytes, status: bytes) -> None:
    async with proxied(tmp_path) as one, aiohttp.ClientSession() as session:
        end = () if b"\r\n" in asked else (b"Host: x", b"", b"")
        assert (await one.says(asked, *end)).startswith(b"HTTP/1.1 " + status)
        found = await metrics(session, one.gateway)
        assert found['gateway_forward_proxy_connections_total{fate="refused"}'] == 1
        is_told = '"the forward proxy refused a host"' in one.gateway.log
        assert is_told == (status == b"403")


async def test_a_stranger_is_refused(tmp_path: Path) -> None:
    async with proxied(tmp_path, forward_proxy={"clients": ["127.0.0.3"]}) as one:
        said = await one.says(b"CONNECT api.segment.io:443 HTTP/1.1", b"", b"")
        assert said.startswith(b"HTTP/1.1 403")
        assert b"forward_proxy.clients" in said


async def test_a_handshake_that_fails_hurts_nobody(tmp_path: Path) -> None:
    async with proxied(tmp_path) as one, aiohttp.ClientSession(proxy=one.url) as session:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(b"CONNECT api.segment.io:443 HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in await reader.read()
        writer.close()
        url = "https://api.segment.io/v1/track"
        async with session.post(url, json=track("m-1"), ssl=one.trust) as answer:
            assert answer.status == 200


@contextlib.asynccontextmanager
async def elsewhere(folder: Path) -> AsyncGenerator[ssl.SSLContext]:
    """An https server that is not the gateway; yields what trusts it."""
    made = await gateway_command(folder, "certificate", "other", "--host", ELSEWHERE)
    assert made.code == 0, made.error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "other" / "gateway.crt", folder / "other" / "gateway.key")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/echo", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, ELSEWHERE, 443, ssl_context=context).start()
        except PermissionError:
            pytest.skip(
                "port 443 is for root; `sysctl net.ipv4.ip_unprivileged_port_start=443` opens it"
            )
        yield ssl.create_default_context(cafile=str(folder / "other" / "ca.crt"))
    finally:
        await runner.cleanup()


async def test_a_host_of_through_is_reached_unread(tmp_path: Path) -> None:
    proxy = {"through": [ELSEWHERE, "127.0.0.8"]}
    async with (
        elsewhere(tmp_path) as trust,
        proxied(tmp_path, forward_proxy=proxy) as one,
        aiohttp.ClientSession(proxy=one.url) as session,
    ):
        body = bytes(range(256)) * 40_000
        for _ in range(2):
            async with session.post(
                f"https://{ELSEWHERE}/echo", data=io.BytesIO(body), ssl=trust
            ) as answer:
                assert await answer.read() == body
        with pytest.raises(aiohttp.ClientHttpProxyError) as refused:
            await session.post("https://127.0.0.8/echo", ssl=trust)
        assert refused.value.status == 502
        async with aiohttp.ClientSession() as direct:
            found = await metrics(direct, one.gateway)
        assert found['gateway_forward_proxy_connections_total{fate="through"}'] == 1
        assert found['gateway_forward_proxy_connections_total{fate="unreachable"}'] == 1


async def test_a_restart_refuses_nobody_who_comes_through_it(tmp_path: Path) -> None:
    sent: list[str] = []
    async with proxied(tmp_path) as one, aiohttp.ClientSession(proxy=one.url) as session:

        async def send() -> None:
            id_ = f"m-{len(sent)}"
            url = "https://api.segment.io/v1/track"
            async with session.post(url, json=track(id_), ssl=one.trust) as answer:
                assert answer.status == 200
            sent.append(id_)

        async def go_on() -> None:
            while not is_over:
                await send()

        is_over = False
        sending = asyncio.create_task(go_on())
        await until(lambda: len(sent) >= 5, 20, lambda: one.gateway.log)
        assert one.gateway.process is not None
        one.gateway.process.send_signal(signal.SIGUSR2)
        greetings = "SDKs send to"
        await until(lambda: one.gateway.log.count(greetings) == 2, 20, lambda: one.gateway.log)
        goal = len(sent) + 5
        await until(lambda: len(sent) >= goal or sending.done(), 20, lambda: one.gateway.log)
        is_over = True
        await sending
        await one.gateway.wait_for(sent)


async def test_its_certificate_must_be_for_the_hosts_of_here(tmp_path: Path) -> None:
    async with proxied(tmp_path, forward_proxy={"here": ["api.segment.io"]}) as one:
        file = one.gateway.folder / "gateway.yaml"
        file.write_text(file.read_text().replace("- api.segment.io", "- cdn.segment.com"))
        answer = await gateway_command(tmp_path, "check", "--config", str(file))
        assert answer.code == 78
        line = file.read_text().split("\n").index("  - cdn.segment.com") + 1
        assert (
            f"gateway.yaml:{line}: the certificate of `tls` is not for cdn.segment" in answer.error
        )


async def test_it_needs_a_certificate_to_answer_with(tmp_path: Path) -> None:
    async with proxied(tmp_path) as one:
        file = one.gateway.folder / "gateway.yaml"
        lines = file.read_text().split("\n")
        at = lines.index("tls:")
        file.write_text("\n".join([*lines[:at], *lines[at + 4 :]]))
        answer = await gateway_command(tmp_path, "check", "--config", str(file))
        assert answer.code == 78
        assert "forward_proxy answers with the certificate of `tls`" in answer.error
