"""Whatever comes to any of Mixpanel's paths, its answer is one of the few that its SDKs survive."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.config.model import Source
from tests.ingest.backend import RecordingDoor, serving

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SENT = [
    {"event": "Séance 🚀", "properties": {"token": TOKEN, "time": 1795420264.317, "n": None}},
    {"$token": TOKEN, "$distinct_id": "u", "$set": {"a": [1, {"b": "c"}]}},
]
JSON = orjson.dumps(SENT)
SOUND = (
    JSON,
    b"data=" + base64.b64encode(JSON),
    b"data=" + base64.b64encode(JSON) + b"&verbose=1&ip=1",
    b"\n".join(orjson.dumps(item) for item in SENT),
    gzip.compress(JSON),
    base64.b64encode(JSON),
)
ENDPOINTS = ("/track", "/track/", "/engage/", "/groups", "/import", "/import/")
QUERIES = ("", "verbose=1", "strict=1", "strict=1&verbose=1", "ip=1&_=1", "img=1", "callback=f")
STATUSES = {200, 400, 401, 413}


class _Live:
    """One server for all examples of a property."""

    def __init__(self) -> None:
        self.door = RecordingDoor(Source(name="shop", write_keys=(TOKEN,)), protocol="mixpanel")
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    async def open(self) -> None:
        self.url = await self._stack.enter_async_context(serving(self.door))
        self.http = await self._stack.enter_async_context(ClientSession())

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._loop.close()


@pytest.fixture(scope="module")
def live() -> Iterator[_Live]:
    with _opened() as server:
        yield server


@contextmanager
def _opened() -> Iterator[_Live]:
    server = _Live()
    server.run(server.open())
    try:
        yield server
    finally:
        server.close()


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(st.sampled_from(SOUND)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body) - 1))
        match draw(st.sampled_from(["flip", "cut", "insert", "double"])):
            case "flip":
                body[at] = draw(st.integers(0, 255))
            case "cut":
                del body[at : at + draw(st.integers(1, 40))]
            case "insert":
                body[at:at] = draw(st.binary(max_size=20))
            case _:
                body[at:at] = body[at : at + draw(st.integers(1, 40))]
        if not body:
            break
    return bytes(body)


_BODIES = _mutated() | st.binary(max_size=300)
_ENCODINGS = st.sampled_from(["", "", "gzip", "deflate", "br", "identity"])


@settings(deadline=None)
@given(_BODIES, st.sampled_from(ENDPOINTS), st.sampled_from(QUERIES), _ENCODINGS)
def test_any_body_to_any_path(
    live: _Live, body: bytes, path: str, query: str, encoding: str
) -> None:
    before = len(live.door.codes)
    headers = {"Content-Encoding": encoding} if encoding else {}
    status, content_type, answer = live.run(_ask(live, "POST", f"{path}?{query}", body, headers))
    _check(path, status, content_type, answer)
    assert "unexpected" not in live.door.codes[before:]


_QUERY = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"))


@settings(deadline=None)
@given(_QUERY | _BODIES.map(lambda body: f"data={_escaped(body)}"), st.sampled_from(ENDPOINTS))
def test_any_query_to_any_path(live: _Live, query: str, path: str) -> None:
    before = len(live.door.codes)
    status, content_type, answer = live.run(_ask(live, "GET", f"{path}?{query}", b"", {}))
    _check(path, status, content_type, answer)
    assert "unexpected" not in live.door.codes[before:]


_ASIDE = ("/flags/", "/flags/definitions", "/settings/", "/record/", "/decide", "/lookup-tables")


@settings(deadline=None, max_examples=30)
@given(_BODIES, st.sampled_from(_ASIDE), st.sampled_from(["GET", "POST"]), _QUERY)
def test_any_request_beside(live: _Live, body: bytes, path: str, method: str, query: str) -> None:
    headers = {"Authorization": "Basic " + base64.b64encode(body).decode()[:80]}
    sent = body if method == "POST" else b""
    status, _, answer = live.run(_ask(live, method, f"{path}?{query}", sent, headers))
    assert status in {200, 405}
    if status == 200:
        assert isinstance(orjson.loads(answer), dict)


async def _ask(
    live: _Live, method: str, target: str, body: bytes, headers: dict[str, str]
) -> tuple[int, str, bytes]:
    url = URL(live.url + target, encoded=True)
    async with live.http.request(method, url, data=body or None, headers=headers) as response:
        return response.status, response.headers["Content-Type"], await response.read()


def _check(path: str, status: int, content_type: str, answer: bytes) -> None:
    assert status in (STATUSES if path.startswith("/import") else {200})
    if content_type == "image/gif":
        assert answer.startswith(b"GIF89a")
    elif content_type.startswith("text/javascript"):
        assert answer.startswith(b"/**/")
    elif content_type == "text/plain":
        assert answer == b"1"
    else:
        said = orjson.loads(answer)
        assert "status" in said
        assert status == 200 or said["code"] == status
        assert "error" in said or said["status"] == "OK"


def _escaped(body: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in body)


@pytest.mark.parametrize(
    "body",
    [
        b"&" * 900_000,
        b"=" * 900_000,
        b"data=" + b"%" * 900_000,
        b"data=" + b"+" * 900_000,
        b"data=" + b"A" * 900_000,
        b"}\n" * 450_000,
        b"{" + b"}\n{" * 300_000 + b"}",
        b"{\n" + b"}" + b" " * 900_000,
        b"[" + b"{}," * 290_000 + b"{}]",
        b'{"event":"' + b"\xed\xa0\xbd" * 300_000 + b'"}',
        b'{"event":"' + b"\\ud83d" * 150_000 + b'"}',
        b'{"event":' + b"9" * 900_000 + b"}",
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
@pytest.mark.timeout(20)
async def test_a_body_made_to_cost_much(body: bytes) -> None:
    """A quadratic reader would need minutes for any of these."""
    door = RecordingDoor(Source(name="shop", write_keys=(TOKEN,)), protocol="mixpanel")
    async with (
        serving(door) as url,
        ClientSession(url) as http,
        http.post("/track", data=body) as response,
    ):
        assert response.status == 200
        _check("/track", response.status, response.content_type, await response.read())
    assert "unexpected" not in door.codes
