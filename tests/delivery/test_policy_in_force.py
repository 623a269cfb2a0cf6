"""A tightened policy holds for what waits, everywhere; an overlay reaches its destination alone."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from tests.fakes import vendor
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import answers
from tests.releases.test_0_1_0 import command
from tests.wire.running import ROOT, WRITE_KEY, Gateway, running, until

MAIL, STREET, PASSWORD = "zoe.qvist@mail.example", "Hovedgaden 12", "hunter2-and-more"
USERS = "  - {id: users, match: {path: [/userId, /properties/distinct_id]}, action: pseudonymize}\n"
LOOSE = f"rules:\n{USERS}"
TIGHT = (
    "rules:\n"
    "  - {id: mails, match: {kind: [email]}, action: mask}\n"
    "  - {id: streets, match: {key: [street]}, action: drop}\n"
    "  - {id: passwords, match: {key: [password]}, action: drop}\n"
    f"{USERS}"
)
ONE_VENDOR = """rules:
  - id: hashed-email-for-mixpanel
    match: {path: [/traits/email, /properties/email], destination: [mixpanel]}
    action: pseudonymize
  - id: notes-for-segment
    match: {path: /properties/note, destination: [segment]}
    action: keep
  - id: no-plan-for-mixpanel
    match: {path: /properties/plan, destination: [mixpanel]}
    action: drop
  - {id: contact-details, match: {key: [email]}, action: drop}
  - {id: mails, match: {kind: [email]}, action: mask}
"""


class Segment(FakeSegment):
    is_down = True

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if self.is_down:
            return await answers(503)(request)
        return await super().answer(request, body)


class Mixpanel(FakeMixpanel):
    is_down = True

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if self.is_down:
            return await answers(503)(request)
        return await super().answer(request, body)


Vendors = tuple[Segment, Mixpanel]


@asynccontextmanager
async def waiting(
    folder: Path, policy: str, **settings: Any
) -> AsyncGenerator[tuple[Gateway, Segment, Mixpanel]]:
    """A gateway whose vendors are down, and whose files cannot be written."""
    (folder / "mine.yaml").write_text(policy)
    (folder / "data").mkdir()
    for name in ("events", "quarantine"):
        (folder / "data" / name).symlink_to(folder / "away" / name)
    async with vendor.running(Segment()) as segment, vendor.running(Mixpanel()) as mixpanel:
        routing = {
            "destinations": {
                "segment": {"type": "segment", "write_key": segment.write_key, "host": segment.url},
                "mixpanel": {"type": "mixpanel", "token": mixpanel.token, "host": mixpanel.url},
                "local": {"type": "file", "path": "events"},
            },
            "routes": [{"name": "all", "to": ["segment", "mixpanel", "local"]}],
        }
        (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
        async with running(
            folder, policy="mine.yaml", routing="routing.yaml", **settings
        ) as gateway:
            yield gateway, segment, mixpanel


async def post(gateway: Gateway, *batch: dict[str, Any]) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{gateway.url}/v1/batch", json={"batch": batch, "writeKey": WRITE_KEY}
        ) as answer,
    ):
        assert answer.status == 200


def again(gateway: Gateway) -> list[dict[str, Any]]:
    """The audit's lines of what was scrubbed again."""
    return [line for line in lines(gateway, "audit") if line.get("again")]


def personal(number: int) -> dict[str, Any]:
    details = {"note": f"from {MAIL}", "street": STREET, "password": PASSWORD, "plan": "pro"}
    return {
        "type": "track",
        "event": "Signed Up",
        "userId": "user-1",
        "messageId": f"m-{number}",
        "properties": details,
    }


async def reload(gateway: Gateway, policy: str) -> None:
    (gateway.folder / "mine.yaml").write_text(policy)
    assert gateway.process is not None
    before = gateway.log.count('"reloaded"')
    gateway.process.send_signal(signal.SIGHUP)
    await until(lambda: gateway.log.count('"reloaded"') > before, 15, lambda: gateway.log)


async def restart(gateway: Gateway, policy: str) -> None:
    (gateway.folder / "mine.yaml").write_text(policy)
    await gateway.kill()
    await gateway.start()


