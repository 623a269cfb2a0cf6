"""A report is acknowledged by who bills, never by the gateway; what was odd about it is shown."""

from __future__ import annotations

import asyncio
import copy
import gzip
import hashlib
import hmac
import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.extensions.appsmith.instances import (
    INSTANCE,
    KEY,
    get_json,
    kept,
    metrics,
    sample,
    settings,
)
from tests.fakes.cloud_services import CloudServices, declines, failure
from tests.fakes.vendor import answers, resets
from tests.wire.running import ROOT, Gateway, running, until

REPORT: dict[str, Any] = sample("21")["request"]["body"]
URL = "/cs/api/v1/usage/report"


def signed(message: str, key: str = KEY, **more: Any) -> dict[str, Any]:
    digest = hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest().upper()
    return {**copy.deepcopy(REPORT), "message": message, "hashedMessage": digest, **more}


async def report(
    session: aiohttp.ClientSession, gateway: Gateway, body: Any, **headers: str
) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"{gateway.url}{URL}"
    async with session.post(url, data=io.BytesIO(data), headers=headers) as answer:
        return answer.status, json.loads(await answer.read())


async def reports(
    session: aiohttp.ClientSession, gateway: Gateway, count: int
) -> list[dict[str, Any]]:
    """What is told of reports, once there are so many."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + 10
    while True:
        told = await get_json(session, f"{gateway.admin_url}/api/usage")
        if len(told["reports"]) >= count:
            found: list[dict[str, Any]] = told["reports"]
            return found
        assert clock() < deadline, gateway.log
        await asyncio.sleep(0.02)


async def test_only_the_upstreams_success_is_a_success(
    tmp_path: Path, cloud: CloudServices
) -> None:
    async with (
        running(tmp_path, **settings(tmp_path, upstream=cloud.url)) as gateway,
        aiohttp.ClientSession() as session,
    ):

        async def fails(_: Any) -> Any:
            return failure(500)

        cloud.script += [fails, declines(), answers(200, "<html>"), resets]
        assert (await report(session, gateway, REPORT))[0] == 500
        status, said = await report(session, gateway, REPORT)
        assert (status, said["responseMeta"]["success"]) == (200, False)
        async with session.post(f"{gateway.url}{URL}", json=REPORT) as answer:
            assert await answer.text() == "<html>"
        status, said = await report(session, gateway, REPORT)
        assert (status, said["responseMeta"]["success"]) == (502, False)
        assert await report(session, gateway, REPORT) == (
            200,
            {"responseMeta": {"status": 200, "success": True}, "data": True},
        )
        assert cloud.reports == [REPORT]
        found = await reports(session, gateway, 5)
        assert [one["accepted"] for one in found] == [False] * 4 + [True]
        assert [one["standing"] for one in found] == ["new"] + ["repeated"] * 4


async def test_an_honest_report_is_counted_once(tmp_path: Path, cloud: CloudServices) -> None:
    async with (
        running(tmp_path, **settings(tmp_path, upstream=cloud.url)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        packed = gzip.compress(json.dumps(REPORT).encode())
        cloud.script.append(declines())
        for _ in range(2):
            await report(session, gateway, packed, **{"Content-Encoding": "gzip"})
        assert [json.loads(seen.body) for seen in cloud.seen] == [REPORT, REPORT]
        assert cloud.seen[0].headers["Content-Encoding"] == "gzip"
        cloud.script.append(answers(200, '{"responseMeta": {"success": true}}'))
        await report(session, gateway, REPORT)
        assert len(await reports(session, gateway, 3)) == 3
        [event, *_] = await kept(gateway, "usage_report", 3)
        assert event["instanceId"] == INSTANCE
        assert "message" not in event
        assert "hashedMessage" not in event
        told = await get_json(session, f"{gateway.admin_url}/api/usage?since=2026-03-01")
        [day] = told["days"]
        assert day == {
            "day": "2026-03-05",
            "instance": INSTANCE,
            "origin": "instance",
            "users": 3,
            "view": 2,
            "edit": 1,
            "signed_in": 2,
            "anonymous": 1,
            "pulses": 3,
        }
        await gateway.stop()
        for secret in (REPORT["hashedMessage"], REPORT["usageData"][0]["user"]):
            assert gateway.files_with(secret) == []


async def test_what_is_odd_is_shown_and_relayed_all_the_same(
    tmp_path: Path, cloud: CloudServices
) -> None:
    """The signature covers the random text alone: pulses can be changed, and reports replayed."""
    tampered = signed("m-1")
    tampered["usageData"] = tampered["usageData"][:1]
    odd = {
        "new": signed("m-1"),
        "replayed": signed("m-1"),
        "tampered": tampered,
        "forged": signed("m-2", key="another key"),
        "elsewhere": signed("m-3", instanceId="9" * 24),
        "small": {**signed("m-4"), "hashedMessage": signed("m-4")["hashedMessage"].lower()},
    }
    async with (
        running(tmp_path, **settings(tmp_path, upstream=cloud.url)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        yes = '{"responseMeta": {"status": 200, "success": true}}'
        for count, body in enumerate(odd.values(), 1):
            cloud.script.append(answers(200, yes))
            assert (await report(session, gateway, body))[0] == 200
            await reports(session, gateway, count)
        found = await reports(session, gateway, len(odd))
        verdicts = {
            name: (one["standing"], one["signature"]) for name, one in zip(odd, found, strict=True)
        }
        assert verdicts == {
            "new": ("new", "valid"),
            "replayed": ("replayed", "valid"),
            "tampered": ("tampered", "valid"),
            "forged": ("new", "invalid"),
            "elsewhere": ("new", "unchecked"),
            "small": ("new", "valid"),
        }
        assert found[0]["digest"] == found[1]["digest"] != found[2]["digest"]
        counted = await metrics(session, gateway)
        name = "gateway_usage_reports"
        assert counted[f'{name}{{origin="instance",signature="valid",standing="tampered"}}'] == 1
        assert counted[f'{name}{{origin="instance",signature="invalid",standing="new"}}'] == 1
        assert gateway.log.count("a usage report is suspicious") == 3
        async with session.get(f"{gateway.admin_url}/instances") as answer:
            page = await answer.text()
        assert page.count("badge bad") == 3
        assert "tampered, signature valid" in page
        assert "m-1" not in gateway.log
        assert [json.loads(seen.body) for seen in cloud.seen] == list(odd.values())


async def test_a_name_that_names_no_instance_is_not_kept(
    tmp_path: Path, cloud: CloudServices
) -> None:
    async with (
        running(tmp_path, **settings(tmp_path, upstream=cloud.url)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        odd = {**REPORT, "instanceId": "=HYPERLINK(0)", "hashedInstanceId": "<b>Ada Lovelace"}
        odd["usageData"] = [*odd["usageData"], {"user": "without a mode"}]
        await report(session, gateway, odd)
        told = await reports(session, gateway, 1)
        assert (told[0]["instance"], told[0]["pulses"]) == ("unknown", 4)
        told = await get_json(session, f"{gateway.admin_url}/api/usage?since=2026-03-01")
        assert [day["pulses"] for day in told["days"]] == [3]
        [event] = await kept(gateway, "usage_report", 1)
        assert not {"instanceId", "hashedInstanceId"} & event.keys()
        assert gateway.files_with("Lovelace") == []


async def test_what_is_no_report_is_relayed_and_counted(
    tmp_path: Path, cloud: CloudServices
) -> None:
    unreadable = 'gateway_requests_refused_total{code="%s",protocol="appsmith"}'
    async with (
        running(tmp_path, **settings(tmp_path, upstream=cloud.url)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        cloud.script += [declines()] * 3
        for body in (b"{", b"[]", b"x" * (1024 * 1024 + 1)):
            assert (await report(session, gateway, body))[0] == 200
        codes = ("invalid_json", "unreadable_report", "payload_too_large")
        counted: dict[str, float] = {}

        clock = asyncio.get_running_loop().time
        deadline = clock() + 10
        while any(counted.get(unreadable % code) != 1 for code in codes):
            assert clock() < deadline, counted
            counted = await metrics(session, gateway)
        assert [len(seen.body) for seen in cloud.seen] == [1, 2, 1024 * 1024 + 1]


async def test_pulses_are_reported_through_an_outage(tmp_path: Path, cloud: CloudServices) -> None:
    """The whole way: browser, journal, outage, kill, restart, report."""
    given = settings(tmp_path, cloud={"host": "http://127.0.0.1:1", "interval": 0})
    async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:

        async def pulse(number: int) -> None:
            body = {"viewMode": True, "anonymousUserId": f"visitor-{number}"}
            async with session.post(f"{gateway.url}/api/v1/usage-pulse", json=body) as answer:
                assert answer.status == 201

        for number in range(3):
            await pulse(number)
        pending = 'gateway_destination_pending_events{destination="cloud"}'
        delivered = 'gateway_destination_delivered_total{destination="cloud"}'
        assert (await metrics(session, gateway))[pending] == 3
        await gateway.kill()
        routing = (tmp_path / "routing.yaml").read_text()
        (tmp_path / "routing.yaml").write_text(routing.replace("http://127.0.0.1:1", cloud.url))
        await gateway.start()
        await until(lambda: len(cloud.pulses) >= 3, 15, lambda: gateway.log)
        await pulse(3)
        await until(lambda: len(cloud.pulses) >= 4, 15, lambda: gateway.log)
        assert len({pulse["user"] for pulse in cloud.pulses}) == 4
        stored = {event["user"] for event in await kept(gateway, "usage_pulse", 4)}
        assert not stored & {pulse["user"] for pulse in cloud.pulses}
        clock = asyncio.get_running_loop().time
        deadline = clock() + 10
        while (await metrics(session, gateway))[delivered] != 4:
            assert clock() < deadline
        found = await reports(session, gateway, len(cloud.reports))
        assert {one["origin"] for one in found} == {"gateway"}
        assert sum(one["pulses"] for one in found) == 4


async def test_a_pulse_is_in_one_report_however_often_the_gateway_is_killed(
    tmp_path: Path, cloud: CloudServices
) -> None:
    """A report that comes twice is the very same one, by which the cloud services can know it."""
    given = settings(tmp_path, cloud={"host": cloud.url, "interval": 0})
    sent = 0
    async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:
        for _ in range(5):
            cloud.script += [resets, declines()]
            for _ in range(20):
                body = {"viewMode": True, "anonymousUserId": f"visitor-{sent}"}
                async with session.post(f"{gateway.url}/api/v1/usage-pulse", json=body) as answer:
                    assert answer.status == 201
                sent += 1
            reported = len(cloud.reports)
            while len(cloud.reports) == reported:
                cloud.arrived.clear()
                async with asyncio.timeout(20):
                    await cloud.arrived.wait()
            await gateway.kill()
            await gateway.start()

        def is_known(pulses: int) -> bool:
            return len({one["user"] for one in cloud.pulses}) >= pulses

        await until(lambda: is_known(sent), 20, lambda: f"{len(cloud.pulses)}\n{gateway.log}")
        await gateway.stop()
    distinct = {report["message"]: report["usageData"] for report in cloud.reports}
    assert all(distinct[report["message"]] == report["usageData"] for report in cloud.reports)
    assert sum(map(len, distinct.values())) == sent


async def test_each_instance_is_reported_by_its_own_licence(
    tmp_path: Path, cloud: CloudServices
) -> None:
    """A licence that is refused, for as long as that takes, holds up no other and loses nothing."""
    given = settings(tmp_path, cloud={"host": cloud.url, "interval": 0})
    keys = {INSTANCE: "SYNTH-LICENSE-A", INSTANCE[::-1]: "SYNTH-LICENSE-B"}
    given["appsmith"]["instances"] = [
        {"id": id_, "hosts": [f"{key[-1]}.example"], "paying": True, "license_key": key}
        for id_, key in keys.items()
    ]
    cloud.license_key = "SYNTH-LICENSE-B"
    async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:

        async def pulse(host: str) -> None:
            url, body = f"{gateway.url}/api/v1/usage-pulse", {"viewMode": True}
            headers = {"Host": host, "Cookie": "SESSION=s"}
            async with session.post(url, json=body, headers=headers) as answer:
                assert answer.status == 201

        await pulse("a.example")
        for count in range(1, 9):
            await pulse("b.example")
            await until(lambda: len(cloud.pulses) >= count, 20, lambda: gateway.log)  # noqa: B023
        assert {report["instanceId"] for report in cloud.reports} == {INSTANCE[::-1]}
        refused = [seen for seen in cloud.seen if INSTANCE.encode() in seen.body]
        assert refused
        cloud.license_key = "SYNTH-LICENSE-A"
        await until(lambda: len(cloud.pulses) == 9, 60, lambda: gateway.log)
        assert cloud.reports[-1]["instanceId"] == INSTANCE
        dead = 'gateway_destination_dead_events{destination="cloud"'
        assert not [name for name in await metrics(session, gateway) if name.startswith(dead)]


async def test_a_report_that_waits_leaves_by_the_policy_in_force(
    tmp_path: Path, cloud: CloudServices
) -> None:
    """What an older policy let into it is taken out before it is sent."""
    given = settings(tmp_path, cloud={"host": cloud.url, "interval": 0})
    policy = yaml.safe_load((ROOT / "config/appsmith/privacy.yaml").read_text("utf-8"))
    as_it_comes = {"id": "as-it-comes", "match": {"path": "/user"}, "action": "keep"}
    loose = {**policy, "rules": [as_it_comes, *policy["rules"]]}
    (tmp_path / "privacy.yaml").write_text(yaml.safe_dump(loose), "utf-8")
    given["policy"] = "privacy.yaml"
    async with running(tmp_path, **given) as gateway, aiohttp.ClientSession() as session:

        async def pulse(visitor: str) -> None:
            body = {"viewMode": True, "anonymousUserId": visitor}
            async with session.post(f"{gateway.url}/api/v1/usage-pulse", json=body) as answer:
                assert answer.status == 201

        cloud.script += [resets] * 3
        await pulse("ada@mail.example")
        await until(lambda: len(cloud.seen) >= 1, 10, lambda: gateway.log)
        (tmp_path / "privacy.yaml").write_text(yaml.safe_dump(policy), "utf-8")
        assert gateway.process is not None
        await gateway.stop()
        cloud.seen.clear()
        cloud.script.clear()
        await gateway.start()
        await pulse("visitor-1")
        await until(lambda: len(cloud.pulses) >= 2, 30, lambda: gateway.log)
        measured = await metrics(session, gateway)
        assert not any(
            "gateway_destination_dead_events" in one and "cloud" in one for one in measured
        )
        assert not any(b"ada@mail.example" in seen.body for seen in cloud.seen)
