"""The answers of Segment's paths, through a real server."""

from __future__ import annotations

import asyncio
import gzip
import io
import ipaddress
import zlib
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse, ClientSession
from pydantic import ByteSize

from gateway.config.model import Limits, Source
from gateway.errors import JournalError, Overloaded
from gateway.event import Reason
from gateway.ingest.segment import parse as segment
from tests.ingest.backend import KEY, RecordingDoor, serving

ALONE = [(f"/v1/{name}", of) for of in segment.TYPES for name in (of, of[0])]
BATCHES = ["/v1/batch", "/v1/b", "/v1/import"]
EVENT = {"event": "Sent", "writeKey": KEY}
BODY = orjson.dumps(EVENT)
DEEP = 100_000


async def refused(response: ClientResponse, status: int = 400) -> str:
    """The code of an error that has the shape every SDK can read."""
    assert response.status == status
    assert response.headers["Content-Type"] == "application/json"
    answer = orjson.loads(await response.read())
    assert answer.keys() == {"success", "code", "message"}
    assert answer["success"] is False
    assert answer["message"]
    if status != 400:
        assert response.headers["Retry-After"] == response.headers["X-RateLimit-Reset"]
        assert 1 <= int(response.headers["Retry-After"]) <= 300
    code = answer["code"]
    assert isinstance(code, str)
    return code


async def taken(response: ClientResponse) -> None:
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert await response.read() == b'{"success": true}'


class TestPaths:
    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize(("path", "of"), ALONE)
    async def test_one_event(
        self, http: ClientSession, door: RecordingDoor, path: str, of: str, slash: str
    ) -> None:
        async with http.post(path + slash, data=BODY) as response:
            await taken(response)
        assert [(event.type, event.source) for event in door.events] == [(of, "demo")]

    @pytest.mark.parametrize("slash", ["", "/"])
    @pytest.mark.parametrize("path", BATCHES)
    async def test_a_batch(
        self, http: ClientSession, door: RecordingDoor, path: str, slash: str
    ) -> None:
        batch = {"batch": [{"type": "page"}, {"type": "group"}, None], "writeKey": KEY}
        async with http.post(path + slash, json=batch) as response:
            await taken(response)
        assert [event.type for event in door.events] == ["page", "group"]
        assert [refusal.reason for refusal in door.refusals] == [Reason.NOT_AN_OBJECT]
        assert len(door.intakes) == 1

    @pytest.mark.parametrize("path", ["/v1/m", "/v1/m/"])
    @pytest.mark.parametrize("body", [b'{"series": [{"metric": "x"}]}', b"", b"\xff{"])
    async def test_the_metrics_of_sdks_are_answered_and_dropped(
        self, http: ClientSession, door: RecordingDoor, path: str, body: bytes
    ) -> None:
        async with http.post(path, data=body) as response:
            await taken(response)
        assert door.intakes == []

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "POST", "PROPFIND"])
    @pytest.mark.parametrize("path", ["/v1/", "/v1/nope", "/v1/track/more", "/v1/%ff", "/v1//no"])
    async def test_no_other_path_or_method_says_404_or_405(
        self, http: ClientSession, method: str, path: str
    ) -> None:
        async with http.request(method, path) as response:
            assert await refused(response) == "no_such_path"
        async with http.request("PUT", "/v1/track", data=BODY) as response:
            assert await refused(response) == "no_such_path"

    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "application/json", "application/x-www-form-urlencoded", "image/png", "é"],
    )
    async def test_no_content_type_matters(
        self, http: ClientSession, door: RecordingDoor, content_type: str
    ) -> None:
        headers = {"Content-Type": content_type}
        async with http.post("/v1/track", data=BODY, headers=headers) as response:
            await taken(response)
        assert door.messages[0]["event"] == "Sent"

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("gzip", gzip.compress(BODY, mtime=0)),
            ("GZIP", gzip.compress(BODY, mtime=0)),
            ("x-gzip", gzip.compress(BODY, mtime=0)),
            ("deflate", zlib.compress(BODY)),
            ("identity", BODY),
            ("identity, gzip", gzip.compress(BODY, mtime=0)),
            ("", BODY),
            ("", gzip.compress(BODY, mtime=0)),
            ("", zlib.compress(BODY)),
            ("gzip", BODY),
            ("deflate", BODY),
            ("gzip", zlib.compress(BODY)),
            ("deflate", gzip.compress(BODY, mtime=0)),
            ("br", BODY),
            ("br", gzip.compress(BODY, mtime=0)),
            ("gzip", gzip.compress(gzip.compress(BODY, mtime=0), mtime=0)),
            ("gzip, gzip", gzip.compress(gzip.compress(BODY, mtime=0), mtime=0)),
            ("zip; é", BODY),
        ],
    )
    @pytest.mark.parametrize("chunked", [True, None])
    async def test_encodings(
        self,
        http: ClientSession,
        door: RecordingDoor,
        encoding: str,
        body: bytes,
        chunked: bool | None,
    ) -> None:
        headers = {"Content-Encoding": encoding}
        async with http.post("/v1/t", data=body, headers=headers, chunked=chunked) as response:
            await taken(response)
        assert door.messages[0]["event"] == "Sent"


