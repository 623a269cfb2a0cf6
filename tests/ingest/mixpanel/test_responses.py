"""Each client hears what lets it go on, whatever it sent and whatever goes wrong here."""

from __future__ import annotations

import asyncio
import base64
import gzip
from http import HTTPStatus
from io import BytesIO
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse, ClientSession, encode_basic_auth

from gateway.config.model import Limits, Source
from gateway.config.values import Bytes
from gateway.errors import JournalError
from gateway.event import Reason
from gateway.ingest import Refusal
from tests.ingest.backend import RecordingDoor, serving

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
EVENT = {"event": "E", "properties": {"token": TOKEN, "time": 1795420264}}
UPDATE = {"$token": TOKEN, "$distinct_id": "u", "$set": {"a": 1}}
GOOD, LOST, BAD = EVENT, {"event": "E", "properties": {"$insert_id": "lost-1"}}, 5
ORIGIN = {"Origin": "https://www.example"}
PATHS = ("/track", "/track/", "/engage", "/engage/", "/groups", "/groups/")
IMPORTS = ("/import", "/import/")


@pytest.fixture
def door() -> RecordingDoor:
    return RecordingDoor(Source(name="shop", write_keys=(TOKEN,)), protocol="mixpanel")


def form(value: Any, **fields: str) -> dict[str, str]:
    return {"data": orjson.dumps(value).decode(), **fields}


def body_for(path: str) -> Any:
    return EVENT if path.strip("/") in {"track", "import"} else UPDATE


async def said(response: ClientResponse) -> tuple[int, str, bytes]:
    return response.status, response.headers["Content-Type"], await response.read()


ONE = (200, "text/plain", b"1")
VERBOSE = (200, "application/json", b'{"error":null,"status":1}')


class TestTaken:
    @pytest.mark.parametrize("path", PATHS)
    async def test_says_one(self, http: ClientSession, path: str) -> None:
        for query in ("", "?verbose=0", "?verbose=", "?ip=1&_=1795422167305", "?strict=1"):
            async with http.post(path + query, data=form(body_for(path))) as response:
                assert await said(response) == ONE

    @pytest.mark.parametrize("path", PATHS)
    async def test_says_more_when_asked(self, http: ClientSession, path: str) -> None:
        for query in ("?verbose=1", "?verbose=2", "?ip=1&verbose=1&_=1"):
            async with http.post(path + query, data=form(body_for(path))) as response:
                assert await said(response) == VERBOSE
        async with http.post(path, data=form(body_for(path), verbose="1", ip="0")) as response:
            assert await said(response) == VERBOSE

    @pytest.mark.parametrize("sent", [[LOST], [BAD, GOOD], [], [LOST, BAD]])
    async def test_whatever_becomes_of_single_events(self, http: ClientSession, sent: Any) -> None:
        """Mixpanel's `1` says nothing about a token; a phone would send a 4xx again for ever."""
        async with http.post("/track", data=form(sent)) as response:
            assert await said(response) == ONE

    async def test_as_an_image(self, http: ClientSession) -> None:
        for data in (orjson.dumps(EVENT).decode(), "not readable"):
            async with http.get("/track/", params={"data": data, "img": "1"}) as response:
                status, content_type, body = await said(response)
            assert (status, content_type, body[:6]) == (200, "image/gif", b"GIF89a")

    @pytest.mark.parametrize("name", ["fn", "jQuery.cb_1", "(function(){})"])
    async def test_as_a_script(self, http: ClientSession, name: str) -> None:
        query = {"data": orjson.dumps(EVENT).decode(), "callback": name}
        async with http.get("/track/", params=query) as response:
            assert await response.read() == f"/**/{name}(1);".encode()
            assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        async with http.get("/track/", params={**query, "verbose": "1"}) as response:
            assert await response.read() == f'/**/{name}({{"error":null,"status":1}});'.encode()

    @pytest.mark.parametrize("name", ["alert(1)//", "<b>", "", "a" * 200, "(function(){alert(1)})"])
    async def test_but_no_script_of_anybodys_choice(self, http: ClientSession, name: str) -> None:
        query = {"data": orjson.dumps(EVENT).decode(), "callback": name}
        async with http.get("/track/", params=query) as response:
            assert await said(response) == ONE


