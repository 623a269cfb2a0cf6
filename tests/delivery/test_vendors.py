"""The whole gateway before both vendors: whatever they do, each event arrives once in effect."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
import yaml

from tests.fakes import vendor
from tests.fakes.certificate import self_signed
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import Behaviour, Vendor, answers
from tests.wire.running import WRITE_KEY, Gateway, running, until

TIMEOUT = 1.5
"""Seconds that the gateway gives each request."""


@dataclass(frozen=True, slots=True)
class Setting:
    gateway: Gateway
    session: aiohttp.ClientSession
    segment: FakeSegment
    mixpanel: FakeMixpanel

    async def send(self, *numbers: int, **more: Any) -> None:
        batch = [event(number, **more) for number in numbers]
        body = {"batch": batch, "writeKey": WRITE_KEY}
        async with self.session.post(f"{self.gateway.url}/v1/batch", json=body) as answer:
            assert answer.status == 200

    async def status(self, name: str) -> dict[str, Any]:
        async with self.session.get(f"{self.gateway.admin_url}/api/status") as answer:
            found = await answer.json()
        (one,) = (each for each in found["destinations"] if each["name"] == name)
        balance = one["delivered"] + one["pending"]
        balance += sum(one["filtered"].values()) + sum(one["dead"].values())
        assert balance == one["accepted"]
        return dict(one)

    async def until(self, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + 30
        while not holds(found := await self.status(name)):
            assert clock() < deadline, f"{found}\n{self.gateway.log}"
            await asyncio.sleep(0.05)
        return found

    async def settled(self, name: str) -> dict[str, Any]:
        return await self.until(name, lambda status: status["pending"] == 0)


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Moved",
        "userId": f"user-{number % 5}",
        "messageId": f"m-{number}",
        **more,
    }


@asynccontextmanager
async def before(
    folder: Path, segment: FakeSegment, mixpanel: FakeMixpanel, **more: Any
) -> AsyncGenerator[Setting]:
    """The gateway, with these two vendors; `more` is added to what routing.yaml says of both."""
    routing = {
        "destinations": {
            "segment": {
                "type": "segment", "write_key": segment.write_key, "host": segment.url,
                "timeout": TIMEOUT, **more,
            },
            "mixpanel": {
                "type": "mixpanel", "token": mixpanel.token, "host": mixpanel.url,
                "timeout": TIMEOUT, **more,
            },
        },
        "routes": [{"name": "all", "to": ["segment", "mixpanel"]}],
    }  # fmt: skip
    (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
    async with (
        running(folder, routing="routing.yaml") as gateway,
        aiohttp.ClientSession() as session,
    ):
        yield Setting(gateway, session, segment, mixpanel)


@asynccontextmanager
async def both(folder: Path, **more: Any) -> AsyncGenerator[Setting]:
    async with (
        vendor.running(FakeSegment()) as segment,
        vendor.running(FakeMixpanel()) as mixpanel,
        before(folder, segment, mixpanel, **more) as setting,
    ):
        yield setting


def names(setting: Setting) -> tuple[list[str], list[str]]:
    """The messageIds that Segment keeps, and the $insert_ids that Mixpanel does."""
    of_mixpanel = [record["properties"]["$insert_id"] for record in setting.mixpanel.events]
    return [message["messageId"] for message in setting.segment.messages], of_mixpanel


def in_two_seconds() -> str:
    """A date, which knows no fractions: 1 to 2 seconds from now."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


TROUBLES: dict[str, Behaviour] = {
    "429": answers(429),
    "429 with seconds": answers(429, headers={"Retry-After": "1"}),
    "500": answers(500, "oops"),
    "503 with a date": answers(503, headers={"Retry-After": in_two_seconds()}),
    "a reset": vendor.resets,
    "an answer that breaks off": vendor.breaks_off,
    "a head that breaks off": vendor.breaks_off_its_head,
    "a page of a proxy": answers(200, "<html>Welcome to the hotel</html>"),
    "garbage": answers(200, "\x00\xff{"),
    "a redirect": answers(302, headers={"Location": "https://example.com/"}),
    "a lock-out": answers(401, '{"code": 401, "error": "Invalid credentials"}'),
    "a head that drips": vendor.drips_its_head,
    "a body that drips": vendor.drips_its_body,
    "a body without end": vendor.never_ends,
}


