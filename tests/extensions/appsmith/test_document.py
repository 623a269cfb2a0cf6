"""Appsmith's telemetry page from its first paragraph to its last: each sentence is tried.

One installation, for real where it matters: its server has analytics-java 3.3.1, its pages have
analytics.js 1.76 in Chromium, its administrator has a browser without scripts. The vendors and the
cloud services are fakes. What the page shows as samples is in the folder `document`, as it stands
there, with comments and commas that no JSON parser takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway.extensions.appsmith.cloud.settings import CloudSettings
from gateway.extensions.appsmith.settings import Appsmith
from gateway.extensions.appsmith.signature import sign
from tests.browser.chromium import NEEDS, chromium
from tests.browser.person import at_the_admin_pages
from tests.cli.test_commands import gateway as command
from tests.extensions.appsmith.instances import (
    INSTANCE,
    KEY,
    PING,
    TENANT,
    get_json,
    kept,
    settings,
)
from tests.extensions.appsmith.test_instances import wait_for_pings
from tests.extensions.appsmith.test_ways import SERVER_SDK, installation
from tests.fakes import vendor
from tests.fakes.cloud_services import CloudServices
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.segment import FakeSegment
from tests.marks import needs
from tests.wire.front import front, self_made_certificate
from tests.wire.running import POLL, WRITE_KEY, Gateway, Message, running, until
from tests.wire.script import PLANTED_EMAIL, Logical

DOCUMENT = Path(__file__).parent / "document"
SAMPLES = ("keep-alive", "server-setup", "usage-pulse", "navigation", "backend-call")
ON_AND_OFF = pytest.mark.parametrize("telemetry", ["on", "off"])
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SERVER_ADDRESS = "117.211.16.3"

OF_MIXPANEL = ("$", "mp_", "segment_", "time", "distinct_id")
"""How the fields of a sample begin that are not the product's but Mixpanel's."""


def documented(name: str) -> Any:
    """A sample of the page, read as a person reads it."""
    text = (DOCUMENT / f"{name}.jsonc").read_text("utf-8")
    without_comments = re.sub(r"\s//[^\n]*", "", text)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", without_comments))


@dataclass(frozen=True, slots=True)
class World:
    """A paying installation, its gateway, and everybody behind that."""

    folder: Path
    gateway: Gateway
    segment: FakeSegment
    mixpanel: FakeMixpanel
    cloud: CloudServices

    async def post(self, path: str, body: Any, **headers: str) -> int:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(f"{self.gateway.url}{path}", json=body, headers=headers) as answer,
        ):
            await answer.read()
            return answer.status

    async def ping(self) -> None:
        async with aiohttp.ClientSession() as session:
            said = await get_json(session, f"{self.gateway.url}/cs{PING}")
        assert said["data"]["nodes"], "the release notes that it asked for"

    async def from_the_server(self, *events: Message) -> dict[str, str]:
        """Through analytics-java; the messageId of each event by its name."""
        script = [Logical(event["event"], {"type": "track", **event}, {}) for event in events]
        folder = self.folder / "server"
        folder.mkdir(exist_ok=True)
        told = await SERVER_SDK.send(self.gateway.url, script, folder)
        assert told.failed == {}
        return told.acked

    async def imported(self, name: str, count: int = 1) -> list[Message]:
        """The properties of Mixpanel's events of this name, once there are so many."""

        def found() -> list[Message]:
            return [one["properties"] for one in self.mixpanel.events if one["event"] == name]

        await until(lambda: len(found()) >= count, 20, lambda: self.gateway.log)
        assert len(found()) == count
        return found()

    async def delivered(self, name: str, count: int = 1) -> list[Message]:
        """Segment's events of this name, once there are so many."""

        def found() -> list[Message]:
            return [one for one in self.segment.messages if one.get("event") == name]

        await until(lambda: len(found()) >= count, 20, lambda: self.gateway.log)
        assert len(found()) == count
        return found()

    async def settled(self) -> dict[str, Any]:
        """The account of the switch, once nothing is pending any more."""
        async with aiohttp.ClientSession() as session:
            admin = self.gateway.admin_url
            async with asyncio.timeout(20):
                while _pending(await get_json(session, f"{admin}/api/status")):  # noqa: ASYNC110
                    await asyncio.sleep(POLL)
            classes: dict[str, Any] = (await get_json(session, f"{admin}/api/telemetry"))["classes"]
            return classes

    def left_with(self, *secrets: str) -> list[str]:
        """Which of these went to anybody or are in a file."""
        seen = [*self.segment.seen, *self.mixpanel.seen]
        bodies = [request.body.decode().lower() for request in seen]
        return [
            secret
            for secret in secrets
            if self.gateway.files_with(secret) or any(secret.lower() in body for body in bodies)
        ]


