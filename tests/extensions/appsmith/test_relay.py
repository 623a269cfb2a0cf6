"""Whatever the cloud services say, an instance hears it unchanged; whatever it asks, they do."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from gateway.config.outgoing import HOPS
from gateway.pipeline import audit_line
from tests.extensions.appsmith.instances import INSTANCE, PING, sample, settings
from tests.fakes.cloud_services import LICENCE, SIGNATURE, CloudServices
from tests.fakes.vendor import breaks_off, resets
from tests.wire.running import Gateway, running, until


@pytest.fixture
async def gateway(tmp_path: Path, cloud: CloudServices) -> AsyncIterator[Gateway]:
    told = {"user_header": "X-Forwarded-Email"}
    given = settings(tmp_path, upstream=f"{cloud.url}/base", timeout="1s", **told)
    async with running(tmp_path, **given) as one:
        yield one


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(gateway.url, auto_decompress=False, cookie_jar=jar) as session:
        yield session


async def test_an_answer_arrives_byte_for_byte(
    cloud: CloudServices, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    target = "/cs/api/v1/license/check?key=a%2Fb%20c&x=%C3%A9&empty="
    body = b'{"licence":  "SYNTHETIC"}'
    headers = {"Content-Type": "application/vnd.odd", "User-Agent": "Reactor"}

    async def ask(url: str) -> tuple[int, list[tuple[str, str]], bytes]:
        exactly = URL(url, encoded=True)
        async with http.post(exactly, data=body, headers=headers) as answer:
            return answer.status, list(answer.headers.items()), await answer.read()

    through = await ask(gateway.url + target)
    direct = await ask(cloud.url + target.replace("/cs/", "/base/"))
    undated = [[pair for pair in said[1] if pair[0] != "Date"] for said in (through, direct)]
    assert undated[0] == undated[1]
    assert (through[0], through[2]) == (direct[0], direct[2])
    assert gzip.decompress(through[2]) == LICENCE
    assert dict(through[1])["X-Appsmith-Signature"] == SIGNATURE
    seen, expected = cloud.seen
    assert seen.url == target.replace("/cs/", "/base/")
    assert (seen.method, seen.url, seen.body) == (expected.method, expected.url, body)
    assert {**expected.headers, HOPS: seen.headers[HOPS]} == seen.headers


async def test_nobody_is_told_who_asked(
    cloud: CloudServices, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    told = {
        "X-Forwarded-For": "203.0.113.24",
        "Forwarded": "for=203.0.113.24",
        "X-Real-IP": "203.0.113.24",
        "CF-Connecting-IP": "203.0.113.24",
        "True-Client-IP": "203.0.113.24",
        "X-Forwarded-Host": "203.0.113.24",
        "Via": "1.1 203.0.113.24",
        "X-Forwarded-Email": "203.0.113.24",
        "Connection": "X-Hop, keep-alive",
        "X-Hop": "203.0.113.24",
        "Proxy-Authorization": "Basic cHJveHk6",
        "Authorization": "Bearer 203.0.113.24",
        "Cookie": "SESSION=203.0.113.24",
        "Referer": "https://203.0.113.24/",
        "Origin": "https://203.0.113.24",
        "X-Anything": "203.0.113.24",
    }
    async with http.get(PING, headers=told) as answer:
        assert answer.status == 200
    [seen] = cloud.seen
    assert seen.url == f"/base{PING}"
    assert not {name.lower() for name in seen.headers} & {name.lower() for name in told}
    assert "203.0.113.24" not in str(seen.headers)


async def test_what_the_upstream_leaves_out_is_not_added(
    cloud: CloudServices, gateway: Gateway
) -> None:
    async def bare(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 299 Quite Fine\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi")
        request.transport.close()
        return web.Response()

    cloud.script.append(bare)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"GET /api/v1/templates HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 299 Quite Fine",
        b"Content-Length: 2",
        b"X-A: b",
        b"Connection: close",
    ]
    assert body == b"hi"
    assert set(cloud.seen[0].headers) == {"Host", HOPS}


async def test_bodies_are_streamed_both_ways(
    cloud: CloudServices, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    more = asyncio.Event()

    async def echo(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        await response.write(b"first\n")
        await more.wait()
        await response.write(cloud.seen[-1].body)
        return response

    async def large() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    cloud.script.append(echo)
    async with http.put("/api/v1/templates/import", data=large()) as answer:
        assert await answer.content.readline() == b"first\n"
        more.set()
        assert await answer.read() == b"x" * 65536 * 64
    assert cloud.seen[0].headers["Transfer-Encoding"] == "chunked"


async def test_a_redirect_is_the_clients_business(
    cloud: CloudServices, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "https://elsewhere.example/"})

    cloud.script.append(elsewhere)
    async with http.get("/api/v1/templates", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "https://elsewhere.example/")


async def test_head_has_a_length_and_no_body(
    cloud: CloudServices, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    async with http.head("/api/v1/license/check") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(len(gzip.compress(LICENCE, mtime=0)))


async def test_an_upstream_that_is_slow_silent_or_broken(
    cloud: CloudServices, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    asked = asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        await asked.wait()
        return web.Response()

    cloud.script += [never, resets, breaks_off]
    for expected in (504, 502):  # POST, which nobody repeats by himself
        async with http.post("/api/v1/templates") as answer:
            said = await answer.json()
            assert answer.status == expected
            assert said["responseMeta"]["status"] == expected
            assert said["responseMeta"]["success"] is False
    asked.set()
    with pytest.raises(aiohttp.ClientError):
        async with http.get("/api/v1/templates") as answer:
            await answer.read()


async def test_only_the_upstream_is_ever_asked(cloud: CloudServices, gateway: Gateway) -> None:
    """A request line that names another host, or climbs out of the path."""
    for target in (b"http://127.0.0.1:1/api/v1/templates", b"/cs/api/v1//127.0.0.1:1/x"):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 404")
        writer.close()
    assert [seen.url for seen in cloud.seen] == ["/base/api/v1/templates"]


async def test_a_pulse_is_never_relayed(
    cloud: CloudServices, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    headers = {"Cookie": "SESSION=a", "X-Forwarded-Email": "ada@mail.example"}
    for path in ("/usage-pulse", "/usage-pulse/", "//usage-pulse", "/usage%2Dpulse"):
        url = URL(f"{gateway.url}/cs/api/v1{path}", encoded=True)
        for method in ("GET", "POST", "PUT", "DELETE"):
            async with http.request(
                method, url, json={"viewMode": True}, headers=headers
            ) as answer:
                assert answer.status in ((201, 404) if method == "POST" else (404,))
    assert cloud.seen == []


async def test_nobody_climbs_out_of_the_path(cloud: CloudServices, gateway: Gateway) -> None:
    for way in ("../../admin", "%2e%2e/admin", "a/..%2f..%2fx", "a/..\\..", "%252e%252e/x", "./x"):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        line = f"GET /cs/api/v1/{way} HTTP/1.1"
        writer.write(f"{line}\r\nHost: g\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 404"), way
        writer.close()
    assert cloud.seen == []


async def test_the_way_out_may_lead_through_a_proxy(
    tmp_path: Path, cloud: CloudServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fake stands in for the proxy, which is asked for the whole address."""
    monkeypatch.setenv("HTTP_PROXY", cloud.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    given = settings(tmp_path, upstream="http://cloud.invalid")
    async with (
        running(tmp_path, **given) as gateway,
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.url}{PING}") as answer,
    ):
        assert (await answer.json())["data"]["totalCount"] == 1
    [seen] = cloud.seen
    assert seen.headers["Host"] == "cloud.invalid"