def recover(gateway: Gateway, segment: Segment, mixpanel: Mixpanel) -> None:
    for name in ("events", "quarantine"):
        (gateway.folder / "away" / name).mkdir(parents=True, exist_ok=True)
    segment.seen.clear()
    mixpanel.seen.clear()
    segment.is_down = mixpanel.is_down = False


async def settled(gateway: Gateway) -> dict[str, Any]:
    """Ask for all destinations until nothing is pending; by name."""
    async with aiohttp.ClientSession() as session:
        for name in ("segment", "mixpanel", "local"):
            async with session.post(f"{gateway.admin_url}/api/destinations/{name}/try"):
                pass
        while True:
            async with session.get(f"{gateway.admin_url}/api/status") as answer:
                status = await answer.json()
            found = {each["name"]: each for each in status["destinations"]}
            if not any(each["pending"] for each in found.values()):
                return found


def bytes_sent(*vendors: Segment | Mixpanel) -> bytes:
    return b"\n".join(seen.body for one in vendors for seen in one.seen)


def lines(gateway: Gateway, folder: str) -> list[dict[str, Any]]:
    files = sorted((gateway.data / folder).glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().split(b"\n")[:-1]]


def found_in(gateway: Gateway, secrets: Sequence[str]) -> list[str]:
    """The files that hold one of them, the journal aside: it still has what waited."""
    return [
        file
        for secret in secrets
        for file in gateway.files_with(secret)
        if not file.startswith("data/journal/") and file != "mine.yaml"
    ]


@pytest.mark.parametrize(("change", "unplanned"), [(reload, "allow"), (restart, "quarantine")])
async def test_what_waits_leaves_by_the_policy_in_force(
    tmp_path: Path, change: Any, unplanned: str
) -> None:
    schemas = {"path": str(ROOT / "schemas"), "unplanned_events": unplanned}
    async with waiting(tmp_path, LOOSE, schemas=schemas) as (gateway, segment, mixpanel):
        await post(gateway, *(personal(n) for n in range(30)))
        if unplanned == "allow":
            await until(lambda: bool(segment.seen and mixpanel.seen), 15, lambda: gateway.log)
            assert MAIL.encode() in bytes_sent(segment)
        await change(gateway, TIGHT)
        await post(gateway, personal(30))
        recover(gateway, segment, mixpanel)
        found = await settled(gateway)
        folder, consumer = (
            ("events", "segment") if unplanned == "allow" else ("quarantine", "quarantine/")
        )
        await until(lambda: len(lines(gateway, folder)) == 31, 30, lambda: gateway.log)
        await until(
            lambda: consumer in {one["again"] for one in again(gateway)}, 30, lambda: gateway.log
        )
        kept = lines(gateway, folder)
        assert [one["properties"] for one in kept] == [{"note": "from [email]", "plan": "pro"}] * 31
        assert len({one["userId"] for one in kept}) == 1
        for secret in (MAIL, STREET, PASSWORD):
            assert secret.encode() not in bytes_sent(segment, mixpanel)
        assert found_in(gateway, (MAIL, STREET, PASSWORD)) == []
        if unplanned == "allow":
            assert [len(segment.messages), len(mixpanel.events)] == [31, 31]
            assert {each["scrubbed_again"] for each in found.values()} == {30}
        else:
            assert {line["again"] for line in again(gateway)} == {"quarantine/"}
        assert {rule for _, _, rule, *_ in again(gateway)[0]["changes"]} == {
            "mails", "streets", "passwords",
        }  # fmt: skip


async def test_an_event_without_its_schema_does_not_leave(tmp_path: Path) -> None:
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Signed Up", "description": "Signed up.", "type": "object",
        "x-telemetry": {
            "class": "optional",
            "match": {"protocol": "segment", "type": "track", "event": "Signed Up"},
        },
    }  # fmt: skip
    (schemas / "signed_up.schema.json").write_text(json.dumps(schema))
    async with waiting(tmp_path, LOOSE, schemas={"path": str(schemas)}) as parts:
        gateway, segment, mixpanel = parts
        await post(gateway, personal(0))
        (schemas / "signed_up.schema.json").write_text(
            json.dumps(schema).replace('"Signed Up"}', '"Signed In"}').replace("Signed U", "In")
        )
        (schemas / "signed_up.schema.json").rename(schemas / "signed_in.schema.json")
        await reload(gateway, LOOSE)
        recover(gateway, segment, mixpanel)
        found = await settled(gateway)
        assert [each["dead"] for each in found.values()] == [{"not_scrubbed": 1}] * 3
        assert not segment.seen
        assert not mixpanel.seen
        (schemas / "signed_up.schema.json").write_text(json.dumps(schema))
        await reload(gateway, TIGHT)
        await command(gateway, "dead-letters", "replay", "--destination", "segment")
        await settled(gateway)
        (message,) = segment.messages
        assert message["properties"] == {"note": "from [email]", "plan": "pro"}


