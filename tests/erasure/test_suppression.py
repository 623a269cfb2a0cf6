"""Who was suppressed is refused by every id, in every protocol and after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.privacy import Suppressed, suppression
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


def test_a_damaged_list_stops_the_start(tmp_path: Path) -> None:
    suppression.add(tmp_path, "1", ["ann"], "now")
    known = Suppressed(str).as_of(tmp_path)
    assert known.has({"userId": "ann"})
    assert not known.has({"userId": "ben"})
    (tmp_path / suppression.FILE).write_bytes(b'{"people": [{')
    with pytest.raises(ConfigurationError, match="damaged"):
        known.as_of(tmp_path)


def test_the_list_without_its_key_is_no_list(tmp_path: Path) -> None:
    suppression.add(tmp_path, "1", ["ann"], "now")
    (tmp_path / "keys" / suppression.KEY_FILE).unlink()
    with pytest.raises(ConfigurationError, match="key is missing"):
        Suppressed(str).as_of(tmp_path)
