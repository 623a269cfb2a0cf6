"""Whatever comes down a connection, both listeners answer it, log no fault and go on."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest

from tests.test_server import metrics
from tests.wire.running import WRITE_KEY, Gateway, running, until

BODY = b'{"event": "E", "userId": "u", "writeKey": "%s"}' % WRITE_KEY.encode()
CLOSE = b"Connection: close"
FORM = b"Content-Type: application/x-www-form-urlencoded"


def request(
    path: bytes, *headers: bytes, method: bytes = b"GET", version: bytes = b"1.1", body: bytes = b""
) -> bytes:
    length = [b"Content-Length: %d" % len(body)] if body else []
    lines = [method + b" " + path + b" HTTP/" + version, b"Host: localhost", *headers, *length]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def sent(path: bytes = b"/v1/track", *headers: bytes, version: bytes = b"1.1") -> bytes:
    return request(path, *headers, method=b"POST", version=version, body=BODY)


ODD = {
    "junk expected, unrouted": request(b"/nope", b"Expect: \xe9", CLOSE),
    "junk expected": sent(b"/v1/track", b"Expect: \xe9", CLOSE),
    "something expected, unrouted": sent(b"/nope", b"Expect: a-teapot", CLOSE),
    "expected twice": sent(b"/v1/track", b"Expect: x", b"Expect: 100-continue", CLOSE),
    "expected by 1.0": sent(b"/v1/track", b"Expect: 100-continue", version=b"1.0"),
    "1.0": request(b"/healthz", version=b"1.0"),
    "HEAD": request(b"/healthz", CLOSE, method=b"HEAD"),
    "HEAD, 1.0": request(b"/readyz", method=b"HEAD", version=b"1.0"),
    "absolute": request(b"http://elsewhere.example/healthz", CLOSE),
    "absolute, no host": request(b"http://[/healthz", CLOSE),
    "absolute, no port": request(b"http://x:99999999/healthz", CLOSE),
    "two slashes": request(b"//[v1/t", CLOSE),
    "asterisk": request(b"*", CLOSE, method=b"OPTIONS"),
    "CONNECT": request(b"x:443", CLOSE, method=b"CONNECT"),
    "unknown method": request(b"/v1/track", CLOSE, method=b"BREW"),
    "odd method": request(b"/v1/track", CLOSE, method=b"PROPFIND"),
    "long path": request(b"/" + b"a" * 200_000, CLOSE),
    "long query": request(b"/v1/track?data=" + b"a" * 100_000, CLOSE),
    "percent": request(b"/%zz%00%ff", CLOSE),
    "bytes": request(b"/\xff?\xfe", CLOSE),
    "no host": b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
    "odd host": b"GET /healthz HTTP/1.1\r\nHost: [\xff:99999\r\nConnection: close\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two lengths": request(b"/v1/t", b"Content-Length: 1", b"Content-Length: 2", method=b"POST"),
    "upgrade": request(b"/healthz", b"Upgrade: h2c", b"Connection: Upgrade, close"),
    "many headers": request(b"/healthz", CLOSE, *(b"X-%d: 1" % n for n in range(300))),
    "odd credentials": request(b"/api/status", CLOSE, b"Authorization: Basic \xff"),
    "odd origin": request(b"/settings/general", CLOSE, b"Origin: http://[", method=b"POST"),
    "odd charset": request(
        b"/sign-in", CLOSE, FORM + b"; charset=nope", method=b"POST", body=b"a=b"
    ),
    "odd form": request(b"/sign-in", CLOSE, FORM, method=b"POST", body=b"\xff=b"),
    "no boundary": request(
        b"/sign-in", CLOSE, b"Content-Type: multipart/form-data", method=b"POST", body=b"a=b"
    ),
    "no gzip": request(
        b"/sign-in", CLOSE, FORM, b"Content-Encoding: gzip", method=b"POST", body=b"abc"
    ),
    "bad chunk": request(b"/sign-in", CLOSE, FORM, b"Transfer-Encoding: chunked", method=b"POST")
    + b"zz\r\n",
}


async def answers(port: int, said: bytes, *, is_half_closed: bool = False) -> bytes:
    """All that comes until the other side closes."""
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        if is_half_closed:
            writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.transport.abort()


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.\d (\d+) ", answer)]


def has_no_fault(gateway: Gateway) -> bool:
    return '"level": "error"' not in gateway.log and "Traceback" not in gateway.log


async def test_every_request_has_an_answer_and_none_is_a_fault(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        for port in (gateway.port, gateway.admin_port):
            for name, said in ODD.items():
                found = statuses(await answers(port, said))
                assert found, name
                assert max(found) < 500, name
                assert has_no_fault(gateway), (name, gateway.log)
        found_metrics = await metrics(session, gateway)
        name = 'gateway_requests_refused_total{code="not_http",protocol="http"}'
        assert found_metrics[name] >= 10


async def test_health_is_answered_on_the_traffic_port_and_says_no_more(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        for path, body in ((b"/healthz", b'{"alive": true}'), (b"/readyz", b'{"ready": true}')):
            for version in (b"1.0", b"1.1"):
                answer = await answers(gateway.port, request(path, CLOSE, version=version))
                assert statuses(answer) == [200]
                assert answer.endswith(body)
                head = request(path, CLOSE, method=b"HEAD", version=version)
                answer = await answers(gateway.port, head)
                assert (statuses(answer), answer.endswith(b"\r\n\r\n")) == ([200], True)


@pytest.mark.parametrize("count", [1, 5, 40])
async def test_a_client_that_has_said_all_hears_every_answer(tmp_path: Path, count: int) -> None:
    async with running(tmp_path) as gateway:
        answer = await answers(gateway.port, sent() * count, is_half_closed=True)
        assert statuses(answer) == [200] * count
        cut = sent() * count + sent()[:-5]
        assert statuses(await answers(gateway.port, cut, is_half_closed=True)) == [
            *[200] * count,
            400,
        ]
        await until(lambda: len(gateway.events()) == 2 * count, 15, lambda: gateway.log)
        assert has_no_fault(gateway)


async def test_heads_come_in_time(tmp_path: Path) -> None:
    limits = {"header_seconds": 0.2}
    async with running(tmp_path, limits=limits) as gateway, aiohttp.ClientSession() as session:
        for port in (gateway.port, gateway.admin_port):
            for said in (b"", b"GET / HT"):
                assert await answers(port, said) == b""
            async with asyncio.timeout(30):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request(b"/healthz"))
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"GET / HT")
                await reader.read()
                writer.close()
        found = await metrics(session, gateway)
        for listener in ("traffic", "admin"):
            name = f'gateway_connections_ended_total{{cause="head_timeout",listener="{listener}"}}'
            assert found[name] >= 1
