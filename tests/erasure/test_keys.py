"""Rotations change nothing about who is found and who is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.privacy import Pseudonymizer, Suppressed, keys, suppression
from gateway.privacy.pseudonyms import lasting_labels
from tests.erasure.people import (
    ANN,
    BEN,
    POLICY,
    PSEUDONYMS,
    VISITOR,
    command,
    files_with,
    gateway_of,
    send,
    status,
    texts_of,
    track,
)
from tests.wire.running import Gateway

DAY = "2026-11-25"


async def test_a_person_is_found_by_every_key_and_stays_refused(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as gateway:
        joins = {"type": "identify", "messageId": "j", "userId": ANN, "anonymousId": VISITOR}
        assert await send(gateway, [track(ANN, 1), joins, visit(1), track(BEN, 1)]) == 200
        await rotate(gateway)
        assert await send(gateway, [track(ANN, 2), track(BEN, 2)]) == 200
        await gateway.wait_for(["m-ann-1", "m-ann-2", "j", "visit-1", "m-ben-1", "m-ben-2"])
        gone = texts_of(gateway, ANN, VISITOR) | {"secret-of-ann"}

        code, [receipt] = await command(tmp_path, "--user", ANN, "--joined", "--suppress")

        assert (code, receipt["erased"]["waiting_events"]) == (0, 4), receipt
        assert files_with(gateway, gone) == {}
        await rotate(gateway)
        assert await send(gateway, [track(ANN, 3), visit(3)]) == 200
        assert (await status(gateway))["rejected"] == {"suppressed": 2}
        await gateway.stop()
        form = "pseudonyms: {form: uuid, normalize: []}"  # an option of privacy.yaml
        (tmp_path / "mine.yaml").write_text(f"{POLICY}{form}\n")
        await gateway.start()
        assert await send(gateway, [track(ANN, 4), visit(4), track(BEN, 4)]) == 200
        assert (await status(gateway))["rejected"] == {"suppressed": 4}
        keys.forgotten(gateway.data / "keys", [1, 2])
        await taken_up(gateway)
        assert await send(gateway, [track(ANN, 5)]) == 200
        assert (await status(gateway))["rejected"] == {"suppressed": 5}


def visit(number: int) -> dict[str, Any]:
    return track("", number, userId=None, anonymousId=VISITOR)


async def rotate(gateway: Gateway) -> None:
    keys.rotated(gateway.data / "keys", lasting_labels(PSEUDONYMS), DAY)
    await taken_up(gateway)


async def taken_up(gateway: Gateway) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.admin_url}/api/keys/reload", json={}) as answer,
    ):
        assert answer.status == 200


@pytest.mark.parametrize("joined", [False, True])
def test_the_list_outlives_rotations(tmp_path: Path, *, joined: bool) -> None:
    folder = tmp_path / "keys"
    old = Pseudonymizer.open(folder, "hex")
    text = old.pseudonym(ANN) if joined else ANN
    suppression.add(tmp_path, "1", [text], "now", joined=joined)
    for _ in range(2):
        keys.rotated(folder, lasting_labels([]), DAY)
        listed = Suppressed(old.reopened().pseudonyms).as_of(tmp_path)
        assert listed.has({"userId": ANN})
        assert not listed.has({"userId": BEN})
    keys.forgotten(folder, [1, 2])
    listed = Suppressed(old.reopened().pseudonyms).as_of(tmp_path)
    assert listed.has({"userId": ANN}) is not joined


def test_a_person_is_known_whatever_form_the_policy_gave_pseudonyms(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    earlier = [Pseudonymizer.open(folder, "hex", ()), Pseudonymizer.open(folder, "hex")]
    made = {one.pseudonym("Ann@Example.org") for one in earlier}
    assert len(made) == 2
    now = Pseudonymizer.open(folder, "uuid")
    assert made | {now.pseudonym("Ann@Example.org")} <= now.ever("Ann@Example.org")
    there = earlier[0].domain("local")
    assert there.of("t") == now.domain("local", "hex").of("t") != now.domain("local").of("t")
