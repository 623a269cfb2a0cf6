"""A connection that stalls, lies or breaks costs nothing but itself."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from gateway.config.model import Limits
from tests.ingest.backend import KEY, RecordingDoor, serving

pytestmark = pytest.mark.slow

BODY = b'{"event": "Sent", "writeKey": "%s"}' % KEY.encode()
BROTLI = b"\x1b\x0e\x00\xf8\x25\x00\xa2\x9a"


class Wire:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(status.split()[1]), headers, body

    async def is_closed(self) -> bool:
        return await self.reader.read() == b""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Wire]:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def head(*headers: str, path: str = "/v1/track") -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: gateway", *headers, "", "")).encode()


def sized(body: bytes, *headers: str) -> bytes:
    return head(f"Content-Length: {len(body)}", *headers) + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def still_works(url: str, door: RecordingDoor) -> None:
    """A fresh connection is served as if nothing had been."""
    before = len(door.events)
    async with connected(url) as wire:
        await wire.send(sized(BODY))
        status, _, body = await wire.answer()
    assert (status, body) == (200, b'{"success": true}')
    assert len(door.events) == before + 1


@pytest.mark.parametrize(
    "begun",
    [
        head("Content-Length: 1000") + b'{"event"',
        head("Transfer-Encoding: chunked") + chunk(b'{"event"'),
        head("Content-Length: 1000"),
        head("Content-Length: 1000", "Content-Encoding: gzip") + gzip.compress(BODY)[:20],
    ],
    ids=["sized", "chunked", "nothing", "gzip"],
)
async def test_a_body_that_stalls_is_answered_so_that_it_comes_again(begun: bytes) -> None:
    door = RecordingDoor()
    door.limits = Limits(body_seconds=0.05)
    async with serving(door) as url:
        async with connected(url) as wire:
            await wire.send(begun)
            status, headers, body = await wire.answer()
        assert (status, orjson.loads(body)["code"]) == (503, "body_timeout")
        assert headers["connection"] == "close"
        assert headers["retry-after"] == headers["x-ratelimit-reset"] == "5"
        assert door.codes == ["body_timeout"]
        await still_works(url, door)


async def test_the_time_for_a_body_is_that_of_the_whole() -> None:
    """A sender that drips a byte now and then does not hold a place for ever."""
    door = RecordingDoor()
    door.limits = Limits(body_seconds=0.2)
    async with serving(door) as url:
        async with connected(url) as wire:
            await wire.send(head("Content-Length: 100000"))
            answer = asyncio.create_task(wire.answer())
            while not answer.done():
                await wire.send(b" ")
                await asyncio.wait([answer], timeout=0.01)
            assert (await answer)[0] == 503
        await still_works(url, door)


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (
            head("Transfer-Encoding: chunked", "Content-Encoding: gzip")
            + chunk(gzip.compress(BODY)[:-9])
            + chunk(b""),
            "invalid_encoding",
        ),
        (head("Transfer-Encoding: chunked") + chunk(b""), "empty_body"),
        (head(), "empty_body"),
        (head("Content-Length: 99999999"), "payload_too_large"),
        (
            head("Transfer-Encoding: chunked") + chunk(b" " * 2**20) + chunk(b" "),
            "payload_too_large",
        ),
        (
            head("Transfer-Encoding: gzip, chunked") + chunk(BODY) + chunk(b""),
            "unsupported_encoding",
        ),
        (
            head("Transfer-Encoding: chunked", "Content-Encoding: gzip, chunked")
            + chunk(BROTLI)
            + chunk(b""),
            "unsupported_encoding",
        ),
        (
            head(
                f"Content-Length: {len(BROTLI)}",
                "Content-Encoding: identity",
                "Content-Encoding: br",
            )
            + BROTLI,
            "unsupported_encoding",
        ),
    ],
    ids=[
        "truncated gzip",
        "no chunks",
        "no body",
        "too long",
        "too many chunks",
        "a coding under the chunks",
        "chunked as an encoding",
        "encodings on two lines",
    ],
)
async def test_a_bad_body_is_refused_for_good(request_bytes: bytes, code: str) -> None:
    door = RecordingDoor()
    async with serving(door) as url:
        async with connected(url) as wire:
            await wire.send(request_bytes)
            status, _, body = await wire.answer()
        assert (status, orjson.loads(body)["code"]) == (400, code)
        assert door.codes == [code]
        await still_works(url, door)


async def test_a_body_that_turns_out_badly_framed_is_answered_in_time() -> None:
    """The parser gives up in silence, so that for the route it is a body that stalls."""
    door = RecordingDoor()
    door.limits = Limits(body_seconds=0.05)
    async with serving(door) as url:
        async with connected(url) as wire:
            await wire.send(head("Transfer-Encoding: chunked", "Expect: 100-continue"))
            assert (await wire.answer())[0] == 100
            await wire.send(chunk(BODY[:9]), b"zz\r\n")
            status, _, body = await wire.answer()
        assert (status, orjson.loads(body)["code"]) == (503, "body_timeout")
        await still_works(url, door)


@pytest.mark.parametrize(
    "begun",
    [
        head("Content-Length: 1000") + b'{"event"',
        head("Transfer-Encoding: chunked") + chunk(b'{"event"'),
        head("Transfer-Encoding: chunked") + b"5",
        b"POST /v1/tra",
    ],
    ids=["sized", "chunked", "in a chunk size", "in the path"],
)
async def test_a_connection_that_closes_midway_leaves_nothing_behind(begun: bytes) -> None:
    door = RecordingDoor()
    async with serving(door) as url:
        async with connected(url) as wire:
            await wire.send(begun)
        await still_works(url, door)
        assert len(door.events) == 1


async def test_gzip_in_chunks_without_a_length_is_read() -> None:
    """As OkHttp and HttpURLConnection send it for Android and Kotlin."""
    door = RecordingDoor()
    packed = gzip.compress(BODY)
    async with serving(door) as url, connected(url) as wire:
        await wire.send(head("Transfer-Encoding: chunked", "Content-Encoding: gzip"))
        for place in range(0, len(packed), 7):
            await wire.send(chunk(packed[place : place + 7]))
        await wire.send(chunk(b""))
        assert (await wire.answer())[0] == 200
    assert door.messages[0]["event"] == "Sent"


async def test_a_client_that_waits_to_be_told_is_told_to_go_on() -> None:
    """As libcurl does before a large body."""
    door = RecordingDoor()
    async with serving(door) as url, connected(url) as wire:
        await wire.send(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        assert (await wire.answer())[0] == 100
        await wire.send(BODY)
        assert (await wire.answer())[0] == 200


async def test_an_unknown_expectation_is_no_reason_to_lose_events() -> None:
    door = RecordingDoor()
    async with serving(door) as url, connected(url) as wire:
        await wire.send(sized(BODY, "Expect: the-spanish-inquisition"))
        assert (await wire.answer())[0] == 200


async def test_one_connection_carries_many_requests() -> None:
    door = RecordingDoor()
    async with serving(door) as url, connected(url) as wire:
        await wire.send(sized(BODY), sized(b"{"), sized(BODY))
        assert [(await wire.answer())[0] for _ in range(3)] == [200, 400, 200]
    assert len(door.events) == 2


async def test_a_stopping_gateway_sends_clients_away_and_closes() -> None:
    door = RecordingDoor()
    async with serving(door) as url, connected(url) as wire:
        await wire.send(sized(BODY))
        assert (await wire.answer())[0] == 200
        door.closing = True
        await wire.send(sized(BODY))
        status, headers, body = await wire.answer()
        assert (status, headers["connection"], headers["retry-after"]) == (503, "close", "5")
        assert orjson.loads(body)["code"] == "closing"
        assert await wire.is_closed()
    assert len(door.events) == 1


async def test_a_header_that_is_no_text_is_never_echoed() -> None:
    door = RecordingDoor()
    async with serving(door) as url, connected(url) as wire:
        strange = b"Origin: http://\xff\xc3\x28\r\nAccess-Control-Request-Headers: \xff\r\n"
        await wire.send(b"OPTIONS /v1/t HTTP/1.1\r\nHost: \xff\r\n", strange, b"\r\n")
        status, headers, _ = await wire.answer()
        assert status == 200
        assert "access-control-allow-origin" not in headers


ORIGIN = "https://www.shop.example"
NOT_HTTP = {
    "a space in a header's name": head("Bad Header: 1", f"Origin: {ORIGIN}"),
    "no length at all": head("Content-Length: x", f"origin:{ORIGIN} "),
    "two lengths": head(f"ORIGIN: {ORIGIN}", "Content-Length: 1", "Content-Length: 2"),
    "an unknown coding": head(f"Origin: {ORIGIN}", "Transfer-Encoding: chunked, gzip"),
    "a line too long": head(f"Origin: {ORIGIN}", path="/" + "a" * 200_000),
    "a header too long": head(f"Origin: {ORIGIN}", "X: " + "a" * 20_000),
}


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_a_page_can_read_what_the_http_parser_refuses(name: str) -> None:
    """Else its SDK would take the refusal for a broken network, and try for ever."""
    async with serving(RecordingDoor()) as url, connected(url) as wire:
        await wire.send(NOT_HTTP[name])
        status, headers, _ = await wire.answer()
        assert status == 400
        assert headers["access-control-allow-origin"] in (ORIGIN, "*")
        if name != "a line too long":  # its headers never came
            assert headers["access-control-allow-origin"] == ORIGIN
            assert headers["access-control-allow-credentials"] == "true"
        assert await wire.is_closed()


async def test_who_names_no_origin_hears_it_too() -> None:
    async with serving(RecordingDoor()) as url, connected(url) as wire:
        await wire.send(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        status, headers, _ = await wire.answer()
        assert (status, headers["access-control-allow-origin"]) == (400, "*")
