"""Each way in that docs/appsmith.md names leads the SDKs of an installation here, and keeps them.

The SDKs have the settings that the product gives them, which name no host: analytics-java 3.3.1
talks to api.segment.io, and analytics.js in its batching mode asks cdn.segment.com where to send.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.browser.chromium import NEEDS, Browser, Sdk, chromium
from tests.extensions.appsmith.instances import INSTANCE, PING, get_json, kept, settings
from tests.marks import needs
from tests.telemetry.conftest import gateway_command
from tests.wire.clients import FOLDER, JAVA, Client
from tests.wire.running import ROOT, WRITE_KEY, Gateway, held_ports, running, until
from tests.wire.script import PLANTED, Logical, logical

SERVER_SDK = next(client for client in JAVA if client.name == "analytics-java-3.3.1")
RELEASES = ("1.76", "1.84")
"""Of analytics.js: what Appsmith was seen to send with, and the newest."""
SEGMENT = ("api.segment.io", "cdn.segment.com")
INSTALLATION = "appsmith.acme.example"
OLD_PAGES = "a.appsmith.com"
OWN_ADDRESS = "127.0.0.7"
"""Where the gateway has port 443 to itself."""
CA_CERTS = ("keytool", "-importcert", "-noprompt", "-storepass", "changeit", "-alias", "gateway")

IN_THE_EDITOR = [
    logical("opened", "track", {"appId": "65a1b2c3d4e5f60718293a70"}, event="EDITOR_OPEN"),
    logical("listed", "track", event="APPLICATIONS_PAGE_LOAD"),
    logical("who", "identify", {"source": "ce"}),
]
ON_THE_SERVER = [
    logical("created", "track", {"orgId": "65a1b2c3d4e5f60718293a60"}, event="create_APPLICATION"),
    logical("ran", "track", {"isSuccessfulExecution": True}, event="execute_ACTION_TRIGGERED"),
]

JVM = {**SERVER_SDK.needs, "keytool": "apt-get install default-jdk-headless"}
TRUSTING_BROWSER = {**NEEDS, "certutil": "apt-get install libnss3-tools"}


@dataclass(frozen=True, slots=True)
class Https:
    """A gateway with a certificate for the names it stands for."""

    gateway: Gateway
    address: str
    ca: Path

    async def has(self, events: list[Logical], sent: Mapping[str, str]) -> None:
        """Each event once, and nothing of what was planted in it."""
        assert sent.keys() == {event.label for event in events}
        found = await self.gateway.wait_for(sent.values())
        assert {label: len(found[id_]) for label, id_ in sent.items()} == dict.fromkeys(sent, 1)
        for secret in PLANTED:
            assert self.gateway.files_with(secret) == []


@contextlib.asynccontextmanager
async def https(
    folder: Path, *names: str, address: str = "", **given: Any
) -> AsyncGenerator[Https]:
    folder = folder / "gateway"
    folder.mkdir()
    hosts = [argument for name in names for argument in ("--host", name)]
    made = await gateway_command(folder, "certificate", "tls", *hosts)
    assert made.code == 0, made.error
    with held_ports(1) as [port]:
        address = address or f"127.0.0.1:{port}"
        tls = {"listen": address, "cert": "tls/gateway.crt", "key": "tls/gateway.key"}
        async with running(folder, **{"tls": tls, **settings(folder), **given}) as gateway:
            yield Https(gateway, address, folder / "tls" / "ca.crt")


@pytest.fixture
def port() -> Iterator[int]:
    """For what stands beside the gateway."""
    with held_ports(1) as [port]:
        yield port


async def ran(*command: str | Path, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def trusting_jvm(folder: Path, ca: Path, *options: str) -> Client:
    """The server's SDK in a JVM that believes the certificate, as ca-certs/ makes Appsmith's."""
    store = folder / "cacerts"
    await ran(*CA_CERTS, "-keystore", store, "-file", ca)
    trust = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    return replace(SERVER_SDK, command=("java", *trust, *options, *SERVER_SDK.command[1:]))


async def home_that_trusts(folder: Path, ca: Path) -> Path:
    """A home folder in whose store Chromium finds the authority."""
    home = folder / "home"
    for where in (".pki/nssdb", ".local/share/pki/nssdb"):
        store = home / where
        store.mkdir(parents=True)
        certutil = ("certutil", "-d", f"sql:{store}")
        await ran(*certutil, "-N", "--empty-password")
        await ran(*certutil, "-A", "-t", "C,,", "-n", "gateway", "-i", ca)
    return home


@contextlib.asynccontextmanager
async def installation(release: str, page: str = "") -> AsyncGenerator[str]:
    """An Appsmith, as far as a browser's telemetry sees it; yields its address."""
    script = FOLDER / "browser" / "build" / f"page-appsmith-{release}.js"
    html = (
        page or '<!doctype html><html><head><script src="/static/editor.js"></script></head></html>'
    )

    async def serve(request: web.Request) -> web.StreamResponse:
        if request.path == "/static/editor.js":
            return web.FileResponse(script, headers={"Content-Type": "text/javascript"})
        if request.path == "/nothing":
            return web.Response(status=404, text="no such page", content_type="text/html")
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{rest:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def check_sent_from_a_page(one: Https, browser: Browser, url: str) -> None:
    await browser.visit(url, writeKey=WRITE_KEY)
    await one.has(IN_THE_EDITOR, await browser.send(IN_THE_EDITOR))
    assert await browser.close() == []


async def test_1_the_base_url_of_cloud_services(tmp_path: Path) -> None:
    """The one host with a setting, over https."""
    async with https(tmp_path, "gateway.example") as one, aiohttp.ClientSession() as session:
        trust = ssl.create_default_context(cafile=str(one.ca))
        base = f"https://localhost:{one.address.rpartition(':')[2]}/cs"
        async with session.get(f"{base}{PING}", ssl=trust) as answer:
            assert (await answer.json())["responseMeta"]["success"] is True
        await kept(one.gateway, "FETCH_RELEASE_NOTES", 1)


@needs(JVM)
@pytest.mark.needs("curl", "apt-get install curl")
async def test_2_a_forward_proxy(tmp_path: Path, port: int) -> None:
    """HTTPS_PROXY, which Appsmith hands to its JVM as system properties and to curl as it is."""
    proxy = {"listen": f"127.0.0.1:{port}", "here": ["api.segment.io", "cs.appsmith.com"]}
    names = ("api.segment.io", "cs.appsmith.com")
    async with https(tmp_path, *names, forward_proxy=proxy) as one:
        client = await trusting_jvm(
            tmp_path, one.ca, "-Dhttps.proxyHost=127.0.0.1", f"-Dhttps.proxyPort={port}"
        )
        told = await client.send("https://api.segment.io", ON_THE_SERVER, tmp_path)
        assert told.failed == {}
        await one.has(ON_THE_SERVER, told.acked)

        environment = {"HTTPS_PROXY": f"http://127.0.0.1:{port}", "CURL_CA_BUNDLE": str(one.ca)}
        start = {"userId": "203.0.113.7", "event": "Instance Start", "properties": {"ip": "x"}}
        curl = ("curl", "--silent", "--show-error", "--fail")
        track = ("-u", f"{WRITE_KEY}:", "--data", json.dumps(start))
        await ran(*curl, *track, "https://api.segment.io/v1/track", **environment)
        await ran(*curl, f"https://cs.appsmith.com{PING}", **environment)
        await kept(one.gateway, "Instance Start", 1)
        await kept(one.gateway, "FETCH_RELEASE_NOTES", 1)
        assert one.gateway.files_with("203.0.113.7") == []

        with pytest.raises(AssertionError, match="403"):
            await ran(*curl, "https://api-js.mixpanel.com/track", **environment)
        assert "api-js.mixpanel.com:443" in one.gateway.log


@needs(JVM)
async def test_3_names_that_lead_here_for_a_server(tmp_path: Path) -> None:
    """DNS or extra_hosts, which a JVM reads from a file of its own here; so port 443 it is."""
    names = tmp_path / "hosts"
    names.write_text(f"{OWN_ADDRESS} api.segment.io\n")
    if os.geteuid() != 0:
        pytest.skip("port 443 is for root; run it as root, as in a container")
    async with https(tmp_path, "api.segment.io", address=f"{OWN_ADDRESS}:443") as one:
        client = await trusting_jvm(tmp_path, one.ca, f"-Djdk.net.hosts.file={names}")
        told = await client.send("https://api.segment.io", ON_THE_SERVER, tmp_path)
        assert told.failed == {}
        await one.has(ON_THE_SERVER, told.acked)


@needs(TRUSTING_BROWSER)
@pytest.mark.parametrize("release", RELEASES)
async def test_3_names_that_lead_here_for_browsers(tmp_path: Path, release: str) -> None:
    async with https(tmp_path, *SEGMENT) as one, installation(release) as appsmith:
        home = await home_that_trusts(tmp_path, one.ca)
        async with chromium(dict.fromkeys(SEGMENT, one.address), home) as browser:
            await check_sent_from_a_page(one, browser, f"http://{appsmith}/applications")


@contextlib.asynccontextmanager
async def caddy(folder: Path, **environment: str) -> AsyncGenerator[None]:
    """The shipped Caddyfile, with nothing of the machine's around it."""
    file = folder / "Caddyfile"
    file.write_text(
        f"{{\n\tadmin off\n\tskip_install_trust\n\tstorage file_system {folder / 'caddy'}\n}}\n"
        f"import {ROOT / 'config' / 'appsmith' / 'Caddyfile'}\n"
    )
    with (folder / "caddy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *("caddy", "run", "--config", str(file), "--adapter", "caddyfile"),
            env={**os.environ, **environment, "HOME": str(folder)},
            stdout=log,
            stderr=log,
        )
    try:
        told = folder / "caddy.log"
        await until(lambda: "serving initial" in told.read_text(), 20, told.read_text)
        yield
    finally:
        process.terminate()
        await process.wait()


@needs(TRUSTING_BROWSER)
@pytest.mark.needs("caddy", "apt-get install caddy")
@pytest.mark.parametrize("release", RELEASES)
async def test_4_the_installations_own_host(tmp_path: Path, release: str, port: int) -> None:
    """The shipped Caddyfile: telemetry, pulses and everything else on one host name."""
    certificate = tmp_path / "gateway" / "tls" / "gateway"
    async with (
        https(tmp_path, INSTALLATION, trusted_proxies=["127.0.0.1/32"]) as one,
        installation(release) as appsmith,
        caddy(
            tmp_path,
            APPSMITH_SITE=f"https://{INSTALLATION}:{port}",
            APPSMITH_TLS=f"tls {certificate}.crt {certificate}.key",
            APPSMITH=appsmith,
            GATEWAY=one.gateway.host,
        ),
    ):
        home = await home_that_trusts(tmp_path, one.ca)
        async with chromium({INSTALLATION: f"127.0.0.1:{port}"}, home) as browser:
            await browser.visit(f"https://{INSTALLATION}/applications", writeKey=WRITE_KEY)
            await one.has(IN_THE_EDITOR, await browser.send(IN_THE_EDITOR))
            pulsed = await browser.pulse(viewMode=True, anonymousUserId="visitor-1")
            assert (pulsed["status"], pulsed["body"]["data"]) == (201, True)
            assert await browser.close() == []
        [pulse] = await kept(one.gateway, "usage_pulse", 1)
        assert pulse["instanceId"] == INSTANCE

        trust = ssl.create_default_context(cafile=str(one.ca))
        url = f"https://localhost:{port}"
        async with aiohttp.ClientSession(headers={"Host": INSTALLATION}) as session:
            for path, status in (("/nothing", 404), ("/api/v1/users/me", 200)):
                async with session.get(
                    url + path,
                    ssl=trust,
                    server_hostname=INSTALLATION,
                    headers={"Accept": "text/html"},
                ) as answer:
                    assert answer.status == status
                    assert "_cdn" not in await answer.text()


OLD_SNIPPET = """<!doctype html><html><head><title>Appsmith</title><script>
  const analytics = (window.analytics = []);
  for (const method of ["track", "identify", "page", "ready", "reset"])
    analytics[method] = (...given) => { analytics.push([method, ...given]); return analytics; };
  analytics.SNIPPET_VERSION = "4.1.0";
  window.start = ({ writeKey }) => {
    analytics._loadOptions = {};
    const script = document.createElement("script");
    script.async = true;
    script.src = "https://a.appsmith.com/reroute/" + writeKey + "/main.js";
    document.head.append(script);
    analytics.page();
    return new Promise((resolve) => analytics.ready(() => resolve()));
  };
  window.send = (events) => Promise.all(events.map(async (given) => {
    const { label, type, event, properties, userId, traits } = given;
    const sent = await (type === "identify"
      ? window.analytics.identify(userId, traits)
      : window.analytics.track(event, properties));
    return [label, sent.event.messageId];
  })).then(Object.fromEntries);
</script></head></html>"""
"""As pages of Appsmith had it until 2024, in our words."""


@needs(TRUSTING_BROWSER)
async def test_5_old_pages(tmp_path: Path) -> None:
    scripts = Sdk("snippet", "1.84.3").scripts
    async with (
        https(tmp_path, OLD_PAGES, analytics_js=scripts) as one,
        installation("1.76", OLD_SNIPPET) as appsmith,
    ):
        home = await home_that_trusts(tmp_path, one.ca)
        async with chromium({OLD_PAGES: one.address}, home) as browser:
            await check_sent_from_a_page(one, browser, f"http://{appsmith}/applications")


async def test_whichever_way_the_switch_is_heard(tmp_path: Path) -> None:
    """The settings that browsers are served say to send nothing optional while it is off."""
    async with https(tmp_path, *SEGMENT) as one, aiohttp.ClientSession() as session:
        path = f"{one.gateway.url}/v1/projects/{WRITE_KEY}/settings"
        assert (await get_json(session, path))["enabledMiddleware"] == {}
        command = ("telemetry", "off", "--config", "gateway.yaml")
        answer = await gateway_command(one.gateway.folder, *command)
        assert answer.code == 0, answer.error
        assert (await get_json(session, path))["enabledMiddleware"] == {"telemetry-off": True}