@contextlib.asynccontextmanager
async def world(folder: Path, telemetry: str = "on", **given: Any) -> AsyncGenerator[World]:
    """`config/appsmith`, with everything switched on that its comments offer."""
    (folder / "gateway").mkdir()
    async with (
        vendor.running(FakeSegment()) as segment,
        vendor.running(FakeMixpanel()) as mixpanel,
        vendor.running(CloudServices()) as cloud,
    ):
        made = settings(
            folder / "gateway",
            upstream=cloud.url,
            telemetry={"enabled": telemetry == "on"},
            cloud={"host": cloud.url},
            **given,
        )
        file = folder / "gateway" / "routing.yaml"
        routing = yaml.safe_load(file.read_text("utf-8"))
        routing["destinations"] |= {
            "segment": {"type": "segment", "write_key": segment.write_key, "host": segment.url},
            "mixpanel": {"type": "mixpanel", "token": mixpanel.token, "host": mixpanel.url},
        }
        vendors = ["segment", "mixpanel"]
        match = {"class": ["essential", "optional"]}
        routing["routes"].append({"name": "vendors", "match": match, "to": vendors})
        file.write_text(yaml.safe_dump(routing), "utf-8")
        async with running(folder / "gateway", **made) as gateway:
            yield World(folder, gateway, segment, mixpanel, cloud)


def test_every_sample_of_the_page_is_here() -> None:
    assert sorted(file.stem for file in DOCUMENT.iterdir()) == sorted(SAMPLES)
    for name in SAMPLES:
        assert documented(name)


class TestDataCollectedByAppsmith:
    @needs(SERVER_SDK.needs)
    async def test_nothing_that_apis_and_databases_returned_is_captured(
        self, tmp_path: Path
    ) -> None:
        """The product sends some of it all the same; the gateway keeps the promise."""
        row = "Ada Lovelace, 1815-12-10, DE89370400440532013000"
        failed = {
            "isSuccessfulExecution": False,
            "statusCode": "23505",
            "error": f"Key (name)=({row}) already exists.",
            "pluginErrorDetails": {"downstreamErrorMessage": row, "errorType": "QUERY"},
            "actionConfiguration": {"body": f"INSERT INTO people VALUES ('{row}')"},
            "request": {"query": row, "headers": {"Authorization": "Bearer SYNTHETIC"}},
        }
        async with world(tmp_path) as one:
            event = {"event": "execute_ACTION_TRIGGERED", "userId": "u", "properties": failed}
            await one.from_the_server(event)
            [told] = await one.imported("execute_ACTION_TRIGGERED")
            assert told["statusCode"] == "23505"
            assert told["isSuccessfulExecution"] is False
            assert one.left_with(row, "Lovelace", "DE89370400440532013000", "SYNTHETIC") == []


class TestKeepAlivePing:
    def test_it_is_expected_every_two_hours(self) -> None:
        assert Appsmith().ping_interval == 2 * 3600

    @ON_AND_OFF
    async def test_it_is_collected_irrespective_of_the_switch(
        self, tmp_path: Path, telemetry: str
    ) -> None:
        sample = documented("keep-alive")
        added_by_mixpanel = {"$import", "$mp_api_endpoint", "$mp_api_timestamp_ms"} | {
            "mp_processing_time_ms"
        }
        async with world(tmp_path, telemetry) as one:
            await one.ping()
            [sent] = await one.imported(sample["event"])
            assert sample["properties"].keys() - sent.keys() == added_by_mixpanel
            for name in ("distinct_id", "$user_id", "$identified_id", "id", "instanceId"):
                assert sent[name] == INSTANCE, name
            for name in ("edition", "originService", "type", "$source"):
                assert sent[name] == sample["properties"][name], name
            assert sent["mp_lib"] == "Segment Actions: telemetry-gateway"
            assert re.fullmatch(r"[0-9a-f-]{36}", sent["$insert_id"])
            assert isinstance(sent["time"], int | float)
            async with aiohttp.ClientSession() as session:
                instance = await wait_for_pings(session, one.gateway, 1)
            assert (instance["id"], instance["edition"]) == (INSTANCE, "CE")
            assert instance["overdue"] is False

    @ON_AND_OFF
    async def test_the_sample_itself_arrives_as_it_is(self, tmp_path: Path, telemetry: str) -> None:
        """It is a record of Mixpanel's, and goes to Mixpanel field by field."""
        sample = documented("keep-alive")
        async with world(tmp_path, telemetry) as one:
            key = aiohttp.encode_basic_auth(WRITE_KEY, "")
            assert await one.post("/import?strict=1", [sample], Authorization=key) == 200
            [sent] = await one.imported(sample["event"])
            assert {**sent, "ip": None} == {**sample["properties"], "ip": None}


