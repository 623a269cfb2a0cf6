"""A pulse is answered as Appsmith's server answers it, and kept as it would be, but unnamed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cli.test_commands import gateway as command
from tests.extensions.appsmith.instances import (
    INSTANCE,
    TENANT,
    get_json,
    kept,
    metrics,
    named,
    sample,
    settings,
)
from tests.wire.running import Gateway, running, until

ADDRESS = "ada.lovelace@acme.example"
PULSE = "/api/v1/usage-pulse"


async def pulse(
    session: aiohttp.ClientSession, gateway: Gateway, body: Any, **headers: str
) -> tuple[int, Any]:
    url = f"{gateway.url}{PULSE}"
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post(url, data=text, headers=headers) as answer:
        return answer.status, await answer.json()


def fresh() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())


async def test_the_answers_are_the_products_own(tmp_path: Path) -> None:
    async with running(tmp_path, **settings(tmp_path)) as gateway, fresh() as session:
        for number in ("16", "17", "18", "19", "20"):
            example = sample(number)
            request = example["request"]
            status, said = await pulse(session, gateway, request["body"], **request["headers"])
            assert (status, said) == (example["response"]["status"], example["response"]["body"])
        for body, parameter in (
            ({"viewMode": "true"}, "viewMode"),
            ({"viewMode": None}, "viewMode"),
            ({"viewMode": True}, "anonymousUserId"),  # nobody is signed in, and nobody is named
            ({"viewMode": True, "anonymousUserId": ""}, "anonymousUserId"),
            ({"viewMode": True, "anonymousUserId": 7}, "anonymousUserId"),
            ({"viewMode": True, "anonymousUserId": "x" * 257}, "anonymousUserId"),
        ):
            status, said = await pulse(session, gateway, body)
            assert status == 400
            error = said["responseMeta"]["error"]
            assert error["message"] == f"Please enter a valid parameter {parameter}."
        for broken in (b"{", b"[]", b""):
            status, said = await pulse(session, gateway, broken)
            assert (status, said["responseMeta"]["success"]) == (400, False)
        events = await kept(gateway, "usage_pulse", 3)
        assert len(events) == 3
        for event in events:
            assert event.keys() == {
                "type",
                "messageId",
                "user",
                "instanceId",
                "tenantId",
                "viewMode",
                "isAnonymousUser",
                "createdAt",
            }
            assert (event["instanceId"], event["tenantId"]) == (INSTANCE, TENANT)
        assert [(e["viewMode"], e["isAnonymousUser"]) for e in events] == [
            (False, False),
            (True, False),
            (True, True),
        ]
        assert events[0]["user"] == events[1]["user"] != events[2]["user"]
        await gateway.stop()
        anonymous = sample("18")["request"]["body"]["anonymousUserId"]
        for secret in (
            "synthetic-session",
            anonymous,
            hashlib.sha256(b"synthetic-session").hexdigest(),
        ):
            assert gateway.files_with(secret) == []


async def test_a_trusted_proxy_says_who_is_signed_in(tmp_path: Path) -> None:
    given = settings(tmp_path, user_header="X-Forwarded-Email", trusted_proxies=["127.0.0.1/32"])
    async with running(tmp_path, **given) as gateway, fresh() as session:
        for session_id, address in (("one", ADDRESS), ("two", ADDRESS.title())):
            cookie = {"X-Forwarded-Email": address, "Cookie": f"SESSION={session_id}"}
            assert (await pulse(session, gateway, {"viewMode": False}, **cookie))[0] == 201
        visitor = {"viewMode": True, "anonymousUserId": "v1"}
        assert (await pulse(session, gateway, visitor, Cookie="SESSION=x"))[0] == 201
        assert (await pulse(session, gateway, {"viewMode": True}, Cookie="SESSION=x"))[0] == 201
        assert (await pulse(session, gateway, {"viewMode": True}))[0] == 400
        first, second, third, unnamed = await kept(gateway, "usage_pulse", 4)
        assert first["user"] == second["user"]
        assert len({one["user"] for one in (first, third, unnamed)}) == 3
        anonymous = [one["isAnonymousUser"] for one in (first, second, third, unnamed)]
        assert anonymous == [False, False, True, False]
        await gateway.stop()
        for secret in (ADDRESS, hashlib.sha256(ADDRESS.encode()).hexdigest()):
            assert gateway.files_with(secret) == []


async def test_a_stranger_cannot_say_who_is_signed_in(tmp_path: Path) -> None:
    given = settings(tmp_path, user_header="X-Forwarded-Email", trusted_proxies=["192.0.2.0/24"])
    async with running(tmp_path, **given) as gateway, fresh() as session:
        status, _ = await pulse(
            session, gateway, {"viewMode": False}, **{"X-Forwarded-Email": ADDRESS}
        )
        assert status == 400


@pytest.mark.parametrize("variable", ["APPSMITH_DISABLE_TELEMETRY", "DO_NOT_TRACK"])
async def test_billing_flows_whatever_the_switch_says(
    tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    async with running(tmp_path, **settings(tmp_path)) as gateway, fresh() as session:
        track = {
            "event": "EDITOR_OPEN",
            "userId": "u",
            "writeKey": "wire-test-write-key-0123456789ab",
        }
        async with session.post(f"{gateway.url}/v1/track", json=track) as answer:
            assert answer.status == 200
        opted = {"DNT": "1", "Sec-GPC": "1", "Cookie": "SESSION=a"}
        assert (await pulse(session, gateway, {"viewMode": True}, **opted))[0] == 201
        await kept(gateway, "usage_pulse", 1)
        assert named(gateway, "EDITOR_OPEN") == []
        found = await metrics(session, gateway)
        assert found['gateway_events_rejected_total{reason="telemetry_off"}'] == 1


async def test_pulses_of_those_who_do_not_pay_are_counted_and_kept_nowhere(tmp_path: Path) -> None:
    given = settings(tmp_path, paying=False)
    async with running(tmp_path, **given) as gateway, fresh() as session:
        status, said = await pulse(session, gateway, {"viewMode": True}, Cookie="SESSION=a")
        assert (status, said["data"]) == (201, True)
        assert (await pulse(session, gateway, {}, Cookie="SESSION=a"))[0] == 400
        found = await metrics(session, gateway)
        assert found['gateway_events_rejected_total{reason="not_paying"}'] == 1
        assert found['gateway_events_received_total{source="appsmith"}'] == 1
        assert found["gateway_events_accepted_total"] == 0


async def test_a_host_tells_the_instance(tmp_path: Path) -> None:
    given = settings(tmp_path)
    given["appsmith"]["instances"] = [
        {"id": INSTANCE, "tenant_id": TENANT, "hosts": ["One.example"], "paying": True},
        {"id": INSTANCE[::-1], "hosts": ["two.example"], "paying": True},
        {"id": "3" * 24},
    ]
    async with running(tmp_path, **given) as gateway, fresh() as session:
        for host in ("one.example:8443", "two.example", "three.example"):
            headers = {"Host": host, "Cookie": "SESSION=a"}
            assert (await pulse(session, gateway, {"viewMode": True}, **headers))[0] == 201
        events = await kept(gateway, "usage_pulse", 2)
        assert [event["instanceId"] for event in events] == [INSTANCE, INSTANCE[::-1]]
        found = await metrics(session, gateway)
        assert found['gateway_events_rejected_total{reason="not_paying"}'] == 1


@pytest.mark.parametrize(("trusted", "kept_pulses"), [(["127.0.0.1/32"], 1), ([], 0)])
async def test_a_trusted_proxy_says_which_host_was_open(
    tmp_path: Path, trusted: list[str], kept_pulses: int
) -> None:
    given = settings(tmp_path, trusted_proxies=trusted)
    given["appsmith"]["instances"] = [{"id": INSTANCE, "hosts": ["one.example"], "paying": True}]
    async with running(tmp_path, **given) as gateway, fresh() as session:
        headers = {"X-Forwarded-Host": "One.example.:8443", "Cookie": "SESSION=a"}
        assert (await pulse(session, gateway, {"viewMode": True}, **headers))[0] == 201
        found = await metrics(session, gateway)
        assert found["gateway_events_accepted_total"] == kept_pulses


async def test_a_page_of_another_origin_may_send_and_read(tmp_path: Path) -> None:
    async with running(tmp_path, **settings(tmp_path)) as gateway, fresh() as session:
        origin = "https://appsmith.corp.acme.example"
        asking = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-requested-by,x-anonymous-user-id",
        }
        async with session.options(f"{gateway.url}{PULSE}", headers=asking) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert "x-requested-by" in answer.headers["Access-Control-Allow-Headers"]
        url = f"{gateway.url}{PULSE}"
        async with session.post(url, json={}, headers={"Origin": origin}) as answer:
            assert answer.status == 400
            assert answer.headers["Access-Control-Allow-Origin"] == origin


async def test_people_are_counted_by_day_and_hour_and_named_nowhere(tmp_path: Path) -> None:
    async with running(tmp_path, **settings(tmp_path)) as gateway, fresh() as session:
        before = datetime.now(UTC)
        for _ in range(2):
            for cookie, view in (("a", True), ("a", False), ("b", True)):
                body = {"viewMode": view}
                status, _ = await pulse(session, gateway, body, Cookie=f"SESSION={cookie}")
                assert status == 201
            visitor = {"viewMode": True, "anonymousUserId": "v1"}
            assert (await pulse(session, gateway, visitor))[0] == 201
        await kept(gateway, "usage_pulse", 8)
        await gateway.kill()
        await gateway.start()
        url = f"{gateway.admin_url}/api/usage?since=2d"
        told: dict[str, Any] = {}

        def is_counted() -> bool:
            done = command("usage", "--config", "gateway.yaml", "--json", folder=tmp_path)
            told.update(json.loads(done.stdout))
            return [day["pulses"] for day in told["days"]] == [8]

        await until(is_counted, 10, lambda: str(told))
        assert await get_json(session, url) == told
        counts = {
            "instance": INSTANCE,
            "origin": "gateway",
            "users": 3,
            "view": 3,
            "edit": 1,
            "signed_in": 2,
            "anonymous": 1,
            "pulses": 8,
        }
        hours = {moment.strftime("%Y-%m-%dT%H:00Z") for moment in (before, datetime.now(UTC))}
        assert told["days"] == [{"day": told["hours"][0]["hour"][:10], **counts}]
        assert {hour["hour"] for hour in told["hours"]} <= hours
        assert sum(hour["pulses"] for hour in told["hours"]) == 8
        assert told["reports"] == []
        done = command("usage", "--config", "gateway.yaml", "--csv", "--hourly", folder=tmp_path)
        rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
        assert rows == [{key: str(value) for key, value in hour.items()} for hour in told["hours"]]
        async with session.get(f"{url}&format=csv&by=hour") as answer:
            assert answer.content_type == "text/csv"
            assert list(csv.DictReader(io.StringIO(await answer.text()))) == rows
        text = command("usage", "--config", "gateway.yaml", folder=tmp_path).stdout.decode()
        assert told["days"][0]["day"] in text
        async with session.get(f"{gateway.admin_url}/api/usage?since=soon") as answer:
            assert answer.status == 400