class TestImport:
    @pytest.mark.parametrize("path", IMPORTS)
    async def test_as_each_sdk_needs_it(self, http: ClientSession, path: str) -> None:
        events = [EVENT, EVENT]
        strict = {"code": 200, "num_records_imported": 2, "status": "OK"}
        both = {"code": 200, "num_records_imported": 2, "status": 1, "error": None}
        asked: list[tuple[str, dict[str, Any], Any]] = [
            ("", {"data": form(events)}, 1),
            ("?strict=0", {"json": events}, 1),
            ("?strict=1", {"json": events}, strict),
            ("", {"json": events}, strict),
            ("?strict=1", {"data": form(events)}, strict),
            ("?strict=1&verbose=1", {"json": events}, both),
            ("?verbose=1", {"data": form(events)}, both),
            ("", {"data": form(events, verbose="1", ip="0")}, both),
        ]
        for query, body, answer in asked:
            async with http.post(path + query, **body) as response:
                assert response.status == 200
                assert orjson.loads(await response.read()) == answer

    @pytest.mark.parametrize("query", ["?strict=1", "?strict=1&verbose=1", ""])
    async def test_tells_which_failed(
        self, http: ClientSession, door: RecordingDoor, query: str
    ) -> None:
        ignored = {"event": "E", "properties": {"token": TOKEN, "$ignore": True}}
        async with http.post("/import" + query, json=[GOOD, BAD, ignored, LOST, GOOD]) as response:
            answer = await response.json()
            assert response.status == answer["code"] == 400
        assert answer["status"] == "Bad Request"
        assert answer["num_records_imported"] == len(door.events) == 2
        records = [(r["index"], r["insert_id"], r["field"]) for r in answer["failed_records"]]
        assert records == [(1, "", ""), (3, "lost-1", "properties.token")]
        assert all(record["message"] for record in answer["failed_records"])

    async def test_is_content_with_some_when_not_strict(self, http: ClientSession) -> None:
        async with http.post("/import", data=form([GOOD, BAD, LOST])) as response:
            assert await said(response) == ONE
        async with http.post("/import", data=form([GOOD, BAD], verbose="1")) as response:
            answer = await response.json()
            assert (answer["num_records_imported"], answer["status"]) == (1, 1)

    @pytest.mark.parametrize("query", ["", "?strict=1", "?strict=0&verbose=1"])
    async def test_refuses_who_names_no_source(
        self, http: ClientSession, door: RecordingDoor, query: str
    ) -> None:
        headers = {"Authorization": encode_basic_auth("nobody", "secret")}
        async with http.post("/import" + query, json=[LOST], headers=headers) as response:
            assert response.status == 401
            assert await response.json() == {
                "code": 401,
                "error": "Invalid credentials",
                "status": "Unauthorized",
            }
        assert [str(refusal.reason) for refusal in door.refusals] == ["unknown_write_key"]

    async def test_takes_who_names_one(self, http: ClientSession, door: RecordingDoor) -> None:
        headers = {"Authorization": encode_basic_auth(TOKEN, "")}
        body = gzip.compress(orjson.dumps([LOST]))
        headers |= {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        async with http.post("/import?strict=1", data=body, headers=headers) as response:
            assert (await response.json())["status"] == "OK"
        assert [event.source for event in door.events] == ["shop"]


UNREADABLE: dict[str, tuple[bytes, dict[str, str], str]] = {
    "nothing": (b"", {}, "no_data"),
    "blanks": (b" \r\n", {}, "no_data"),
    "no data": (b"verbose=0&ip=1", {}, "no_data"),
    "empty data": (b"data=&ip=1", {}, "no_data"),
    "torn JSON": (b'{"event":', {}, "invalid_json"),
    "torn JSON in a form": (b"data=%7B%22event%22", {}, "invalid_json"),
    "no base64": (b"data=?!*", {}, "invalid_encoding"),
    "base64 of anything": (b"data=" + base64.b64encode(bytes(range(256))), {}, "invalid_json"),
    "base64 of a number": (b"data=" + base64.b64encode(b"42"), {}, "not_an_object"),
    "no UTF-8": (b'{"event":"\xff"}', {}, "invalid_json"),
    "no CESU-8": (b'{"event":"\xed\xa0\xbd \xff"}', {}, "invalid_json"),
    "bytes": (bytes(range(256)), {}, "no_data"),
    "deep": (b"[" * 100_000, {}, "too_deep"),
    "deep in a form": (b"data=" + b"[" * 100_000, {}, "too_deep"),
    "corrupt gzip": (b"data=x", {"Content-Encoding": "gzip"}, "invalid_encoding"),
    "torn gzip": (
        gzip.compress(orjson.dumps(EVENT))[:-9],
        {"Content-Encoding": "gzip"},
        "invalid_encoding",
    ),
    "brotli": (b"\x0b\x02\x80data=x\x03", {"Content-Encoding": "br"}, "unsupported_encoding"),
    "a bomb": (
        gzip.compress(b" " * 20_000_000),
        {"Content-Encoding": "gzip"},
        "payload_too_large",
    ),
    "too large": (b"data=" + b"x" * 2_000_000, {}, "payload_too_large"),
}
UNREADABLE_NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name == "too large" else name
    for name in UNREADABLE
]


