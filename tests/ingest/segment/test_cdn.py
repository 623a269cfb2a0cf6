from __future__ import annotations

import gzip
import ipaddress
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession
from yarl import URL

from gateway.config.model import AnalyticsJs
from tests.ingest.backend import KEY, RecordingDoor

SETTINGS = f"/v1/projects/{KEY}/settings"
LIBRARY = f"/analytics.js/v1/{KEY}/analytics.min.js"
BUNDLE = "/analytics-next/bundles/tsub-middleware.bundle.5f3c1a.js"


async def settings(http: ClientSession, **headers: str) -> dict[str, Any]:
    async with http.get(SETTINGS, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Cache-Control"] == "public, max-age=60"
        answer: dict[str, Any] = orjson.loads(await response.read())
        return answer


def destination(answer: dict[str, Any]) -> tuple[str, str, str]:
    segment = answer["integrations"]["Segment.io"]
    return segment["apiKey"], segment["protocol"], segment["apiHost"]


class TestSettings:
    async def test_they_lead_every_sdk_here(self, http: ClientSession) -> None:
        answer = await settings(http, Host="gw.example:8443")
        assert destination(answer) == (KEY, "http", "gw.example:8443/v1")
        assert list(answer["integrations"]) == ["Segment.io"]
        assert answer["metrics"] == {"sampleRate": 0}

    async def test_the_configured_host_wins(self, http: ClientSession, door: RecordingDoor) -> None:
        door.analytics_js = AnalyticsJs(host="t.shop.example", protocol="https")
        assert destination(await settings(http)) == (KEY, "https", "t.shop.example/v1")

    async def test_a_trusted_proxy_tells_how_it_was_reached(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        headers = {
            "Host": "inner:80",
            "X-Forwarded-Host": "t.example",
            "X-Forwarded-Proto": "https",
        }
        assert destination(await settings(http, **headers)) == (KEY, "http", "inner:80/v1")
        door.trusted_proxies = [ipaddress.ip_network("127.0.0.0/8")]
        assert destination(await settings(http, **headers)) == (KEY, "https", "t.example/v1")
        headers["X-Forwarded-Proto"] = "gopher"
        assert destination(await settings(http, **headers)) == (KEY, "http", "t.example/v1")

    async def test_a_proxy_may_serve_it_under_a_path(
        self, http: ClientSession, door: RecordingDoor
    ) -> None:
        headers = {"Host": "app.example", "X-Forwarded-Prefix": "/telemetry/"}
        assert destination(await settings(http, **headers)) == (KEY, "http", "app.example/v1")
        door.trusted_proxies = [ipaddress.ip_network("127.0.0.0/8")]
        assert destination(await settings(http, **headers))[2] == "app.example/telemetry/v1"
        door.analytics_js = AnalyticsJs(host="app.example/t", protocol="https")
        assert destination(await settings(http, **headers)) == (KEY, "https", "app.example/t/v1")
        door.analytics_js = AnalyticsJs()
        for prefix in ("/a b", "/<script>", "/..//x", "telemetry:1/x", "@evil.example"):
            odd = {**headers, "X-Forwarded-Prefix": prefix}
            async with http.get(SETTINGS, headers=odd) as response:
                assert response.status == 400, prefix

    @pytest.mark.parametrize("host", ["<script>", "a b", "é.example", "a:99999999", ""])
    async def test_a_host_that_is_none_is_refused(self, http: ClientSession, host: str) -> None:
        async with http.get(SETTINGS, headers={"Host": host}) as response:
            assert response.status == 400
            assert orjson.loads(await response.read())["code"] == "invalid_host"

    @pytest.mark.parametrize("key", ["nobody-has-this", "%ff", "a%2Fb"])
    async def test_a_key_nobody_has_has_no_settings(self, http: ClientSession, key: str) -> None:
        async with http.get(URL(f"/v1/projects/{key}/settings", encoded=True)) as response:
            assert response.status == 404
            assert orjson.loads(await response.read())["code"] == "invalid_write_key"

    async def test_a_slash_at_the_end_is_fine(self, http: ClientSession) -> None:
        async with http.get(SETTINGS + "/") as response:
            assert response.status == 200


@pytest.fixture
def build(tmp_path: Path, door: RecordingDoor) -> Path:
    """A folder like `dist/umd`."""
    folder = tmp_path / "umd"
    (folder / "next-integrations" / "actions").mkdir(parents=True)
    (folder / "standalone.js").write_text("library")
    (folder / "standalone.js.gz").write_bytes(gzip.compress(b"library"))
    (folder / BUNDLE.rpartition("/")[2]).write_text("bundle")
    (folder / "next-integrations" / "actions" / "one.js").write_text("action")
    (tmp_path / "secret.js").write_text("secret")
    door.analytics_js_path = folder
    return folder


@pytest.mark.usefixtures("build")
class TestFiles:
    @pytest.mark.parametrize(
        ("path", "text", "cached"),
        [
            (LIBRARY, b"library", "public, max-age=300"),
            (LIBRARY.replace("/analytics.min", "/platform/analytics.min"), b"library", None),
            (BUNDLE, b"bundle", "public, max-age=31536000, immutable"),
            ("/next-integrations/actions/one.js", b"action", "public, max-age=300"),
        ],
    )
    async def test_the_build_is_served(
        self, http: ClientSession, path: str, text: bytes, cached: str | None
    ) -> None:
        async with http.get(path, headers={"Accept-Encoding": "identity"}) as response:
            assert response.status == 200
            assert await response.read() == text
            assert "javascript" in response.headers["Content-Type"]
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert cached in (None, response.headers["Cache-Control"])
            tag = response.headers["ETag"]
        async with http.get(
            path, headers={"If-None-Match": tag, "Accept-Encoding": "identity"}
        ) as response:
            assert response.status == 304

    async def test_what_is_compressed_already_is_sent_so(self, http: ClientSession) -> None:
        async with http.get(LIBRARY, headers={"Accept-Encoding": "gzip"}) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert "javascript" in response.headers["Content-Type"]
            assert gzip.decompress(await response.read()) == b"library"

    @pytest.mark.parametrize(
        "path",
        [
            "/analytics-next/bundles/../../secret.js",
            "/analytics-next/bundles/..%2f..%2fsecret.js",
            "/analytics-next/bundles/%2e%2e%2fsecret.js",
            "/analytics-next/bundles/..",
            "/analytics-next/bundles/next-integrations",
            "/analytics-next/bundles/nothing.js",
            "/analytics-next/bundles/a%00.js",
            "/next-integrations/../../secret.js",
            "/next-integrations/%2e%2e/%2e%2e/secret.js",
            "/next-integrations/..%5c..%5csecret.js",
            "/next-integrations//etc/passwd",
            "/next-integrations/%2fetc/passwd",
            "/next-integrations/actions",
            "/analytics.js/v1/analytics.min.js",
        ],
    )
    async def test_nothing_else_is(self, http: ClientSession, path: str) -> None:
        async with http.get(URL(path, encoded=True)) as response:
            assert response.status == 404
            assert b"secret" not in await response.read()


async def test_old_pages_are_led_to_the_library(http: ClientSession) -> None:
    headers = {"Host": "a.appsmith.example"}
    async with http.get(f"/reroute/{KEY}/main.js", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/javascript"
        assert f'"http://a.appsmith.example{LIBRARY}"' in await response.text()
    async with http.get("/reroute/nobody-has-this/main.js") as response:
        assert response.status == 404
        assert orjson.loads(await response.read())["code"] == "invalid_write_key"


@pytest.mark.parametrize("path", [LIBRARY, BUNDLE, "/next-integrations/actions/one.js"])
async def test_without_a_build_the_answer_says_what_to_do(http: ClientSession, path: str) -> None:
    async with http.get(path) as response:
        assert response.status == 404
        answer = orjson.loads(await response.read())
    assert answer["code"] == "analytics_js_not_configured"
    assert "analytics_js.path" in answer["message"]
    assert "@segment/analytics-next" in answer["message"]