async def test_without_an_upstream_the_gateway_answers(tmp_path: Path) -> None:
    async with (
        running(tmp_path, **settings(tmp_path)) as gateway,
        aiohttp.ClientSession(gateway.url) as http,
    ):
        answers = {}
        for method, path, body in (
            ("GET", PING, None),
            ("GET", "/cs/api/v1/ip", None),
            ("POST", "/api/v1/installations", {"key": INSTANCE}),
            ("POST", "/api/v1/feature-flags", {"instanceId": INSTANCE}),
            ("POST", "/api/v1/usage/report", sample("21")["request"]["body"]),
            ("GET", "/api/v1/license/check", None),
        ):
            async with http.request(method, path, json=body) as answer:
                said = json.loads(await answer.read())
                assert said["responseMeta"]["status"] == answer.status
                answers[path.partition("?")[0]] = (answer.status, said.get("data"))
    assert answers == {
        "/api/v1/releases": (200, {"totalCount": 0, "nodes": []}),
        "/cs/api/v1/ip": (200, "127.0.0.1"),
        "/api/v1/installations": (201, True),
        "/api/v1/feature-flags": (200, {}),
        "/api/v1/usage/report": (503, None),
        "/api/v1/license/check": (404, None),
    }


EMAIL = "ada.lovelace@mail.example"