class TestServerSetupPing:
    @needs(SERVER_SDK.needs)
    @ON_AND_OFF
    async def test_it_is_sent_once_for_a_new_instance_whatever_the_switch_says(
        self, tmp_path: Path, telemetry: str
    ) -> None:
        sample = documented("server-setup")
        given = sample["properties"]
        properties = {
            **{name: value for name, value in given.items() if not name.startswith(OF_MIXPANEL)},
            "id": INSTANCE,
            "instanceId": INSTANCE,
        }
        setup = {"event": sample["event"], "userId": INSTANCE, "properties": properties}
        async with world(tmp_path, telemetry) as one:
            for _ in range(2):
                assert await one.post("/cs/api/v1/installations", {"key": INSTANCE}) == 201
                await one.from_the_server(setup)
            [sent] = await one.imported(sample["event"])
            [stored] = await one.delivered(sample["event"])
            await one.imported("Installation Registered")
            assert sent["distinct_id"] == stored["userId"] == INSTANCE
            assert sent["emailDomainHash"] == HASH_OF_NOTHING
            expected = dict(properties)
            del expected["ipAddress"]  # the server's own, which this policy keeps in the house
            assert {name: sent.get(name, "absent") for name in expected} == expected
            assert one.left_with(SERVER_ADDRESS) == []

    async def test_who_subscribes_to_the_newsletter_is_named_nowhere(self, tmp_path: Path) -> None:
        sample = documented("server-setup")
        known = {"subscribe-marketing": True, "email": PLANTED_EMAIL, "name": "Anna Planted"}
        async with world(tmp_path) as one:
            body = {
                "event": sample["event"],
                "userId": INSTANCE,
                "writeKey": WRITE_KEY,
                "properties": {**sample["properties"], **known, "instanceId": INSTANCE},
            }
            assert await one.post("/v1/track", body) == 200
            [stored] = await one.delivered(sample["event"])
            assert stored["properties"]["subscribe-marketing"] is True
            assert one.left_with(PLANTED_EMAIL, "Anna Planted", SERVER_ADDRESS, "Mysore") == []


