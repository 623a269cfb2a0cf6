"""What other SDKs and wrongly written hosts ask for is served, and every refusal is counted."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse, ClientSession
from yarl import URL

from gateway.config.model import Source
from tests.ingest.backend import KEY, RecordingDoor, serving

EVENT = {"event": "Sent", "userId": "u1"}
BATCH = {"batch": [{"type": "page", "name": "Home"}, {"type": "track", "event": "Sent"}]}
TYPES = ("track", "page", "screen", "identify", "group", "alias")
GIF = b"GIF89a"


def basic(user: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:".encode()).decode()}


async def asked(http: ClientSession, method: str, path: str, **more: Any) -> ClientResponse:
    """As it is written, slashes and all."""
    base = str(http._base_url).rstrip("/")
    async with http.request(method, URL(base + path, encoded=True), **more) as response:
        await response.read()
        return response


class TestRudderStack:
    @pytest.mark.parametrize("slash", ["", "/"])
    async def test_its_beacon(self, http: ClientSession, door: RecordingDoor, slash: str) -> None:
        """`sendBeacon` can send no header of its own."""
        path = f"/beacon/v1/batch{slash}?writeKey={KEY}"
        headers = {"Content-Type": "text/plain;charset=UTF-8", "Origin": "https://any.example"}
        response = await asked(http, "POST", path, data=orjson.dumps(BATCH), headers=headers)
        assert response.status == 200
        assert [(event.source, event.name) for event in door.events] == [
            ("demo", "Home"),
            ("demo", "Sent"),
        ]
        assert door.events[0].client_address == "127.0.0.1"

    @pytest.mark.parametrize("of", TYPES)
    async def test_its_pixel(self, http: ClientSession, door: RecordingDoor, of: str) -> None:
        path = f"/pixel/v1/{of}?writeKey={KEY}&userId=u1&event=Sent&properties.subject=Hello%20you"
        response = await asked(http, "GET", path)
        assert response.headers["Content-Type"] == "image/gif"
        assert response._body is not None
        assert response._body.startswith(GIF)
        (message,) = door.messages
        assert message["type"] == of
        assert message["userId"] == "u1"
        assert message["properties"] == {"subject": "Hello you"}

    @pytest.mark.parametrize(
        ("path", "headers"),
        [
            ("/sourceConfig/", basic(KEY)),
            ("/sourceConfig", basic(KEY)),
            (f"/sourceConfig/?p=npm&v=3.34.1&writeKey={KEY}", {}),
            (f"/sourceConfig?p=ios&v=1.0&writeKey={KEY}", basic(KEY)),
            (f"//sourceConfig/?writeKey={KEY}", {}),
            (f"/v1/sourceConfig/?writeKey={KEY}", {}),
        ],
    )
    async def test_its_configuration_sends_everything_here(
        self, http: ClientSession, path: str, headers: dict[str, str]
    ) -> None:
        response = await asked(http, "GET", path, headers=headers)
        assert response.status == 200
        source = (await response.json())["source"]
        assert source["writeKey"] == KEY
        assert source["enabled"] is True
        assert source["destinations"] == []
        assert {kind["enabled"] for kind in source["config"]["statsCollection"].values()} == {False}

    @pytest.mark.parametrize("query", ["", "?writeKey=", "?writeKey=nobody-has-this"])
    async def test_an_unknown_key_has_no_configuration(
        self, http: ClientSession, door: RecordingDoor, query: str
    ) -> None:
        assert (await asked(http, "GET", f"/sourceConfig/{query}")).status == 404

    async def test_a_key_that_nobody_has_may_be_accepted(self) -> None:
        door = RecordingDoor(accept_unknown=True)
        async with serving(door) as url, ClientSession(url) as http:
            response = await asked(http, "GET", "/sourceConfig/?writeKey=whatever")
            assert (await response.json())["source"]["writeKey"] == "whatever"

    async def test_a_page_may_ask_with_its_key_in_a_header(self, http: ClientSession) -> None:
        headers = {
            "Origin": "https://any.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        response = await asked(http, "OPTIONS", "/sourceConfig/", headers=headers)
        assert response.status == 200
        assert "authorization" in response.headers["Access-Control-Allow-Headers"].lower()
        assert response.headers["Access-Control-Allow-Origin"] == "https://any.example"


class TestJitsu:
    @pytest.mark.parametrize("folder", ["/api/s", "/api/s/s2s"])
    @pytest.mark.parametrize("of", TYPES)
    async def test_one_event(
        self, http: ClientSession, door: RecordingDoor, folder: str, of: str
    ) -> None:
        """The body holds the key with its secret struck out."""
        body = {**EVENT, "writeKey": f"{KEY}:***"}
        headers = {"X-Write-Key": f"{KEY}:secret"}
        response = await asked(http, "POST", f"{folder}/{of}", json=body, headers=headers)
        assert response.status == 200
        assert [(event.source, event.type) for event in door.events] == [("demo", of)]
        assert "writeKey" not in door.messages[0]

    @pytest.mark.parametrize("path", ["/api/s/batch", "/api/s/s2s/batch"])
    async def test_a_batch(self, http: ClientSession, door: RecordingDoor, path: str) -> None:
        response = await asked(http, "POST", path, json=BATCH, headers={"X-Write-Key": KEY})
        assert response.status == 200
        assert len(door.events) == 2

    async def test_a_key_may_hold_its_secret(self) -> None:
        door = RecordingDoor(
            Source(name="whole", write_keys=("id:secret",)), Source(name="id", write_keys=("id",))
        )
        async with serving(door) as url, ClientSession(url) as http:
            for key in ("id:secret", "id:other"):
                headers = {"X-Write-Key": key}
                await asked(http, "POST", "/api/s/track", json=EVENT, headers=headers)
        assert [event.source for event in door.events] == ["whole", "id"]

    async def test_an_unknown_key(self, http: ClientSession, door: RecordingDoor) -> None:
        headers = {"X-Write-Key": "nobody:secret"}
        response = await asked(http, "POST", "/api/s/track", json=EVENT, headers=headers)
        assert response.status == 400
        assert door.refused_requests == [("/api/s/track", "POST", "invalid_write_key")]


class TestFolding:
    @pytest.mark.parametrize(
        "path",
        [
            "//v1/batch",
            "/v1//batch",
            "///v1///batch",
            "/v1/batch//",
            "/v1/v1/batch",
            "/v1/v1/v1/batch",
            "//v1/v1//batch/",
            "/v1/batch/v1/batch",
            "/v1/import/v1/import/",
            "/v1/api/s/batch",
            "//api//s/batch",
        ],
    )
    async def test_a_batch_finds_its_way(
        self, http: ClientSession, door: RecordingDoor, path: str
    ) -> None:
        headers = basic(KEY) | {"X-Write-Key": KEY}
        response = await asked(http, "POST", path, json=BATCH, headers=headers)
        assert (response.status, await response.json()) == (200, {"success": True})
        assert len(door.events) == 2
        assert door.codes == []

    async def test_so_do_events_in_a_query_and_settings(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        path = f"//v1//pixel/track?writeKey={KEY}&event=a%2Fb%20c&userId=u%26v"
        assert (await asked(http, "GET", path)).headers["Content-Type"] == "image/gif"
        assert (door.messages[0]["event"], door.messages[0]["userId"]) == ("a/b c", "u&v")
        response = await asked(http, "GET", f"/v1/v1/projects/{KEY}/settings")
        assert "integrations" in await response.json()

    async def test_so_does_mixpanel(self) -> None:
        door = RecordingDoor(protocol="mixpanel")
        event = {"event": "E", "properties": {"token": KEY}}
        async with serving(door) as url, ClientSession(url) as http:
            response = await asked(http, "POST", "//track//?verbose=1", json=event)
            assert await response.json() == {"error": None, "status": 1}
        assert len(door.events) == 1

    async def test_a_large_body_and_an_expectation(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        batch = {"batch": [{"type": "track", "event": "x" * 1000}] * 500}
        headers = basic(KEY)
        path = "/v1//batch"
        response = await asked(http, "POST", path, json=batch, headers=headers, expect100=True)
        assert response.status == 200
        assert len(door.events) == 500

    @pytest.mark.parametrize("path", ["/v2//batch", "//nope", "/v1/v1/nope", "/beacon//v2/batch"])
    async def test_what_is_not_there_either_way_is_refused_once(
        self, http: ClientSession, door: RecordingDoor, path: str
    ) -> None:
        response = await asked(http, "POST", path, json=BATCH, headers=basic(KEY))
        assert response.status in (400, 404)
        assert (await response.json())["code"] == "no_such_path"
        assert door.codes == ["no_such_path"]


class TestHead:
    @pytest.mark.parametrize(
        "path",
        [
            "/healthz",
            "/readyz",
            "/",
            "/v1/track",
            "/v1/t/",
            f"/v1/pixel/track?writeKey={KEY}&event=E",
            f"/pixel/v1/page?writeKey={KEY}",
            f"/v1/projects/{KEY}/settings",
            f"/sourceConfig/?view=ad&writeKey={KEY}",
            "/track?data=e30",
            "/engage/",
            "/import",
            "/settings",
            "/flags",
            "/decide/",
            "//v1/track",
        ],
    )
    async def test_is_answered_where_get_is_and_takes_nothing(
        self, http: ClientSession, door: RecordingDoor, path: str
    ) -> None:
        response = await asked(http, "HEAD", path)
        assert response.status == 200
        assert response._body == b""
        assert door.intakes == []
        assert door.codes == []


class TestCounting:
    @pytest.mark.parametrize(
        ("method", "path", "counted"),
        [
            ("POST", "/v1/track", ("/v1/track", "POST", "empty_body")),
            ("POST", "/v1/track/", ("/v1/track", "POST", "empty_body")),
            ("POST", "/v1/v1/track", ("/v1/track", "POST", "empty_body")),
            ("PUT", "/v1/track", ("/v1/{rest}", "PUT", "no_such_path")),
            ("GET", "/v1/anna@example.com", ("/v1/{rest}", "GET", "no_such_path")),
            ("GET", "/v1/pixel/track", ("/v1/pixel/track", "GET", "invalid_write_key")),
            ("POST", "/beacon/v1/batch", ("/beacon/v1/batch", "POST", "empty_body")),
            ("POST", "/rudder/v1/batch", ("*/batch", "POST", "no_such_path")),
            ("POST", "/proxy/v1/t/?x=1", ("*/t", "POST", "no_such_path")),
            ("POST", "/e/capture/", ("*/capture", "POST", "no_such_path")),
            ("POST", "/anna@example.com", ("other", "POST", "no_such_path")),
            ("PROPFIND", "/v1", ("other", "other", "no_such_path")),
            ("POST", "/flags/definitions/", ("/flags/definitions", "POST", "no_such_method")),
            ("DELETE", "/beacon/v1/batch", ("/beacon/v1/batch", "DELETE", "no_such_method")),
            ("HEAD", "/wp-login.php", ("other", "HEAD", "no_such_path")),
        ],
    )
    async def test_a_refusal_by_the_shape_of_its_path(
        self, http: ClientSession, door: RecordingDoor, method: str, path: str, counted: Any
    ) -> None:
        response = await asked(http, method, path)
        assert door.refused_requests == [counted]
        if counted[2] == "no_such_path" and method != "HEAD" and not path.startswith("/v1/"):
            assert response.status == 404
            assert (await response.json())["success"] is False
        assert ("Allow" in response.headers) == (counted[2] == "no_such_method")

    async def test_no_path_makes_a_new_one(self, http: ClientSession, door: RecordingDoor) -> None:
        for number in range(50):
            await asked(http, "POST", f"/v1/{number}")
            await asked(http, "POST", f"/{number}/{number}")
            await asked(http, "GET", f"/next-integrations/{number}/{number}.js")
            await asked(http, "GET", f"/v1/projects/{number}/settings")
        assert len(set(door.refused_requests)) <= 4