BROTLI = b"\x1b\x0e\x00\xf8\x25\x00\xa2\x9a"
ZSTANDARD = b"\x28\xb5\x2f\xfd\x24\x11\x89\x00"
HOSTILE: dict[str, tuple[bytes, dict[str, str], str]] = {
    "empty": (b"", {}, "empty_body"),
    "empty gzip": (gzip.compress(b""), {"Content-Encoding": "gzip"}, "empty_body"),
    "gzip of nothing at all": (b"", {"Content-Encoding": "gzip"}, "empty_body"),
    "not json": (b"event=Sent", {}, "invalid_json"),
    "invalid utf-8": (b'{"event": "\xff\xfe"}', {}, "invalid_json"),
    "utf-16": ('{"event": "Sent"}'.encode("utf-16"), {}, "invalid_json"),
    "nul bytes": (b"\x00" * 100, {}, "invalid_json"),
    "cut short": (BODY[:-1], {}, "invalid_json"),
    "arrays, deep": (b"[" * DEEP + b"]" * DEEP, {}, "too_deep"),
    "arrays, never closed": (b"[" * DEEP, {}, "too_deep"),
    "objects, deep": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, {}, "too_deep"),
    "an event, deep": (b'{"p":' + b"[" * 900 + b"]" * 900 + b"}", {}, "invalid_write_key"),
    "an event with a key, deep": (
        b'{"writeKey": "%s", "p":' % KEY.encode() + b"[" * 900 + b"]" * 900 + b"}",
        {},
        "too_deep",
    ),
    "no key": (b'{"event": "Sent"}', {}, "invalid_write_key"),
    "too large": (b" " * 2**20 + BODY, {}, "payload_too_large"),
    "an event too large": (
        orjson.dumps({**EVENT, "properties": {"text": "x" * 2**17}}),
        {},
        "payload_too_large",
    ),
    "a bomb": (
        gzip.compress(b" " * 100_000_000),
        {"Content-Encoding": "gzip"},
        "payload_too_large",
    ),
    "a bomb in a bomb": (
        gzip.compress(gzip.compress(b" " * 10_000_000)),
        {"Content-Encoding": "gzip"},
        "payload_too_large",
    ),
    "truncated gzip": (gzip.compress(BODY)[:-1], {"Content-Encoding": "gzip"}, "invalid_encoding"),
    "corrupt gzip": (
        gzip.compress(BODY)[:-8] + b"\xff" * 8,
        {"Content-Encoding": "gzip"},
        "invalid_encoding",
    ),
    "no gzip": (b"\x1f\x8b" + BODY, {"Content-Encoding": "gzip"}, "invalid_encoding"),
    "no deflate": (b"\xff" + BODY, {"Content-Encoding": "deflate"}, "invalid_encoding"),
    "brotli": (BROTLI, {"Content-Encoding": "br"}, "unsupported_encoding"),
    "zstandard": (ZSTANDARD, {"Content-Encoding": "zstd"}, "unsupported_encoding"),
    "an encoding nobody knows": (BROTLI, {"Content-Encoding": "zip; é"}, "unsupported_encoding"),
    "three times encoded": (
        gzip.compress(gzip.compress(gzip.compress(BODY))),
        {"Content-Encoding": "gzip, gzip, gzip"},
        "invalid_json",
    ),
}