def audited(gateway: Gateway) -> list[dict[str, Any]]:
    return [
        audit_line.expanded(json.loads(line))
        for file in sorted((gateway.data / "audit").glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]


@pytest.mark.parametrize("packed", [False, True])
async def test_what_passes_is_under_the_policy_and_in_the_audit(
    cloud: CloudServices, gateway: Gateway, http: aiohttp.ClientSession, *, packed: bool
) -> None:
    key = "SYNTH-LICENSE-0000-4111111111111111"
    told = {"licenseKey": key, "instanceId": INSTANCE, "email": EMAIL, "note": f"ask {EMAIL}"}
    body, headers = json.dumps(told).encode(), {"Content-Type": "application/json"}
    if packed:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    target = f"/api/v1/license/check?key={key}&admin={EMAIL}"
    async with http.post(target, data=body, headers=headers) as answer:
        assert answer.status == 200
        assert gzip.decompress(await answer.read()) == LICENCE
    form = {"instanceId": INSTANCE, "email": EMAIL}
    async with http.post("/api/v1/feature-flags", data=form) as answer:
        assert answer.status == 200
    async with http.post("/api/v1/templates", data=json.dumps([EMAIL])) as answer:
        assert answer.status == 404, "the fake knows no templates"
    checked, flags, templates = cloud.seen
    said = json.loads(checked.body)
    assert (said["licenseKey"], said["instanceId"]) == (key, INSTANCE)
    assert set(said) <= {"licenseKey", "instanceId", "note"}
    assert "Content-Encoding" not in checked.headers
    assert checked.url.startswith(f"/base/api/v1/license/check?key={key}&admin=")
    assert flags.body == f"instanceId={INSTANCE}".encode()
    for seen in cloud.seen:
        assert EMAIL.encode() not in seen.body
        assert "ada" not in seen.url
    assert b"[email]" in templates.body
    await until(lambda: len(audited(gateway)) == 3, 10, lambda: gateway.log)
    lines = {line["event"]: line for line in audited(gateway)}
    assert set(lines) == {"license/*", "feature-flags", "templates"}
    assert all(line["type"] == "relay" and line["changes"] for line in lines.values())
    assert "/body/email" in {one["pointer"] for one in lines["license/*"]["changes"]}
    assert gateway.files_with(EMAIL) == gateway.files_with(key) == []


async def test_what_nobody_needs_is_not_relayed(
    cloud: CloudServices, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    for method, path in (
        ("GET", "users/me"),
        ("POST", "releases"),
        ("DELETE", "installations"),
        ("GET", "license-of-others"),
        ("POST", "admin/env"),
        ("GET", ""),
    ):
        async with http.request(method, f"/cs/api/v1/{path}") as answer:
            assert answer.status == 404, path
    broken = {"data": b'{"email": "ada', "headers": {"Content-Type": "application/json"}}
    async with http.post("/api/v1/license/check", **broken) as answer:  # type: ignore[arg-type]
        assert answer.status == 400
    odd = {"data": b"x", "headers": {"Content-Encoding": "br", "Content-Type": "application/json"}}
    async with http.post("/api/v1/license/check", **odd) as answer:  # type: ignore[arg-type]
        assert answer.status >= 400
    assert cloud.seen == []


async def test_other_paths_are_relayed_where_the_settings_say_so(
    tmp_path: Path, cloud: CloudServices
) -> None:
    given = settings(tmp_path, upstream=cloud.url, relay=["releases-of-mine/*"])
    async with (
        running(tmp_path, **given) as gateway,
        aiohttp.ClientSession(gateway.url) as session,
        session.get(f"/api/v1/releases-of-mine/1?q={EMAIL}") as answer,
    ):
        assert answer.status == 404
    [seen] = cloud.seen
    assert seen.url.startswith("/api/v1/releases-of-mine/1?q=")
    assert "ada" not in seen.url