async def test_no_trouble_loses_or_doubles_an_event(tmp_path: Path) -> None:
    """One after the other, each of them twice, to a vendor that is well before and after."""
    async with both(tmp_path) as setting:
        vendors: tuple[Vendor, Vendor] = (setting.segment, setting.mixpanel)
        number = 0
        for trouble in TROUBLES.values():
            for each in vendors:
                each.script.extend([trouble, trouble])
            await setting.send(*range(number, number + 10))
            number += 10
            for name in ("segment", "mixpanel"):
                await setting.settled(name)
            assert not any(each.script for each in vendors)
        for found in names(setting):
            assert Counter(found) == Counter(f"m-{n}" for n in range(number))
        for name in ("segment", "mixpanel"):
            status = await setting.status(name)
            assert (status["delivered"], status["dead"], status["waiting"]) == (number, {}, None)


async def test_retry_after_is_obeyed_by_every_lane(tmp_path: Path) -> None:
    asked_at: list[float] = []

    class Timed(FakeSegment):
        first_at = 0.0

        async def answer(self, request: Any, body: bytes) -> Any:
            self.first_at = self.first_at or time.monotonic()
            return await super().answer(request, body)

    async def busy(request: Any) -> Any:
        asked_at.append(time.monotonic())
        return await answers(429, headers={"Retry-After": "2"})(request)

    async with (
        vendor.running(Timed()) as segment,
        vendor.running(FakeMixpanel()) as mixpanel,
        before(tmp_path, segment, mixpanel) as setting,
    ):
        segment.script.append(busy)
        await setting.send(*range(30))
        await setting.settled("segment")
        assert len(segment.messages) == 30
        assert len(asked_at) == 1
        assert segment.first_at - asked_at[0] >= 2


async def test_refused_events_are_found_and_their_neighbours_arrive(tmp_path: Path) -> None:
    """Segment does not say which message it refuses, Mixpanel's import does; both say 400."""

    class Strict(FakeSegment):
        async def answer(self, request: Any, body: bytes) -> Any:
            if b'"m-7"' in body:
                return await answers(400, '{"code": "bad_request", "message": "no"}')(request)
            return await super().answer(request, body)

    class Picky(FakeMixpanel):
        async def answer(self, request: Any, body: bytes) -> Any:
            answer = await super().answer(request, body)
            if b"m-11" not in body:
                return answer
            self.events = [e for e in self.events if e["properties"]["$insert_id"] != "m-11"]
            records = json.loads(parse_qs(body.decode())["data"][0])
            (at,) = (i for i, r in enumerate(records) if r["properties"]["$insert_id"] == "m-11")
            failed = {"index": at, "field": "properties.time", "message": "invalid"}
            said = {"code": 400, "error": "some failed", "failed_records": [failed]}
            return await answers(400, json.dumps(said))(request)

    async with (
        vendor.running(Strict()) as segment,
        vendor.running(Picky()) as mixpanel,
        before(tmp_path, segment, mixpanel) as setting,
    ):
        await setting.send(*range(20))
        assert (await setting.settled("segment"))["dead"] == {"refused": 1}
        assert (await setting.settled("mixpanel"))["dead"] == {"refused": 1}
        of_segment, of_mixpanel = names(setting)
        assert set(of_segment) == {f"m-{n}" for n in range(20)} - {"m-7"}
        assert Counter(of_mixpanel) == Counter({f"m-{n}" for n in range(20)} - {"m-11"})


