"""No bytes, at any path, make the server give an answer that its SDKs do not survive."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator

import orjson
import pytest
from aiohttp import ClientSession
from hypothesis import event, given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.ingest.segment import parse as segment
from tests.ingest.backend import KEY, RecordingDoor, serving

pytestmark = pytest.mark.slow

Ask = Callable[[str, str, bytes, dict[str, str]], tuple[int, bytes]]

ALONE = [f"/v1/{name}" for of in segment.TYPES for name in (of, of[0])]
PATHS = [
    path + slash for path in [*ALONE, "/v1/batch", "/v1/b", "/v1/import"] for slash in ("", "/")
]
VALID = [
    orjson.dumps(body)
    for body in (
        {"writeKey": KEY, "event": "Sent", "properties": {"a": [1, {"b": None}]}, "sentAt": "2026"},
        {
            "batch": [{"type": "track", "messageId": 5, "timestamp": "2026-11-23T07:51:04.317Z"}],
            "context": {"library": {"name": "analytics-java"}},
            "integrations": {"All": True},
            "writeKey": KEY,
            "sentAt": "2026-11-23T07:51:04.317Z",
        },
    )
]
ODD = [
    b"null",
    b"[]",
    b"{}",
    b"NaN",
    b"1e999",
    rb'"\ud800"',
    b"9" * 30,
    b'""',
    b"[[[[",
    b"\xff",
    b"-",
]
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "Origin", "Authorization", "X-Forwarded-For", "DNT", "Host"]),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).map(str.strip),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    [
        "type", "event", "name", "userId", "messageId", "timestamp", "originalTimestamp", "sentAt",
        "context", "integrations", "properties", "traits", "writeKey", "batch", "library",
    ]
)  # fmt: skip
EVENTS = st.dictionaries(FIELDS, JSON).map(lambda event: {"type": "track", **event})


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid body with pieces cut, doubled or replaced."""
    body = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, min(len(body), start + 30)))
        body[start:end] = draw(
            st.sampled_from([*ODD, b"", bytes(body[:start])]) | st.binary(max_size=9)
        )
    return bytes(body)


BODIES = (
    st.binary(max_size=200)
    | mutated()
    | JSON.map(lambda value: orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    | EVENTS.map(lambda event: orjson.dumps({"writeKey": KEY, **event}))
    | st.lists(EVENTS | JSON).map(lambda batch: orjson.dumps({"writeKey": KEY, "batch": batch}))
)


@pytest.fixture(scope="module", params=[False, True], ids=["reject", "accept"])
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """One server for all examples; a fresh connection for each."""
    door = RecordingDoor(accept_unknown=request.param)
    with asyncio.Runner() as runner:
        server = serving(door)
        url = URL(runner.run(server.__aenter__()))

        async def exchange(
            method: str, path: str, body: bytes, headers: dict[str, str]
        ) -> tuple[int, bytes]:
            door.intakes.clear()
            async with (
                ClientSession() as http,
                http.request(
                    method,
                    URL(f"{url.origin()}{path}", encoded=True),
                    data=body or None,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                answer = response.status, await response.read()
            for message in door.messages:
                assert {"type", "messageId", "timestamp", "receivedAt"} <= message.keys()
                assert None not in message.values()
                assert orjson.dumps(message)
            return answer

        yield lambda *given: runner.run(exchange(*given))
        runner.run(server.__aexit__(None, None, None))


def check(status: int, body: bytes) -> None:
    if status == 200:
        assert body == b'{"success": true}'
    else:
        assert status in (400, 429)
        answer = orjson.loads(body)
        assert answer["success"] is False
        assert isinstance(answer["code"], str)
        assert isinstance(answer["message"], str)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(PATHS), BODIES, HEADERS, st.sampled_from([None, "gzip", "corrupt"]))
def test_any_body_is_answered(
    ask: Ask, path: str, body: bytes, headers: dict[str, str], packed: str | None
) -> None:
    if packed:
        headers = {**headers, "Content-Encoding": "gzip"}
        body = gzip.compress(body, 1)
    if packed == "corrupt":
        body = body[: len(body) // 2] + body[len(body) // 2 + 1 :]
    status, answer = ask("POST", path, body, headers)
    event(f"status {status}")
    check(status, answer)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
    st.text(st.sampled_from("/abtipv1.%2fF=?&{}-é "), max_size=12).map(
        lambda text: URL.build(path=text).raw_path
    ),
)
def test_any_path_is_answered(ask: Ask, method: str, path: str) -> None:
    status, body = ask(method, "/v1/" + path.lstrip("/"), b"", {})
    if method != "OPTIONS":
        check(status, body)
    assert status in (200, 400)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(segment.TYPES),
    st.dictionaries(st.text(max_size=9) | FIELDS, st.text(max_size=30)),
)
def test_a_pixel_is_always_an_image(ask: Ask, of: str, query: dict[str, str]) -> None:
    path = URL.build(path=f"/v1/pixel/{of}", query=query)
    status, body = ask("GET", str(path), b"", {})
    assert status == 200
    assert body.startswith(b"GIF89a")
