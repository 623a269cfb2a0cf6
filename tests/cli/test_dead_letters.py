"""What a vendor refused is shown, sent again through today's policy, or deleted; all is counted."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.fakes import vendor
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import answers
from tests.wire.running import COMMAND, WRITE_KEY, Gateway, running, until

POLICY = "rules:\n  - {id: users, match: {path: /userId}, action: pseudonymize}\n"


class Strict(FakeSegment):
    """Refuses what is named Odd, until told otherwise."""

    is_strict = True

    async def answer(self, request: Any, body: bytes) -> Any:
        if self.is_strict and b'"Odd"' in body:
            said = '{"code": "bad_request", "message": "event not valid for ada@example.com"}'
            return await answers(400, said)(request)
        return await super().answer(request, body)


@asynccontextmanager
async def refusing(folder: Path) -> AsyncGenerator[tuple[Gateway, Strict]]:
    """A gateway with three dead letters, of the events m-0 to m-5."""
    (folder / "mine.yaml").write_text(POLICY)
    async with vendor.running(Strict()) as segment:
        routing = {
            "destinations": {
                "segment": {
                    "type": "segment", "write_key": segment.write_key, "host": segment.url,
                },
                "local": {"type": "file", "path": "events"},
            },
            "routes": [{"name": "all", "to": ["segment", "local"]}],
        }  # fmt: skip
        (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
        async with running(folder, policy="mine.yaml", routing="routing.yaml") as gateway:
            await send(gateway, 6)
            await until(lambda: len(segment.messages) == 3, 15, lambda: gateway.log)
            await settled(gateway)
            await settled(gateway, "local")
            yield gateway, segment


async def send(gateway: Gateway, count: int, first: int = 0) -> None:
    batch = [
        {
            "type": "track", "event": "Odd" if n % 2 else "Even", "userId": "user-1",
            "messageId": f"m-{n}", "properties": {"plan": "pro", "note": f"n{n}"},
        }
        for n in range(first, first + count)
    ]  # fmt: skip
    body = {"batch": batch, "writeKey": WRITE_KEY}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/v1/batch", json=body) as answer,
    ):
        assert answer.status == 200


async def status(gateway: Gateway, name: str = "segment") -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.admin_url}/api/status") as answer,
    ):
        found = await answer.json()
    (one,) = (each for each in found["destinations"] if each["name"] == name)
    settled = one["delivered"] + sum(one["filtered"].values()) + sum(one["dead"].values())
    assert one["accepted"] == settled + one["pending"]
    return dict(one)


async def settled(gateway: Gateway, name: str = "segment") -> dict[str, Any]:
    clock = asyncio.get_running_loop().time
    deadline = clock() + 15
    while (found := await status(gateway, name))["pending"]:
        assert clock() < deadline, gateway.log
        await asyncio.sleep(0.05)
    return found


async def command(gateway: Gateway, *arguments: str) -> tuple[int, Any]:
    """`gateway dead-letters …`: its exit code and what it printed, parsed where it is JSON."""
    made = await asyncio.create_subprocess_exec(
        *COMMAND[:-2], "dead-letters", *arguments, "--config", str(gateway.folder / "gateway.yaml"),
        cwd=gateway.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await made.communicate()
    assert made.returncode is not None
    text = out.decode()
    return made.returncode, json.loads(text) if "--json" in arguments else text


async def listed(gateway: Gateway, *arguments: str) -> list[str]:
    code, letters = await command(gateway, "list", "--json", *arguments)
    assert code == 0
    return [letter["messageId"] for letter in letters]


async def test_letters_are_listed_and_shown(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (gateway, _):
        assert await listed(gateway) == ["m-1", "m-3", "m-5"]
        assert await listed(gateway, "--destination", "local") == []
        assert await listed(gateway, "--reason", "given_up") == []
        assert await listed(gateway, "--event", "Ev*") == []
        assert len(await listed(gateway, "--event", "O*", "--since", "1h")) == 3
        _, letters = await command(gateway, "show", "2", "--json")
        (letter,) = letters
        assert (letter["reason"], letter["status"]) == ("refused", 400)
        assert letter["message"]["properties"] == {"plan": "pro", "note": "n3"}
        assert letter["message"]["userId"] != "user-1"
        code, text = await command(gateway, "list")
        assert code == 0
        assert "refused 400" in text
        assert "3 of segment: refused." in text
        assert "ada" not in text + json.dumps(letters)


async def test_a_replay_goes_to_that_destination_alone_by_todays_policy(tmp_path: Path) -> None:
    """The policy has learned to drop notes meanwhile; the user stays who he was."""
    async with refusing(tmp_path) as (gateway, segment):
        segment.is_strict = False
        drop = "  - {id: notes, match: {path: /properties/note}, action: drop}\n"
        (tmp_path / "mine.yaml").write_text(POLICY + drop)
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: '"reloaded"' in gateway.log, 10, lambda: gateway.log)
        code, text = await command(gateway, "replay", "--destination", "segment")
        assert (code, text) == (0, "3 of segment will be replayed\n")
        found = await settled(gateway)
        assert (found["delivered"], found["dead"]) == (6, {})
        messages = {message["messageId"]: message for message in segment.messages}
        assert messages["m-1"]["properties"] == {"plan": "pro"}
        assert messages["m-0"]["properties"] == {"plan": "pro", "note": "n0"}
        assert len({message["userId"] for message in messages.values()}) == 1
        assert await listed(gateway) == []
        assert max(segment.copies.values()) == 1
        assert len(gateway.events()) == (await status(gateway, "local"))["delivered"] == 6


async def test_a_route_that_was_closed_meanwhile_keeps_a_replay_in(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (gateway, segment):
        segment.is_strict = False
        routing = yaml.safe_load((tmp_path / "routing.yaml").read_text())
        routing["routes"][0]["match"] = {"event": "Even"}
        (tmp_path / "routing.yaml").write_text(yaml.safe_dump(routing))
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: '"reloaded"' in gateway.log, 10, lambda: gateway.log)
        await command(gateway, "replay", "1")
        found = await settled(gateway)
        assert (found["filtered"], found["dead"]) == ({"no_route": 1}, {"refused": 2})
        assert "m-1" not in segment.copies


async def test_what_is_refused_again_is_a_dead_letter_again(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (gateway, _):
        await command(gateway, "replay", "--all")
        found = await settled(gateway)
        assert (found["delivered"], found["dead"]) == (3, {"refused": 3})
        assert await listed(gateway) == ["m-1", "m-3", "m-5"]


async def test_a_discard_is_final_and_counted(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (gateway, segment):
        code, done = await command(gateway, "discard", "1", "3", "99", "--json")
        assert (code, done) == (0, {"discard": {"segment": 2}})
        assert await listed(gateway) == ["m-3"]
        await command(gateway, "replay", "1")
        found = await status(gateway)
        assert (found["dead"], found["discarded"], found["pending"]) == ({"refused": 3}, 2, 0)
        assert not {"m-1", "m-5"} & segment.copies.keys()


@pytest.mark.parametrize("verb", ["replay", "discard"])
async def test_nothing_is_decided_without_saying_which(tmp_path: Path, verb: str) -> None:
    async with refusing(tmp_path) as (gateway, _):
        assert (await command(gateway, verb))[0] == 2
        assert len(await listed(gateway)) == 3


async def test_without_a_gateway_the_command_does_it_itself(tmp_path: Path) -> None:
    """And a start takes up what was asked for."""
    async with refusing(tmp_path) as (gateway, segment):
        await gateway.stop()
        assert await listed(gateway) == ["m-1", "m-3", "m-5"]
        code, text = await command(gateway, "replay", "1", "2")
        assert (code, text) == (0, "2 of segment will be replayed\n")
        assert await command(gateway, "discard", "3") == (0, "1 of segment discarded\n")
        segment.is_strict = False
        await gateway.start()
        found = await settled(gateway)
        assert (found["delivered"], found["dead"], found["discarded"]) == (5, {"refused": 1}, 1)


async def test_a_kill_in_the_middle_of_a_replay_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (gateway, segment):
        for _ in range(3):
            stuck = asyncio.Event()

            async def hang(request: Any, stuck: asyncio.Event = stuck) -> Any:
                stuck.set()
                await asyncio.Event().wait()

            segment.script.append(hang)
            await command(gateway, "replay", "--all")
            await asyncio.wait_for(stuck.wait(), 15)
            await gateway.kill()
            segment.script.clear()
            segment.script.append(hang)
            stuck.clear()
            await gateway.start()
            await asyncio.wait_for(stuck.wait(), 15)
            await gateway.kill()
            segment.script.clear()
            await gateway.start()
            found = await settled(gateway)
            assert (found["delivered"], found["dead"]) == (3, {"refused": 3})
        segment.is_strict = False
        await command(gateway, "replay", "--all")
        await settled(gateway)
        assert Counter(segment.copies) == Counter(f"m-{n}" for n in range(6))
        assert await listed(gateway) == []


async def test_a_page_of_another_site_cannot_decide(tmp_path: Path) -> None:
    """Its browser would send a form or plain text, and asks before it sends JSON."""
    async with refusing(tmp_path) as (gateway, _), aiohttp.ClientSession() as session:
        url = f"{gateway.admin_url}/api/dead-letters/discard"
        for body, kind, expected in (
            ('{"ids": [1]}', "text/plain", 415),
            ("ids=1", "application/x-www-form-urlencoded", 415),
            ('{"ids": 1}', "application/json", 400),
            ('{"ids": ["1"]}', "application/json", 400),
            ("{", "application/json", 400),
        ):
            headers = {"Content-Type": kind}
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == expected
        async with session.options(url) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
        assert len(await listed(gateway)) == 3