async def test_a_vendor_that_takes_less_at_once_gets_less(tmp_path: Path) -> None:
    class Narrow(FakeSegment):
        async def answer(self, request: Any, body: bytes) -> Any:
            if len(body) > 4000:
                said = '{"success": false, "code": "too_large", "message": "too large"}'
                return await answers(413, said)(request)
            return await super().answer(request, body)

    class Tight(FakeMixpanel):
        async def answer(self, request: Any, body: bytes) -> Any:
            if len(body) > 4000:
                return await answers(413, '{"code": 413, "error": "too large"}')(request)
            return await super().answer(request, body)

    async with (
        vendor.running(Narrow()) as segment,
        vendor.running(Tight()) as mixpanel,
        before(tmp_path, segment, mixpanel) as setting,
    ):
        await setting.send(*range(100))
        for name in ("segment", "mixpanel"):
            assert (await setting.settled(name))["delivered"] == 100
        for found in names(setting):
            assert Counter(found) == Counter(f"m-{n}" for n in range(100))


async def test_a_success_that_speaks_of_an_error_is_none(tmp_path: Path) -> None:
    """Profiles: Mixpanel answers 200 whatever happened, and the body tells."""
    async with both(tmp_path) as setting:
        said = '{"status": 0, "error": "$token, missing or empty"}'
        setting.mixpanel.script.extend([answers(200, said)] * 3)
        await setting.send(1, type="identify", traits={"plan": "pro"})
        await setting.settled("mixpanel")
        assert len(setting.mixpanel.people) == 1
        setting.mixpanel.script.extend([answers(200, '{"status": 0, "error": "bad record"}')] * 9)
        await setting.send(2, type="identify", traits={"plan": "pro"})
        status = await setting.settled("mixpanel")
        assert status["dead"] == {"refused": 1}


@pytest.mark.parametrize("untrusted", ["segment", "mixpanel"])
async def test_behind_a_wrong_certificate_events_wait_and_the_other_vendor_gets_them(
    tmp_path: Path, untrusted: str
) -> None:
    tls = self_signed(tmp_path)
    async with (
        vendor.running(FakeSegment(), tls if untrusted == "segment" else None) as segment,
        vendor.running(FakeMixpanel(), tls if untrusted == "mixpanel" else None) as mixpanel,
        before(tmp_path, segment, mixpanel) as setting,
    ):
        await setting.send(*range(10))
        other = "mixpanel" if untrusted == "segment" else "segment"
        assert (await setting.settled(other))["delivered"] == 10
        status = await setting.until(untrusted, lambda status: status["waiting"] is not None)
        assert (status["waiting"], status["pending"], status["dead"]) == ("tls", 10, {})


async def test_one_users_events_keep_their_order_through_all_lanes(tmp_path: Path) -> None:
    async with both(tmp_path, lanes=8) as setting:
        for each in (setting.segment, setting.mixpanel):
            each.script.extend([answers(503), vendor.resets, answers(429)] * 3)
        for number in range(0, 600, 20):
            await setting.send(*range(number, number + 20))
        for name in ("segment", "mixpanel"):
            await setting.settled(name)
        for found in names(setting):
            numbers = [int(name.removeprefix("m-")) for name in dict.fromkeys(found)]
            assert len(numbers) == 600
            for user in range(5):
                own = [number for number in numbers if number % 5 == user]
                assert own == sorted(own)
        assert (await setting.status("segment"))["requests_at_once"] > 1


async def test_a_vendor_that_is_away_does_not_stop_the_gateway_from_stopping(
    tmp_path: Path,
) -> None:
    async with both(tmp_path) as setting:
        setting.segment.script.extend([answers(503)] * 1000)
        await setting.send(*range(10))
        await setting.until("segment", lambda status: status["waiting"] == "http 503")
        await setting.gateway.stop()
        setting.segment.script.clear()
        await setting.gateway.start()
        assert (await setting.settled("segment"))["delivered"] == 10
        assert Counter(names(setting)[0]) == Counter(f"m-{n}" for n in range(10))
        await until(lambda: len(setting.mixpanel.events) == 10, 10, lambda: setting.gateway.log)