class TestUsagePulseForBilling:
    @ON_AND_OFF
    async def test_pulses_are_reported_in_hourly_batches_whatever_the_switch_says(
        self, tmp_path: Path, telemetry: str
    ) -> None:
        sample = documented("usage-pulse")
        assert CloudSettings(type="cloud", license_key=KEY).interval == 3600
        async with world(tmp_path, telemetry) as one:
            anonymous = {"viewMode": True, "anonymousUserId": "visitor-1"}
            assert await one.post("/api/v1/usage-pulse", anonymous) == 201
            for view in (True, False):
                sent = {"viewMode": view}
                assert await one.post("/api/v1/usage-pulse", sent, Cookie="SESSION=s") == 201
            pulses = await kept(one.gateway, "usage_pulse", 3)
            assert one.cloud.reports == []
            await one.gateway.stop()  # what waits for the hour leaves at a stop
            [report] = one.cloud.reports
            assert report.keys() == sample.keys()
            assert report["instanceId"] == INSTANCE
            assert report["hashedMessage"] == sign(report["message"], KEY)
            assert [pulse.keys() for pulse in report["usageData"]] == [
                sample["usageData"][0].keys()
            ] * 3
            counted = [
                (pulse["viewMode"], pulse["isAnonymousUser"], pulse["tenantId"])
                for pulse in report["usageData"]
            ]
            assert counted == [(True, True, TENANT), (True, False, TENANT), (False, False, TENANT)]
            for pulse in report["usageData"]:
                assert re.fullmatch(r"[0-9a-f]{64}", pulse["user"])
                assert type(pulse["createdAt"]) is int
            assert len({pulse["user"] for pulse in report["usageData"]}) == 2
            assert not {pulse["user"] for pulse in pulses} & {
                pulse["user"] for pulse in report["usageData"]
            }
            assert one.left_with("visitor-1") == []

    async def test_only_of_paying_customers(self, tmp_path: Path) -> None:
        async with world(tmp_path, paying=False) as one:
            sent = {"viewMode": True}
            assert await one.post("/api/v1/usage-pulse", sent, Cookie="SESSION=s") == 201
            await one.gateway.stop()
            assert one.cloud.reports == []
            assert one.gateway.events() == []

    async def test_the_sample_is_relayed_and_answered_by_who_bills(self, tmp_path: Path) -> None:
        """Its signature is none of this licence: the cloud services say so, and the page shows."""
        sample = documented("usage-pulse")
        async with world(tmp_path) as one:
            assert await one.post("/cs/api/v1/usage/report", sample) == 401
            asked = [seen for seen in one.cloud.seen if seen.url == "/api/v1/usage/report"]
            assert [json.loads(seen.body) for seen in asked] == [sample]
            [event] = await kept(one.gateway, "usage_report", 1)
            assert event["accepted"] is False
            assert event["usageData"][0]["createdAt"] == "1975-12-22T10:05:47.000Z"
            assert one.gateway.files_with(sample["usageData"][0]["user"]) == []

    async def test_aggregates_are_presented_to_customers(self, tmp_path: Path) -> None:
        async with world(tmp_path) as one:
            for session in ("a", "a", "b"):
                sent = {"viewMode": True}
                cookie = f"SESSION={session}"
                assert await one.post("/api/v1/usage-pulse", sent, Cookie=cookie) == 201
            told: dict[str, Any] = {}

            def are_counted() -> bool:
                done = command(
                    "usage", "--config", "gateway.yaml", "--json", folder=one.gateway.folder
                )
                told.update(json.loads(done.stdout))
                return [day["pulses"] for day in told["days"]] in ([3], [2, 1], [1, 2])

            await until(are_counted, 20, lambda: str(told))
            assert {day["instance"] for day in told["days"]} == {INSTANCE}
            assert max(day["users"] for day in told["days"]) == 2


class TestNavigationAndClicks:
    async def test_the_sample_keeps_its_shape_and_names_nobody(self, tmp_path: Path) -> None:
        sample = documented("navigation")
        async with world(tmp_path) as one:
            assert await one.post("/v1/t", {**sample, "writeKey": WRITE_KEY}) == 200
            [stored] = await one.delivered(sample["event"])
            await one.imported(sample["event"])
            assert sample.keys() - stored.keys() == {"receivedAt", "sentAt"}
            assert stored["messageId"] == sample["messageId"]
            assert stored["context"]["library"] == sample["context"]["library"]
            assert stored["userId"] != sample["userId"]
            assert stored["context"]["ip"] == "0.0.0.0"
            told = [sample["userId"], sample["anonymousId"], sample["context"]["ip"]]
            assert one.left_with(*told, sample["context"]["page"]["url"]) == []

    @needs(NEEDS, {"openssl": "apt-get install openssl"})
    @ON_AND_OFF
    async def test_pages_collect_it_only_while_telemetry_is_on(
        self, tmp_path: Path, telemetry: str
    ) -> None:
        """Nothing is even sent while it is off, and what comes all the same is kept nowhere."""
        load = Logical(
            "load", {"type": "track", "event": "APPLICATIONS_PAGE_LOAD", "properties": {}}, {}
        )
        async with (
            world(tmp_path, telemetry) as one,
            front(one.gateway.url, tls=self_made_certificate(tmp_path)) as before,
            installation("1.76", _page(before.url)) as appsmith,
            chromium() as browser,
        ):
            await browser.visit(f"http://{appsmith}/applications", writeKey=WRITE_KEY)
            await browser.send([load])
            classes = await one.settled()
            if telemetry == "on":
                await one.delivered("APPLICATIONS_PAGE_LOAD")
                return
            assert classes["optional"]["refused"] == 0
            sample = {**documented("navigation"), "writeKey": WRITE_KEY}
            assert await one.post("/v1/t", sample) == 200
            classes = await one.settled()
            assert (classes["optional"]["refused"], classes["optional"]["accepted"]) == (1, 0)
            assert one.segment.seen == []
            assert one.mixpanel.seen == []
            assert one.gateway.events() == []