class TestUnreadable:
    """Nobody gains by its coming again, so nobody is told to send it again."""

    @pytest.mark.parametrize("path", ["/track/", "/engage", "/groups/"])
    @pytest.mark.parametrize("name", UNREADABLE_NAMES)
    async def test_is_200_and_counted(
        self, http: ClientSession, door: RecordingDoor, name: str, path: str
    ) -> None:
        body, headers, code = UNREADABLE[name]
        async with http.post(path, data=BytesIO(body), headers=headers) as response:
            assert response.status == 200
            answer = await response.json()
        assert answer["status"] == 0
        assert answer["error"]
        assert door.codes == [code]
        assert not door.intakes
        async with http.post("/track", json=EVENT) as response:
            assert await said(response) == ONE

    @pytest.mark.parametrize("name", UNREADABLE_NAMES)
    async def test_is_told_to_callers_of_import(
        self, http: ClientSession, door: RecordingDoor, name: str
    ) -> None:
        body, headers, code = UNREADABLE[name]
        async with http.post("/import", data=BytesIO(body), headers=headers) as response:
            answer = await response.json()
        status = 413 if code == "payload_too_large" else 400
        assert response.status == answer["code"] == status
        assert answer["status"] == HTTPStatus(status).phrase
        assert answer["error"]
        assert door.codes == [code]

    async def test_a_page_hears_that_its_batch_is_too_large(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        """It sends the two halves then."""
        door.limits = Limits(body_bytes=Bytes(1000))
        async with http.post("/track/", data=b"x" * 1001, headers=ORIGIN) as response:
            assert response.status == 413
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
            assert (await response.json())["status"] == "Request Entity Too Large"

    async def test_an_importer_hears_that_it_sends_too_many_events(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        door.limits = Limits(batch_events=2)
        async with http.post("/import?strict=1", json=[EVENT] * 3) as response:
            assert (response.status, (await response.json())["code"]) == (413, 413)
        assert door.codes == ["too_many_events"]
        assert not door.intakes

    async def test_a_get_without_data(self, http: ClientSession, door: RecordingDoor) -> None:
        async with http.get("/track?ip=0") as response:
            assert (response.status, (await response.json())["status"]) == (200, 0)
        assert door.codes == ["no_data"]


ALL = (*PATHS, *IMPORTS)


class TestBackPressure:
    @pytest.mark.parametrize("path", ALL)
    async def test_the_journal_cannot_keep_it(
        self, http: ClientSession, door: RecordingDoor, path: str
    ) -> None:
        door.fails = JournalError("the disk is full")
        async with http.post(path, json=body_for(path), headers=ORIGIN) as response:
            self._check(response, await response.json(), 503, "5")
        assert door.codes == ["unavailable"]

    async def test_a_fault_of_ours(self, http: ClientSession, door: RecordingDoor) -> None:
        door.fails = ZeroDivisionError("ann@example.com")
        async with http.post("/track", json=EVENT, headers=ORIGIN) as response:
            answer = await response.json()
            self._check(response, answer, 503, "5")
        assert "ann" not in answer["error"]
        assert door.codes == ["unexpected"]

    async def test_a_rate(self, http: ClientSession, door: RecordingDoor) -> None:
        door.limits = Limits(events_per_second=1)
        async with http.post("/track", json=[EVENT] * 100, headers=ORIGIN) as response:
            assert response.status == 200
        async with http.post("/track", json=EVENT, headers=ORIGIN) as response:
            wait = response.headers["Retry-After"]
            self._check(response, await response.json(), 429, wait)
            assert int(wait) > 90
        assert door.codes == ["overloaded"]

    async def test_too_many_at_once(self, http: ClientSession, door: RecordingDoor) -> None:
        door.limits = Limits(requests_in_flight=1)
        door.held = asyncio.Event()
        first = asyncio.create_task(http.post("/track", json=EVENT))
        await door.entered.wait()
        async with http.post("/engage", json=UPDATE, headers=ORIGIN) as response:
            self._check(response, await response.json(), 429, "1")
        async with http.get("/flags/?token=" + TOKEN) as response:
            assert await response.json() == {"code": 200, "flags": {}}
        door.held.set()
        async with await first as response:
            assert response.status == 200

    async def test_a_stop(self, http: ClientSession, door: RecordingDoor) -> None:
        door.closing = True
        async with http.post("/track", json=EVENT, headers=ORIGIN) as response:
            self._check(response, await response.json(), 503, "5")
            assert response.headers["Connection"] == "close"

    @pytest.mark.slow
    async def test_a_body_that_stalls(self, door: RecordingDoor) -> None:
        door.limits = Limits(body_seconds=0.05)
        async with serving(door) as url:
            host, port = url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /track/ HTTP/1.1\r\nHost: g\r\nContent-Length: 99\r\n\r\ndata=")
            answer = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            async with ClientSession(url) as http, http.post("/track", json=EVENT) as response:
                assert await said(response) == ONE
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5\r\n" in answer
        assert door.codes == ["body_timeout"]

    @staticmethod
    def _check(
        response: ClientResponse, answer: dict[str, Any], status: int, retry_after: str
    ) -> None:
        assert response.status == answer["code"] == status
        assert response.headers["Retry-After"] == retry_after
        assert "Retry-After" in response.headers.get("Access-Control-Expose-Headers", "Retry-After")
        assert answer["status"] == HTTPStatus(status).phrase
        assert answer["error"]


class TestPages:
    @pytest.mark.parametrize("path", [*ALL, "/flags/", "/settings/", "/record/", "/decide"])
    async def test_may_ask_first(self, http: ClientSession, path: str) -> None:
        wanted = "authorization, traceparent, content-type, content-encoding, x-custom"
        headers = {
            **ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": wanted,
        }
        async with http.options(path + "?_=1", headers=headers) as response:
            assert response.status == 200
            allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
            assert set(wanted.split(", ")) <= set(allowed)
            assert "POST" in response.headers["Access-Control-Allow-Methods"]
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
            assert response.headers["Access-Control-Allow-Credentials"] == "true"

    @pytest.mark.parametrize("body", [b"data=", orjson.dumps(EVENT), b"{"])
    async def test_can_read_every_answer(self, http: ClientSession, body: bytes) -> None:
        async with http.post("/track/", data=body, headers=ORIGIN) as response:
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
            assert response.headers["Access-Control-Allow-Credentials"] == "true"
            assert response.headers["Vary"] == "Origin"

    async def test_of_other_sites_hear_so_and_their_events_are_not_taken(self) -> None:
        source = Source(name="shop", write_keys=(TOKEN,), origins=("https://shop.example",))
        door = RecordingDoor(source, protocol="mixpanel")
        async with (
            serving(door) as url,
            ClientSession(url) as http,
            http.post("/track/", json=EVENT, headers=ORIGIN) as response,
        ):
            assert await said(response) == ONE
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
        assert door.events == []
        assert door.refusals == [Refusal("shop", "event", Reason.ORIGIN_NOT_ALLOWED)]

    async def test_of_other_sites_hear_it_from_import(self) -> None:
        source = Source(name="shop", write_keys=(TOKEN,), origins=("https://shop.example",))
        door = RecordingDoor(source, protocol="mixpanel")
        async with (
            serving(door) as url,
            ClientSession(url) as http,
            http.post("/import?strict=1", json=[EVENT], headers=ORIGIN) as response,
        ):
            assert response.status == 401


BASIC = {"Authorization": encode_basic_auth(TOKEN, "")}


class TestAside:
    """What SDKs ask for beside sending events."""

    @pytest.mark.parametrize(
        ("method", "path", "answer"),
        [
            ("GET", "/flags", {"code": 200, "flags": {}}),
            ("GET", "/flags/", {"code": 200, "flags": {}}),
            ("GET", "/flags/definitions", {"code": 200, "flags": []}),
            ("POST", "/flags/f00-1/first-time-events", {"code": 200, "status": "OK"}),
            ("POST", "/record", {"code": 200, "status": "OK"}),
            ("POST", "/record/", {"code": 200, "status": "OK"}),
        ],
    )
    @pytest.mark.parametrize("named_by", ["header", "query", "nothing"])
    async def test_what_is_personal_is_not_taken_but_counted(
        self,
        http: ClientSession,
        door: RecordingDoor,
        method: str,
        path: str,
        *,
        answer: Any,
        named_by: str,
    ) -> None:
        body = gzip.compress(b"a replay" * 1000) if method == "POST" else None
        headers = BASIC if named_by == "header" else {}
        query = {"token": TOKEN} if named_by == "query" else {}
        async with http.request(
            method, path, params=query, data=body, headers={**headers, **ORIGIN}
        ) as response:
            assert response.status == 200
            assert await response.json() == answer
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
        source = "unknown" if named_by == "nothing" else "shop"
        assert [(r.source, str(r.reason)) for r in door.refusals] == [(source, "not_forwarded")]
        assert not door.events

    @pytest.mark.parametrize("error", [JournalError("full"), None])
    async def test_a_replay_is_never_sent_again(
        self, http: ClientSession, door: RecordingDoor, error: Exception | None
    ) -> None:
        """Of any size, and in any state of the gateway."""
        door.fails = error
        replay = BytesIO(b"x" * 3_000_000)
        async with http.post("/record/", data=replay, headers=BASIC) as response:
            assert await response.json() == {"code": 200, "status": "OK"}
        async with http.get("/flags/", headers=BASIC) as response:
            assert response.status == 200

    async def test_settings_switch_recording_off(self, http: ClientSession) -> None:
        async with http.get("/settings/?sdk_config=1", headers={**BASIC, **ORIGIN}) as response:
            settings = await response.json()
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
        assert settings == {"sdk_config": {"config": {"record_sessions_percent": 0}}}

    async def test_the_rest_says_something(self, http: ClientSession, door: RecordingDoor) -> None:
        async with http.get("/decide?version=1&token=x") as response:
            assert (response.status, await response.json()) == (200, {"notifications": []})
        async with http.get("/") as response:
            assert (await response.json())["error"].startswith("Welcome.")
        async with http.get("/lookup-tables") as response:
            assert (await response.json())["results"] == []
        async with http.put("/lookup-tables/1?project_id=2", data=b"id,name\n") as response:
            assert (response.status, (await response.json())["status"]) == (403, "Forbidden")
        assert not door.intakes

    @pytest.mark.parametrize(
        "path",
        [
            "/lib.js",
            "/lib.min.js",
            "/mixpanel.min.js",
            "/mixpanel-recorder.min.js",
            "/libs/mixpanel-2-latest.min.js",
        ],
    )
    async def test_the_library_is_not_here(self, http: ClientSession, path: str) -> None:
        async with http.get(path) as response:
            assert response.status == 404
            assert "mixpanel-browser" in await response.text()
            assert response.headers["Content-Type"].startswith("text/plain")

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
    async def test_other_methods(self, http: ClientSession, method: str) -> None:
        async with http.request(method, "/track/", data=b"{}") as response:
            assert (response.status, (await response.json())["code"]) == (405, 405)
            assert response.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
