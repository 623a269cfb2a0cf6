"""Who was suppressed is refused by every id, in every protocol and after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.errors import ConfigurationError
from gateway.privacy import Suppressed, suppression
from gateway.privacy.person_ids import ACCOUNTS, DEVICES, JOINS, ids_in, ids_of, spellings
from tests.erasure.people import (
    ANN,
    BEN,
    VISITOR,
    command,
    files_with,
    gateway_of,
    send,
    status,
    texts_of,
    track,
)
from tests.wire.running import WRITE_KEY


async def test_a_suppressed_person_is_refused_by_any_id(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as gateway:
        joins = {"type": "identify", "messageId": "j", "userId": ANN, "anonymousId": VISITOR}
        assert await send(gateway, [track(ANN, 0), joins, track(BEN, 0)]) == 200
        code, [receipt] = await command(tmp_path, "--user", ANN, "--suppress", "--joined")
        assert (code, receipt["suppressed"]) == (0, True), receipt
        gone = texts_of(gateway, ANN, VISITOR)
        assert files_with(gateway, gone) == {}
        theirs = [
            track(ANN, 1),
            track("", 1, userId=None, anonymousId=VISITOR),
            {"type": "alias", "messageId": "a", "userId": "new-name", "previousId": ANN},
            track(ANN, 2, userId=f" {ANN} "),
        ]
        assert await send(gateway, [*theirs, track(BEN, 1)]) == 200
        mixpanel = [
            {"event": "$merge", "properties": {"$distinct_ids": [ANN, "x"], "token": WRITE_KEY}},
            {"event": "E", "properties": {"distinct_id": f"$device:{VISITOR}", "token": WRITE_KEY}},
        ]
        assert await send(gateway, mixpanel, "/track") == 200
        found = await status(gateway)
        assert found["rejected"] == {"suppressed": 6}
        await gateway.stop()
        assert files_with(gateway, gone) == {}
        await gateway.start()
        assert await send(gateway, [track(ANN, 3)]) == 200
        assert (await status(gateway))["rejected"] == {"suppressed": 7}

        code, [undone] = await command(tmp_path, "--user", ANN, "--unsuppress")

        assert (code, undone["unsuppressed"]) == (0, 1)
        assert await send(gateway, [track(ANN, 4)]) == 200
        assert (await status(gateway))["rejected"] == {"suppressed": 7}


async def test_ids_that_stand_for_nobody_are_refused(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as gateway, aiohttp.ClientSession() as session:
        assert await send(gateway, [track(ANN, 0)]) == 200
        for users in (["null"], [ANN, " Undefined "], ["$device:NaN"], ["0"], ["  "], ["$device:"]):
            for more in ({}, {"dry_run": True}, {"suppress": True}):
                asked = {"users": users, **more}
                async with session.post(f"{gateway.admin_url}/api/erasures", json=asked) as answer:
                    said = (await answer.json())["error"]
                    assert answer.status == 400
                    is_none = not users[0].removeprefix("$device:").strip()
                    assert ("not empty" if is_none else "stands for nobody") in said
                    assert ANN not in said
        assert not list((gateway.data / "erasures").glob("*.json"))
        assert not (gateway.data / suppression.FILE).exists()


def test_a_damaged_list_stops_the_start(tmp_path: Path) -> None:
    suppression.add(tmp_path, "1", ["ann"], "now")
    known = Suppressed(lambda text: [text]).as_of(tmp_path)
    assert known.has({"userId": "ann"})
    assert not known.has({"userId": "ben"})
    (tmp_path / suppression.FILE).write_bytes(b'{"people": [{')
    with pytest.raises(ConfigurationError, match="damaged"):
        known.as_of(tmp_path)


def test_the_list_without_its_key_is_no_list(tmp_path: Path) -> None:
    suppression.add(tmp_path, "1", ["ann"], "now")
    (tmp_path / "keys" / suppression.KEY_FILE).unlink()
    with pytest.raises(ConfigurationError, match="key is missing"):
        Suppressed(lambda text: [text]).as_of(tmp_path)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("42", 42),
        ("42", 42.0),
        (" 42 ", "42"),
        ("Ann Lee", "Ann Lee"),
        ("Ann@Example.org", "ann@EXAMPLE.org"),
        ("ann@example.org", "mailto:Ann@Example.org"),
        ("ann@example.org", "<ann@example.org.>"),
        ("12345678901234567890", 12345678901234567890),
    ],
)
def test_an_id_is_known_in_each_spelling(tmp_path: Path, given: str, sent: Any) -> None:
    suppression.add(tmp_path, "1", spellings(given), "now")
    assert Suppressed(lambda text: [text]).as_of(tmp_path).has({"userId": sent})
    assert (
        Suppressed(lambda text: [text]).as_of(tmp_path).has({"context": {"traits": {"id": sent}}})
    )
    assert not Suppressed(lambda text: [text]).as_of(tmp_path).has({"userId": "ann lee"})


def test_ids_are_found_as_whose_a_message_is(tmp_path: Path) -> None:
    """What is looked at to refuse a person is what is looked at to erase them."""
    for place in (*ACCOUNTS, *DEVICES, *JOINS):
        message: Any = "ann"
        for key in reversed(place):
            message = {key: [message]}
        assert list(ids_in(message)) == ["ann"] == list(ids_of(message).all)
    other = {"event": "Moved", "properties": {"alias": "ann"}}
    assert not list(ids_in(other))
    assert not ids_of(other).all