class TestSuccessfulBackendCalls:
    @needs(SERVER_SDK.needs)
    @ON_AND_OFF
    async def test_they_are_shared_only_while_telemetry_is_on(
        self, tmp_path: Path, telemetry: str
    ) -> None:
        sample = documented("backend-call")
        given: Mapping[str, Any] = sample["properties"]
        named = {"appName", "name", "pageName", "username"}
        call = {"event": sample["event"], "userId": sample["userId"], "properties": given}
        others = [
            {"event": name, "userId": sample["userId"], "properties": {"instanceId": INSTANCE}}
            for name in ("create_APPLICATION", "create_DATASOURCE", "publish_APPLICATION")
        ]
        async with world(tmp_path, telemetry) as one:
            await one.from_the_server(call, *others)
            classes = await one.settled()
            if telemetry == "off":
                assert (classes["optional"]["refused"], classes["optional"]["accepted"]) == (4, 0)
                assert one.segment.seen == []
                assert one.mixpanel.seen == []
                assert one.gateway.events() == []
                return
            [stored] = await one.delivered(sample["event"])
            kept_as_it_was = {k: v for k, v in given.items() if k not in {*named, "datasource"}}
            properties = stored["properties"]
            assert {name: properties.get(name) for name in kept_as_it_was} == kept_as_it_was
            assert properties.keys() == given.keys()
            assert all(properties[name] != given[name] for name in named)
            assert one.left_with(sample["userId"], given["username"], "Test App") == []
            for other in others:
                await one.delivered(str(other["event"]))


class TestDisableTelemetry:
    @needs(NEEDS)
    async def test_in_the_admin_settings(self, tmp_path: Path) -> None:
        """General, Share anonymous usage data, Save & Restart."""
        async with world(tmp_path) as one, at_the_admin_pages() as person:
            await person(goto=f"{one.gateway.admin_url}/")
            shown = await person(follow="General")
            assert "Share anonymous usage data" in shown["text"]
            assert shown["switches"]["optional"] == {"on": True, "locked": False}
            await person(set={"optional": False})
            shown = await person(press="Save & Restart")
            assert shown["switches"]["optional"] == {"on": False, "locked": False}
            await self.check_it_is_off(one)

    @needs(NEEDS)
    @pytest.mark.parametrize("value", ["true", "Yes"])
    async def test_by_the_environment_variable(
        self, tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The container is started anew with it; then the settings show that it is off."""
        async with world(tmp_path) as one, at_the_admin_pages() as person:
            monkeypatch.setenv("APPSMITH_DISABLE_TELEMETRY", value)
            await one.gateway.stop()
            await one.gateway.start()
            shown = await person(goto=f"{one.gateway.admin_url}/settings/general")
            assert shown["switches"]["optional"] == {"on": False, "locked": True}
            assert "APPSMITH_DISABLE_TELEMETRY" in shown["text"]
            await self.check_it_is_off(one)

    async def check_it_is_off(self, one: World) -> None:
        """And what is collected irrespective of it still is."""
        sample = {**documented("navigation"), "writeKey": WRITE_KEY}
        assert await one.post("/v1/t", sample) == 200
        await one.ping()
        assert await one.post("/api/v1/usage-pulse", {"viewMode": True}, Cookie="SESSION=s") == 201
        await one.imported("FETCH_RELEASE_NOTES")
        await kept(one.gateway, "usage_pulse", 1)
        classes = await one.settled()
        assert (classes["optional"]["accepted"], classes["optional"]["refused"]) == (0, 1)
        assert {event.get("event") for event in one.gateway.events()} == {
            "FETCH_RELEASE_NOTES",
            None,
        }


def _pending(status: Message) -> int:
    """Events that a destination has not had yet; the cloud's wait for their hour."""
    return sum(one["pending"] for one in status["destinations"] if one["type"] != "cloud")


def _page(gateway: str) -> str:
    """A page of the installation that has its CDN where the gateway is."""
    line = f"(window.analytics = window.analytics || [])._cdn = {json.dumps(gateway)}"
    return (
        f"<!doctype html><html><head><script>{line}</script>"
        '<script src="/static/editor.js"></script></head></html>'
    )
