"""Each request that Appsmith really makes ends in its class, and nothing personal of it stays."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from tests.extensions.appsmith.instances import INSTANCE, SAMPLES, settings
from tests.fakes.cloud_services import CloudServices
from tests.fakes.vendor import running as vendor_running
from tests.wire.running import WRITE_KEY, Gateway, running, until

FILES = sorted(SAMPLES.glob("*.json"))
ESSENTIAL, BILLING, OPTIONAL = "essential", "billing", "optional"
EXPECTED: dict[str, tuple[str, set[str]]] = {
    "01": (ESSENTIAL, {"fetch-release-notes"}),
    "02": (ESSENTIAL, {"fetch-release-notes-mixpanel"}),
    "03": (ESSENTIAL, {"fetch-release-notes"}),
    "04": (ESSENTIAL, {"installation-registered"}),
    "05": (ESSENTIAL, {"server-setup-complete"}),
    "06": (ESSENTIAL, {"installation-setup-complete"}),
    "07": (ESSENTIAL, {"installation-setup-complete"}),
    "09": (OPTIONAL, {"identify-instance"}),
    "10": (OPTIONAL, {"instance-start"}),
    "13": (OPTIONAL, {"instance-active"}),
    "15": (OPTIONAL, {"instance-stats"}),
    "16": (BILLING, {"usage-pulse"}),
    "17": (BILLING, {"usage-pulse"}),
    "18": (BILLING, {"usage-pulse"}),
    "21": (BILLING, {"usage-report"}),
    "22": (BILLING, {"usage-report"}),
    "23": (BILLING, {"usage-report"}),
    "27": (OPTIONAL, {"execute-action-triggered"}),
    "28": (OPTIONAL, {"execute-action-triggered"}),
    "29": (OPTIONAL, {"execute-action-triggered"}),
    "32": (OPTIONAL, {"user-login"}),
    "34": (OPTIONAL, {"application-lifecycle"}),
    "37": (OPTIONAL, {"git"}),
    "44": (OPTIONAL, {"identify-user"}),
    "47": (
        OPTIONAL,
        {"execute-action-triggered", "object-lifecycle", "publish-application", "user-login"},
    ),
    "48": (OPTIONAL, {"applications-page-load"}),
    "49": (OPTIONAL, {"applications-page-load"}),
    "50": (OPTIONAL, {"page-load"}),
    "51": (OPTIONAL, {"page-load"}),
    "52": (OPTIONAL, {"route-change"}),
    "54": (OPTIONAL, {"widget-property-update"}),
    "59": (OPTIONAL, {"identify-browser-user"}),
    "65": (OPTIONAL, {"widgets", "queries-and-apis", "editor-open"}),
    "66": (OPTIONAL, {"page-save"}),
    "70": (OPTIONAL, {"page-save", "identify-browser-user", "editor-open"}),
}
"""The first two digits of a sample → the class of its events and their schemas."""
KEYS = ("SyntheticCeWriteKey0000000000000", "KEY")
UNSIGNED = {"22": 401, "23": 401}
"""Reports that the upstream of the test does not take: another key, and digits in small letters."""
NO_EVENT = {"19": 400, "20": 400, "67": 200, "68": 200, "69": 404}
"""Pulses that Appsmith refuses too, the SDK's counters and settings, Appsmith's own switch."""


def values(found: Any, path: list[str]) -> list[str]:
    if not path:
        return [found] if isinstance(found, str) and found else []
    inner = found.get(path[0]) if isinstance(found, dict) else None
    return values(inner, path[1:])


def secrets(sample: dict[str, Any]) -> set[str]:
    """What the sample calls sensitive, in each of its events."""
    body = sample["request"]["body"]
    found: set[str] = set()
    for field in sample["sensitive_fields"]:
        path = field.split(" ")[0].removeprefix("body.").split(".")
        messages = body if isinstance(body, list) else body.get("batch", [body])
        for message in messages:
            found.update(values(message, path))
    return found


async def send(session: aiohttp.ClientSession, gateway: Gateway, sample: dict[str, Any]) -> int:
    """As it was sent, with the write key of the test and to the gateway. Returns the status."""
    request = sample["request"]
    url = URL(request["url"])
    path = f"/cs{url.raw_path_qs}" if url.host == "cs.appsmith.com" else url.raw_path_qs
    headers = dict(request.get("headers") or {})
    if "Authorization" in headers or url.host in ("api.segment.io", "api.mixpanel.com"):
        headers["Authorization"] = aiohttp.encode_basic_auth(WRITE_KEY, "")
    body = request.get("body")
    text = None if body is None else json.dumps(body)
    for key in KEYS:
        path = path.replace(key, WRITE_KEY)
        text = text and text.replace(f'"{key}"', f'"{WRITE_KEY}"')
    address = URL(f"{gateway.url}{path}", encoded=True)
    async with session.request(request["method"], address, data=text, headers=headers) as answer:
        await answer.read()
        return answer.status


def newest(gateway: Gateway) -> tuple[int, list[dict[str, Any]]]:
    """The sequence of the journal's newest block, and the headers of its events."""
    with closing(sqlite3.connect(gateway.data / "journal" / "journal.db")) as journal:
        row = journal.execute("SELECT first, lines FROM events ORDER BY first DESC").fetchone()
    if row is None:
        return 0, []
    return row[0], [json.loads(line) for line in row[1].split(b"\n")[:-1:2]]


async def behind(gateway: Gateway, sequence: int) -> list[dict[str, Any]]:
    """The headers of what comes behind the sequence."""
    await until(lambda: newest(gateway)[0] > sequence, 5, lambda: gateway.log)
    return newest(gateway)[1]


async def test_every_sample_is_answered_classed_and_clean(tmp_path: Path) -> None:
    """All of them go through one gateway, so that none can lean on another's rules."""
    classed: dict[str, tuple[str, set[str]]] = {}
    secret: set[str] = set()
    async with (
        vendor_running(CloudServices()) as cloud,
        running(
            tmp_path,
            **settings(tmp_path, upstream=cloud.url),
            dedup={"window": 0},  # some samples are one event, sent in two ways
        ) as gateway,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        for file in FILES:
            sample, number = json.loads(file.read_text("utf-8")), file.name[:2]
            if number == "07":  # another setup, since that of an instance is kept once
                sample = json.loads(json.dumps(sample).replace(INSTANCE, INSTANCE[::-1]))
            secret |= secrets(sample)
            before, _ = newest(gateway)
            status = await send(session, gateway, sample)
            if number in NO_EVENT:
                assert status == NO_EVENT[number], file.name
                continue
            answered = sample.get("response", {}).get("status", 200)
            assert status == UNSIGNED.get(number, answered), file.name
            headers = await behind(gateway, before)
            [of] = {header["telemetry_class"] for header in headers}
            classed[number] = of, {header["schema"].removeprefix("appsmith/") for header in headers}
        await gateway.stop()
        assert classed == EXPECTED
        assert len(secret) > 20
        assert {text: gateway.files_with(text) for text in secret if gateway.files_with(text)} == {}
