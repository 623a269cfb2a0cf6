"""What one destination alone gets, and what is encrypted, is erased like all the rest."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from pathlib import Path

from gateway import quarantine
from gateway.encryption import Key, Keyring
from gateway.journal.sqlite.snapshot import looking
from tests.erasure.people import (
    ANN,
    BEN,
    command,
    files_with,
    gateway_of,
    send,
    settled,
    texts_of,
    track,
)
from tests.erasure.test_erase import QUARANTINING, Refusing, identify
from tests.fakes import vendor
from tests.fakes.deletion import FakeDeletionTasks
from tests.wire.running import Gateway

POLICY = """
rules:
  - {id: plain-here, match: {path: [/userId, /traits/by], destination: [local, mixpanel]},
     action: keep}
  - {id: ids, match: {path: [/userId, /anonymousId, /previousId, /properties/distinct_id,
     /properties/$device_id, /properties/$user_id, /$distinct_id, /traits/by]},
     action: pseudonymize}
"""
KEY = Key.of(random.Random(4).randbytes(32))


async def test_what_one_destination_gets_is_erased(tmp_path: Path) -> None:
    file = tmp_path / "journal.key"
    file.write_bytes(base64.b64encode(KEY.material))
    file.chmod(0o600)
    ring = Keyring(KEY)
    async with (
        vendor.running(Refusing()) as segment,
        vendor.running(FakeDeletionTasks()) as mixpanel,
        gateway_of(
            tmp_path,
            POLICY,
            schemas=QUARANTINING,
            encryption={"key": {"file": str(file)}},
            segment={"write_key": segment.write_key, "host": segment.url},
            mixpanel={"deletion": {"token": mixpanel.token, "host": mixpanel.url}},
        ) as gateway,
    ):
        events = [identify(ANN), identify(BEN, traits={"by": ANN}), track(ANN, 1), track(BEN, 1)]
        assert await send(gateway, events) == 200
        await settled(gateway, "segment")
        await settled(gateway, "local")
        gone = texts_of(gateway, ANN) | {"secret-of-ann"}
        held = "".join(kept(gateway, ring))
        assert all(text in held for text in (ANN, BEN, "secret-of-ann"))
        assert ANN in str(gateway.events())

        code, [receipt] = await command(tmp_path, "--user", ANN)

        assert code == 0, receipt
        assert receipt["erased"] == {
            "waiting_events": 2, "dead_letters": 1, "files": {"events": 1, "quarantine": 1},
        }  # fmt: skip
        assert files_with(gateway, gone) == {}
        held = "".join(kept(gateway, ring))
        assert [text for text in gone if text in held] == []
        assert "i-ben" in held
        assert "m-ben-1" in held
        [ben] = gateway.events()
        assert (ben["userId"], ben["traits"]["by"]) == (BEN, "erased")
        [task] = mixpanel.tasks.values()
        assert ANN in task["distinct_ids"]


def kept(gateway: Gateway, ring: Keyring) -> Iterator[str]:
    """All events, dead letters and quarantined lines, decrypted."""
    with looking(gateway.data / "journal", ring) as look:
        for found in look.events(0):
            for one in found.readable:
                yield f"{one.header} {one.body.decode()} {one.overlays.decode()}"
        for letter in look.letters():
            yield f"{letter.letter.event} {letter.letter.detail}"
    for _, _, line in quarantine.events(ring, gateway.data / "quarantine"):
        assert line is not None
        yield json.dumps(json.loads(line))
