"""A person is out of every file, everybody else is in all of them, and the numbers still fit."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway import quarantine
from gateway.encryption import Key, Keyring
from gateway.event import CleanEvent
from gateway.jsonl import rewriting
from gateway.jsonl.rewriting import Form
from gateway.privacy import Pseudonymizer
from gateway.privacy.person import Person
from tests.clean import clean_event
from tests.erasure.people import (
    ANN,
    BEN,
    PLAIN,
    VISITOR,
    command,
    destination,
    files_with,
    gateway_of,
    send,
    settled,
    texts_of,
    track,
)
from tests.fakes import vendor
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import answers
from tests.journal.building import event
from tests.wire.running import ROOT, WRITE_KEY, Gateway, until

OF_A_VISITOR = {
    "anonymousId": VISITOR,
    "userId": None,
    "properties": {"secret": "secret-of-visitor"},
}
KEY = bytes(range(32))
QUARANTINING = {"path": str(ROOT / "schemas"), "unplanned_events": "quarantine"}


async def test_a_person_is_taken_out_of_everything_while_the_gateway_runs(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as gateway:
        events = [track(user, n) for n in range(30) for user in (ANN, BEN)]
        assert await send(gateway, events) == 200
        await gateway.wait_for([f"m-{user[:3]}-{n}" for n in range(30) for user in (ANN, BEN)])
        gone = texts_of(gateway, ANN) | {"secret-of-ann"}
        before = files_with(gateway, gone)
        assert any("journal" in name for name in before)
        assert any("events" in name for name in before)

        code, [receipt] = await command(tmp_path, "--user", ANN)

        assert receipt["state"] == "done", receipt
        assert receipt["erased"]["waiting_events"] == 30
        assert receipt["erased"]["files"]["events"] == 30
        assert code == 0
        assert files_with(gateway, gone) == {}
        assert {event["messageId"] for event in gateway.events()} == {
            f"m-ben-{n}" for n in range(30)
        }
        assert await send(gateway, [track(BEN, 99)]) == 200
        await gateway.wait_for(["m-ben-99"])
        waiting = await destination(gateway, "segment")
        assert waiting["pending"] + waiting["filtered"].get("erased", 0) == 61
        await gateway.stop()
        assert files_with(gateway, gone) == {}
        assert ANN not in str(receipt)


async def test_a_person_is_taken_out_while_no_gateway_runs(tmp_path: Path) -> None:
    async with gateway_of(tmp_path, PLAIN) as gateway:
        events = [track(user, n) for n in range(30) for user in (ANN, BEN)]
        assert await send(gateway, [*events, track(BEN, 50, context={"invitedBy": ANN})]) == 200
        await gateway.wait_for(["m-ben-50"])
        await settled(gateway, "local")
        await gateway.kill()
        gone = texts_of(gateway, ANN) | {"secret-of-ann"}
        (gateway.data / "journal.copy-2026-11-25T120000").mkdir()  # as a repair leaves it
        code, [receipt] = await command(tmp_path, "--user", ANN)
        assert (code, receipt["state"]) == (1, "done"), receipt
        [left] = receipt["files_not_read"]
        assert "journal.copy-2026-11-25T120000" in left
        assert receipt["erased"]["waiting_events"] == 30
        assert files_with(gateway, gone) == {}
        await gateway.start()
        await until(lambda: len(gateway.events()) == 31, 15, lambda: gateway.log)
        assert await send(gateway, [track(BEN, 99)]) == 200
        await gateway.wait_for(["m-ben-99"])
        assert files_with(gateway, gone) == {}
        assert sum(event["messageId"] == "m-ben-50" for event in gateway.events()) == 1


async def test_dead_letters_quarantine_compressed_files_and_joined_ids(tmp_path: Path) -> None:
    """Everything that a person may be in, in one life of a gateway."""
    async with vendor.running(Refusing()) as segment:
        settings = {"write_key": segment.write_key, "host": segment.url}
        async with gateway_of(tmp_path, segment=settings, schemas=QUARANTINING) as gateway:
            visits = [track("", n, **OF_A_VISITOR) for n in range(5)]
            shared = track(BEN, 7, anonymousId=VISITOR)
            joins = identify(ANN, anonymousId=VISITOR)
            assert (
                await send(gateway, [*visits, shared, joins, identify(BEN), track(ANN, 1)]) == 200
            )
            assert await send(gateway, [profile(ANN), profile(BEN)], "/engage") == 200
            await settled(gateway, "segment")
            await settled(gateway, "local")
            archive = gateway.data / "events" / "2025-01-01-000001.jsonl.gz"
            archive.write_bytes(gzip.compress(b"".join(archived(gateway, ANN, BEN))))
            gone = texts_of(gateway, ANN) | {"secret-of-ann", "secret-of-visitor"}
            code, [counts] = await command(tmp_path, "--user", ANN, "--dry-run", "--joined")
            assert (code, counts["state"]) == (0, "dry run")
            assert counts["erased"]["dead_letters"] == 2  # the identify and the profile
            assert files_with(gateway, gone), "a dry run changed something"

            code, [receipt] = await command(tmp_path, "--user", ANN, "--joined")

            assert (code, receipt["state"]) == (0, "done"), receipt
            assert receipt["erased"] == counts["erased"]
            assert receipt["erased"]["files"]["quarantine"] == 6
            assert files_with(gateway, gone) == {}
            assert json.loads(gzip.decompress(archive.read_bytes()))["messageId"] == "ben"
            kept = {json.loads(line)["messageId"] for line in quarantined(gateway)}
            assert kept == {"m-ben-7"}
            one = await destination(gateway, "segment")
            assert (sum(one["dead"].values()), one["discarded"]) == (4, 2)
            assert len(gateway.events()) == 2


def identify(user: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "identify", "userId": user, "messageId": f"i-{user[:3]}",
        "traits": {"secret": f"secret-of-{user[:3]}"}, **more,
    }  # fmt: skip


def profile(user: str) -> dict[str, Any]:
    return {"$token": WRITE_KEY, "$distinct_id": user, "$set": {"secret": f"secret-of-{user[:3]}"}}


def archived(gateway: Gateway, *users: str) -> Iterator[bytes]:
    pseudonymizer = Pseudonymizer.open(gateway.data / "keys", "hex")
    domain = pseudonymizer.domain("local")
    for user in users:
        event = {"userId": domain.of(pseudonymizer.pseudonym(user)), "messageId": user[:3]}
        yield json.dumps(event).encode() + b"\n"


def quarantined(gateway: Gateway) -> Iterator[str]:
    for file in (gateway.data / "quarantine").glob("*.jsonl"):
        yield from file.read_text().splitlines()


class Refusing(FakeSegment):
    """Refuses every event for good."""

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        return await answers(400, '{"code": "bad_request", "message": "no"}')(request)


def test_encrypted_lines_are_searched_and_stay_readable(tmp_path: Path) -> None:
    """Lines are bound to their places; those that were encrypted later move up with their file."""
    ring = Keyring(Key.of(KEY))
    old, new = (tmp_path / f"2026-11-2{day}-00000{day}.jsonl" for day in (1, 2))
    ids = [f"{user}-{n}" for n in range(4) for user in ("ann", "ben")]
    old.write_text("".join(json.dumps({"messageId": one, "userId": one[:3]}) + "\n" for one in ids))
    files = quarantine.QuarantineFiles(tmp_path, ring, lambda: f"{new.name}:0")
    files.start()
    deadline = time.monotonic() + 30
    while quarantine.keys_in(tmp_path) != {ring.writes}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    files.stop()
    later = [event_of_a_user(n, user) for n in (8, 9) for user in ("ann", "ben")]
    sealed = [quarantine.line_of(ring, one.stored(n)) for n, one in enumerate(later, 1)]
    new.write_bytes(b"".join(line + b"\n" for line in sealed))
    person = Person(frozenset({"ann"}))
    form = Form(partial(quarantine.opened, ring), partial(quarantine.put_back, ring))
    gone: dict[str, int] = {}

    rewriting.without_lines(tmp_path, person.without_text, gone.__setitem__, form)

    assert gone == {old.name: 4, new.name: 2}
    found = [line for _, _, line in quarantine.events(ring, tmp_path)]
    assert [json.loads(line or b"{}").get("messageId") for line in found] == [
        f"ben-{n}" for n in (0, 1, 2, 3, 8, 9)
    ]


def event_of_a_user(number: int, user: str) -> CleanEvent:
    made = event(f"{user}-{number}", user=user)
    return clean_event(made.header, {"messageId": f"{user}-{number}", "userId": user})


def test_a_file_that_is_rewritten_is_under_one_key(tmp_path: Path) -> None:
    """Whoever looks at its first line must not take an older key for one that nothing needs."""
    old, new = Key.of(KEY), Key.of(KEY[::-1])
    file = tmp_path / "2026-11-21-000001.jsonl"
    before, after = Keyring(old), Keyring(new, [old])
    mention = clean_event(event("m").header, {"messageId": "m", "userId": "ben", "by": "ann-47"})
    events = [mention, event_of_a_user(2, "ben"), event_of_a_user(3, "ann-47")]
    file.write_bytes(
        b"".join(
            quarantine.line_of(before, one.stored(n)) + b"\n" for n, one in enumerate(events, 1)
        )
    )
    form = Form(partial(quarantine.opened, after), partial(quarantine.put_back, after))

    person = Person(frozenset({"ann-47"}))
    rewriting.without_lines(tmp_path, person.without_text, lambda _file, _gone: None, form)

    keys = {quarantine.key_of_line(line) for line in file.read_bytes().splitlines()}
    assert keys == {new.id}
    found = [line for _, _, line in quarantine.events(Keyring(new), tmp_path)]
    assert [json.loads(line or b"{}").get("messageId") for line in found] == ["m", "ben-2"]


def test_what_a_killed_rewriting_left_goes_with_the_next(tmp_path: Path) -> None:
    file = tmp_path / "2026-11-21-000001.jsonl"
    file.write_bytes(b'{"userId":"ann"}\n{"userId":"ben"}\n')
    beside = rewriting.unfinished(file)
    beside.write_bytes(b'{"userId":"ann"}\n{"us')
    assert list(rewriting.lines(tmp_path)) == [b'{"userId":"ann"}', b'{"userId":"ben"}']
    assert beside.exists(), "another thread may be writing it"
    gone: dict[str, int] = {}
    person = Person(frozenset({"ann"}))
    rewriting.without_lines(tmp_path, person.without_text, gone.__setitem__)
    assert gone == {file.name: 1}
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