class TestHostileBodies:
    @pytest.mark.parametrize("name", HOSTILE)
    @pytest.mark.parametrize("chunked", [True, None])
    async def test_is_refused_for_good_and_harms_nobody(
        self, name: str, chunked: bool | None
    ) -> None:
        body, headers, code = HOSTILE[name]
        door = RecordingDoor()
        async with serving(door) as url:
            async with (
                ClientSession(url, skip_auto_headers=["Content-Type"]) as http,
                http.post(
                    "/v1/track", data=io.BytesIO(body), headers=headers, chunked=chunked
                ) as response,
            ):
                assert await refused(response) == code
            assert door.codes == [code]
            async with ClientSession(url) as http, http.post("/v1/track", data=BODY) as response:
                await taken(response)
            assert len(door.events) == 1
            assert door.admission.in_flight == 0

    @pytest.mark.parametrize(
        "value",
        [
            b"NaN",
            b"[Infinity, -Infinity, 1e400]",
            b"9" * 5000,
            b"1180591620717411303424",
            rb'"\ud800"',
            b'{"": {"": null}}',
            b"[" * 60 + b"]" * 60,
        ],
    )
    async def test_odd_values_cost_no_event(
        self, http: ClientSession, door: RecordingDoor, value: bytes
    ) -> None:
        body = b'{"writeKey": "%s", "properties": {"odd": %s}}' % (KEY.encode(), value)
        async with http.post("/v1/t", data=body) as response:
            await taken(response)
        assert orjson.dumps(door.messages[0])

    async def test_a_great_many_refusals_are_counted_with_one_answer(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        body = b'{"writeKey": "%s", "batch": [%s0]}' % (KEY.encode(), b"0," * 400_000)
        async with http.post("/v1/b", data=body) as response:
            await taken(response)
        assert sum(refusal.count for refusal in door.refusals) == 400_001
        assert len(door.refusals) <= 1 + door.limits.batch_events


class TestTrouble:
    @pytest.mark.parametrize(
        ("failure", "status", "code"),
        [
            (JournalError("disk full"), 503, "unavailable"),
            (Overloaded(7), 429, "overloaded"),
            (TimeoutError(), 503, "unexpected"),
        ],
    )
    async def test_what_cannot_be_kept_is_asked_for_again(
        self, http: ClientSession, door: RecordingDoor, failure: Exception, status: int, code: str
    ) -> None:
        door.fails = failure
        async with http.post("/v1/track", data=BODY) as response:
            assert await refused(response, status) == code
        assert door.codes == [code]

    async def test_a_fault_of_the_gateway_is_logged_without_a_value(
        self, http: ClientSession, door: RecordingDoor, capfd: pytest.CaptureFixture[str]
    ) -> None:
        door.fails = RuntimeError("about ann@example.org")
        async with http.post("/v1/track", data=BODY) as response:
            assert await refused(response, 503) == "unexpected"
            assert "ann@" not in await response.text()
        written = "".join(capfd.readouterr())
        assert "RuntimeError at backend.py" in written
        assert "ann@" not in written

    async def test_too_many_requests_at_once_are_told_to_wait(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        door.limits = Limits(requests_in_flight=1)
        door.held = asyncio.Event()
        first = asyncio.create_task(http.post("/v1/track", data=BODY))
        await door.entered.wait()
        async with http.post("/v1/track", data=BODY) as response:
            assert await refused(response, 429) == "overloaded"
        door.held.set()
        async with await first as response:
            await taken(response)
        async with http.post("/v1/track", data=BODY) as response:
            await taken(response)

    async def test_a_source_over_its_rate_is_told_to_wait(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        door.limits = Limits(events_per_second=1)
        batch = {"batch": [{"type": "page"}] * 60, "writeKey": KEY}
        async with http.post("/v1/batch", json=batch) as response:
            await taken(response)
        async with http.post("/v1/track", data=BODY) as response:
            assert await refused(response, 429) == "overloaded"
            assert 50 <= int(response.headers["Retry-After"]) <= 60
        assert len(door.events) == 60

    async def test_limits_are_read_for_each_request(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        async with http.post("/v1/track", data=BODY) as response:
            await taken(response)
        door.limits = Limits(body_bytes=ByteSize(10))
        async with http.post("/v1/track", data=BODY) as response:
            assert await refused(response) == "payload_too_large"


class TestCors:
    SOURCES = (
        Source(name="shop", write_keys=("shop-key",), origins=("https://*.shop.example",)),
        Source(name="docs", write_keys=("docs-key",), origins=("http://docs.example:8080",)),
    )

    @pytest.mark.parametrize(
        ("origin", "readable"),
        [
            ("https://www.shop.example", True),
            ("HTTPS://WWW.SHOP.EXAMPLE", True),
            ("http://docs.example:8080", True),
            ("https://www.shop.example.evil.example", True),
            ("null", True),
            ("", False),
            ("https://a b", False),
        ],
    )
    @pytest.mark.parametrize(
        "path",
        [path for path, _ in ALONE]
        + [*BATCHES, "/v1/m", "/v1/nope", "/v1/import/", "/nope", "/nope/v1/batch", "/v1/v1/t"]
        + ["/sourceConfig", "/sourceConfig/", "/beacon/v1/batch", "/pixel/v1/track"]
        + ["/api/s/track", "/api/s/s2s/batch"],
    )
    async def test_a_preflight_is_answered_on_every_path(
        self, path: str, origin: str, readable: bool
    ) -> None:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,x-retry-count,x-my-own",
        }
        async with (
            serving(RecordingDoor(*self.SOURCES)) as url,
            ClientSession(url) as http,
            http.options(path, headers=asked) as response,
        ):
            assert response.status == 200
            _check_origin(response, origin if readable else None)
            assert response.headers["Access-Control-Max-Age"] == "7200"
            assert "POST" in response.headers["Access-Control-Allow-Methods"]
            names = response.headers["Access-Control-Allow-Headers"].lower()
            named = {name.strip() for name in names.split(",")}
            assert named >= {"authorization", "x-retry-count", "content-type", "x-my-own"}

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("POST", "/v1/t", {"writeKey": "shop-key"}, 200),
            ("POST", "/v1/t", {"writeKey": "docs-key"}, 400),
            ("POST", "/v1/t", {"writeKey": "nobody-has-this"}, 400),
            ("POST", "/v1/b", {}, 400),
            ("POST", "/v1/m", {}, 200),
            ("GET", "/v1/nope", None, 400),
            ("GET", "/v1/pixel/track", None, 200),
            ("GET", "/v1/projects/shop-key/settings", None, 200),
            ("GET", "/v1/projects/nobody-has-this/settings", None, 404),
            ("GET", "/analytics.js/v1/shop-key/analytics.min.js", None, 404),
            ("GET", "/analytics-next/bundles/some.js", None, 404),
            ("GET", "/sourceConfig/?writeKey=shop-key", None, 200),
            ("GET", "/sourceConfig/?writeKey=nobody-has-this", None, 404),
            ("POST", "/v1/v1/t", {"writeKey": "nobody-has-this"}, 400),
            ("POST", "/nope/v1/batch", {}, 404),
            ("GET", "/nope", None, 404),
            ("HEAD", "/nope", None, 404),
            ("PUT", "/v1/track", None, 400),
        ],
    )
    @pytest.mark.parametrize("origin", ["https://www.shop.example", "https://evil.example", "null"])
    async def test_every_answer_can_be_read_by_the_page(
        self, method: str, path: str, body: dict[str, Any] | None, status: int, origin: str
    ) -> None:
        """Else a browser SDK would try for ever; whose events are taken is another matter."""
        if origin != "https://www.shop.example" and body == {"writeKey": "shop-key"}:
            status = 400 if path == "/v1/t" else status
        async with serving(RecordingDoor(*self.SOURCES)) as url, ClientSession(url) as http:
            async with http.request(method, path, json=body, headers={"Origin": origin}) as got:
                assert got.status == status
                _check_origin(got, origin)
            async with http.request(method, path, json=body) as got:
                assert "Access-Control-Allow-Origin" not in got.headers

    @pytest.mark.parametrize(("fails", "status"), [(Overloaded(1), 429), (JournalError(), 503)])
    async def test_a_page_can_read_when_to_come_again(
        self, http: ClientSession, door: RecordingDoor, fails: Exception, status: int
    ) -> None:
        door.fails = fails
        headers = {"Origin": "https://any.example"}
        async with http.post("/v1/t", data=BODY, headers=headers) as response:
            await refused(response, status)
            _check_origin(response, "https://any.example")
            exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
            assert set(exposed) >= {"Retry-After", "X-RateLimit-Reset"}

    async def test_unknown_keys_may_come_from_anywhere(self) -> None:
        door = RecordingDoor(*self.SOURCES, accept_unknown=True)
        headers = {"Origin": "https://any.example"}
        async with serving(door) as url, ClientSession(url) as http:
            async with http.post("/v1/t", json={"writeKey": "x"}, headers=headers) as response:
                await taken(response)
                _check_origin(response, "https://any.example")
            async with http.post("/v1/t", json={"writeKey": "shop-key"}, headers=headers) as got:
                assert await refused(got) == "origin_not_allowed"


def _check_origin(response: ClientResponse, origin: str | None) -> None:
    """Never `*`: a page that sends credentials could not read the answer."""
    assert response.headers.get("Access-Control-Allow-Origin") == origin
    assert response.headers.get("Access-Control-Allow-Credentials") == ("true" if origin else None)
    assert response.headers["Vary"] == "Origin"


class TestSender:
    @pytest.mark.parametrize(
        ("headers", "opted_out"),
        [
            ({}, False),
            ({"DNT": "1"}, True),
            ({"Sec-GPC": "1"}, True),
            ({"DNT": "0"}, False),
            ({"DNT": "unspecified", "Sec-GPC": "?1"}, False),
        ],
    )
    async def test_opting_out(
        self, http: ClientSession, door: RecordingDoor, headers: dict[str, str], opted_out: bool
    ) -> None:
        async with http.post("/v1/t", data=BODY, headers=headers) as response:
            await taken(response)
        assert door.events[0].opted_out is opted_out

    @pytest.mark.parametrize(
        ("headers", "known"),
        [
            ({}, False),
            ({"Sec-Fetch-Mode": "cors"}, False),
            ({"Sec-Fetch-Site": "cross-site"}, True),
            ({"Origin": "https://any.example"}, True),
        ],
    )
    async def test_an_address_is_a_pages(
        self, http: ClientSession, door: RecordingDoor, headers: dict[str, str], known: bool
    ) -> None:
        """Sec-Fetch-Mode proves nothing: Node's fetch sends it, too."""
        async with http.post("/v1/t", data=BODY, headers=headers) as response:
            await taken(response)
        assert door.events[0].client_address == ("127.0.0.1" if known else None)

    async def test_the_address_behind_a_proxy_is_believed_where_the_proxy_is(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        headers = {"Origin": "https://any.example", "X-Forwarded-For": "192.0.2.9"}
        for trusted in ("192.0.2.0/24", "127.0.0.0/8"):
            door.trusted_proxies = [ipaddress.ip_network(trusted)]
            async with http.post("/v1/t", data=BODY, headers=headers) as response:
                await taken(response)
        addresses = [event.client_address for event in door.events]
        assert addresses == ["127.0.0.1", "192.0.2.9"]

    async def test_it_is_read_from_the_headers_that_are_configured(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        door.trusted_proxies = [ipaddress.ip_network("127.0.0.0/8")]
        origin = {"Origin": "https://any.example"}
        sent = {"X-Real-IP": "192.0.2.9", "CF-Connecting-IP": "192.0.2.8"}
        for names in (("X-Real-IP", "CF-Connecting-IP"), ("CF-Connecting-IP",), ("X-Other",)):
            door.client_address_headers = names
            async with http.post("/v1/t", data=BODY, headers=origin | sent) as response:
                await taken(response)
        addresses = [event.client_address for event in door.events]
        assert addresses == ["192.0.2.9", "192.0.2.8", None]