async def test_a_hashed_email_reaches_one_vendor_and_nobody_else(tmp_path: Path) -> None:
    async with waiting(tmp_path, ONE_VENDOR) as (gateway, segment, mixpanel):
        details = {"note": f"from {MAIL}", "email": MAIL, "plan": "pro"}
        await post(gateway, {**personal(0), "properties": details})
        recover(gateway, segment, mixpanel)
        await settled(gateway)
        (message,) = segment.messages
        assert message["properties"] == {"note": f"from {MAIL}", "plan": "pro"}
        (record,) = mixpanel.events
        hashed = record["properties"]["email"]
        assert len(hashed) == 64
        assert record["properties"]["note"] == f"from {hashed}"
        assert "plan" not in record["properties"]
        (line,) = lines(gateway, "events")
        assert line["properties"] == {"note": "from [email]", "plan": "pro"}
        assert hashed.encode() not in bytes_sent(segment)
        assert MAIL.encode() not in bytes_sent(mixpanel)
        assert gateway.files_with(hashed) == []
        assert found_in(gateway, (MAIL,)) == []
        (account,) = [one for one in lines(gateway, "audit") if one["messageId"] == "m-0"]
        assert ("pseudonymize", ["mixpanel"]) in [
            (action, rest[-1]) for action, *rest in account["changes"]
        ]


async def test_an_overlay_is_held_to_the_policy_in_force(tmp_path: Path) -> None:
    """Its rule is gone for one destination, and another rule is tighter for the other one."""
    async with waiting(tmp_path, ONE_VENDOR) as (gateway, segment, mixpanel):
        details = {"note": f"from {MAIL}", "email": MAIL, "plan": "pro"}
        await post(gateway, {**personal(0), "properties": details})
        await until(lambda: bool(segment.seen and mixpanel.seen), 15, lambda: gateway.log)
        policy = yaml.safe_load(ONE_VENDOR)
        del policy["rules"][0]
        policy["rules"][0]["action"] = "mask"
        await restart(gateway, yaml.safe_dump(policy))
        recover(gateway, segment, mixpanel)
        await settled(gateway)
        (message,) = segment.messages
        assert message["properties"] == {"note": "[masked]", "plan": "pro"}
        (record,) = mixpanel.events
        assert "email" not in record["properties"]
        assert "plan" not in record["properties"]


async def test_a_dead_letter_has_the_overlay_of_its_own_destination(tmp_path: Path) -> None:
    async with waiting(tmp_path, ONE_VENDOR) as (gateway, segment, mixpanel):
        recover(gateway, segment, mixpanel)
        refusal = '{"code": "bad_request", "message": "not valid"}'
        segment.script.append(answers(400, refusal))
        mixpanel.script.append(answers(400, '{"code": 400, "error": "no", "status": "Bad"}'))
        details = {"note": f"from {MAIL}", "email": MAIL, "plan": "pro"}
        await post(gateway, {**personal(0), "properties": details})
        found = await settled(gateway)
        assert [found[name]["dead"] for name in ("segment", "mixpanel")] == [{"refused": 1}] * 2
        shown = await command(gateway, "dead-letters", "show", "1", "2", "--json")
        assert MAIL not in shown
        segment.seen.clear()
        await command(gateway, "dead-letters", "replay", "--all")
        await settled(gateway)
        (message,) = segment.messages
        assert message["properties"] == {"note": f"from {MAIL}", "plan": "pro"}
        (record,) = mixpanel.events
        assert len(record["properties"]["email"]) == 64
        assert record["properties"]["email"].encode() not in bytes_sent(segment)
