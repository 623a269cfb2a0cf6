"""`gateway telemetry` turns the switch, whether a gateway runs or not, and proves it."""

from __future__ import annotations

from typing import Any

import aiohttp

from tests.telemetry.conftest import Answer, gateway_command
from tests.wire.running import WRITE_KEY, Gateway


async def telemetry(gateway: Gateway, *arguments: str, **environment: str) -> Answer:
    file = str(gateway.folder / "gateway.yaml")
    return await gateway_command(
        gateway.folder, "telemetry", *arguments, "--config", file, "--json", **environment
    )


async def send(gateway: Gateway, id_: str, event: str = "Clicked", **headers: str) -> None:
    body = {
        "event": event,
        "userId": "planted-user",
        "messageId": id_,
        "writeKey": WRITE_KEY,
        "properties": {"instanceId": "65a1b2c3d4e5f60718293a4b", "word": "planted-word"},
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/v1/track", json=body, headers=headers) as answer,
    ):
        assert answer.status == 200
        assert await answer.json() == {"success": True}


def counts(answer: Answer, name: str = "optional") -> tuple[bool, int, int, int]:
    found: dict[str, Any] = answer.json["classes"][name]
    return found["enabled"], found["accepted"], found["refused"], found["opted_out"]


async def test_off_and_on_hold_at_once_and_after_a_start_and_are_proved(gateway: Gateway) -> None:
    await send(gateway, "m-1")
    assert counts(await telemetry(gateway, "status")) == (True, 1, 0, 0)

    assert counts(await telemetry(gateway, "off")) == (False, 0, 0, 0)
    await send(gateway, "m-2")
    await send(gateway, "m-3", "FETCH_RELEASE_NOTES")
    assert counts(await telemetry(gateway, "status")) == (False, 0, 1, 0)
    assert counts(await telemetry(gateway, "status"), "essential") == (True, 1, 0, 0)

    await gateway.stop()
    offline = await telemetry(gateway, "status")
    assert counts(offline) == (False, 0, 1, 0)
    assert offline.json["running"] is False
    await gateway.start()
    await send(gateway, "m-4")
    assert counts(await telemetry(gateway, "status")) == (False, 0, 2, 0)

    assert counts(await telemetry(gateway, "on")) == (True, 0, 0, 0)
    await send(gateway, "m-5")
    await gateway.wait_for(["m-1", "m-3", "m-5"])
    assert counts(await telemetry(gateway, "status")) == (True, 1, 0, 0)
    assert {event["messageId"] for event in gateway.events()} == {"m-1", "m-3", "m-5"}
    history = (await telemetry(gateway, "status")).json["history"]
    assert [(change["enabled"], change["who"]) for change in history] == [
        (False, "command line"),
        (True, "command line"),
    ]


async def test_what_is_refused_is_kept_nowhere(gateway: Gateway) -> None:
    await telemetry(gateway, "off")
    await send(gateway, "m-planted")
    await gateway.stop()
    for planted in ("planted-user", "planted-word", "m-planted"):
        assert gateway.files_with(planted) == []


async def test_an_order_without_a_gateway_holds_from_its_start(gateway: Gateway) -> None:
    await gateway.stop()
    assert counts(await telemetry(gateway, "off"))[0] is False
    await gateway.start()
    await send(gateway, "m-1")
    assert counts(await telemetry(gateway, "status")) == (False, 0, 1, 0)


async def test_a_class_has_a_switch_of_its_own_and_reset_takes_orders_back(
    gateway: Gateway,
) -> None:
    assert counts(await telemetry(gateway, "off", "essential"), "essential")[0] is False
    await send(gateway, "m-1", "FETCH_RELEASE_NOTES")
    after = await telemetry(gateway, "status")
    assert counts(after, "essential") == (False, 0, 1, 0)
    assert counts(after)[0] is True
    assert counts(await telemetry(gateway, "reset", "essential"), "essential")[0] is True


async def test_the_environment_wins_and_says_so(gateway: Gateway) -> None:
    await gateway.stop()
    answer = await telemetry(gateway, "on", DO_NOT_TRACK="1")
    assert answer.code == 1
    assert "DO_NOT_TRACK" in answer.error
    status = await telemetry(gateway, "status", DO_NOT_TRACK="1")
    assert counts(status)[0] is False
    assert status.json["locked_by"] == "DO_NOT_TRACK"


async def test_opting_out_is_counted_apart(gateway: Gateway) -> None:
    for header in ("Sec-GPC", "DNT"):
        await send(gateway, f"m-1-{header}", **{header: "1"})
        await send(gateway, f"m-2-{header}", "FETCH_RELEASE_NOTES", **{header: "1"})
    status = await telemetry(gateway, "status")
    assert counts(status) == (True, 0, 0, 2)
    assert counts(status, "essential") == (True, 2, 0, 0)


async def test_the_text_names_state_decider_and_proof(gateway: Gateway) -> None:
    await telemetry(gateway, "off")
    await send(gateway, "m-1")
    file = str(gateway.folder / "gateway.yaml")
    answer = await gateway_command(gateway.folder, "telemetry", "status", "--config", file)
    assert "telemetry is off" in answer.out
    assert "by the command line" in answer.out
    assert "0 taken, 1 refused and not stored" in answer.out
