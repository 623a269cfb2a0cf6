"""What the running gateway keeps can only be read with its key, at every instant and after each."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway import quarantine
from gateway.encryption import Key, Keyring
from gateway.quarantine import MissingKeyError, QuarantineFiles
from tests.wire.running import WRITE_KEY, Gateway, running, until

FIRST, SECOND, THIRD = (Key.of(random.Random(n).randbytes(32)) for n in (1, 2, 3))
VALUE = "ultramarine"
"""Stands in events that wait, in one that died and in one that is quarantined."""
NOBODY = "http://127.0.0.1:9"


def configured(folder: Path) -> dict[str, Any]:
    for name, key in (("first", FIRST), ("second", SECOND), ("third", THIRD)):
        file = folder / f"{name}.key"
        file.write_bytes(base64.b64encode(key.material))
        file.chmod(0o600)
    schemas = folder / "schemas"
    schemas.mkdir()
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Zebra",
        "type": "object",
        "properties": {
            "properties": {
                "type": "object",
                "properties": {"colour": {"type": "string", "description": "Of the zebra."}},
            }
        },
        "examples": [{"type": "track", "event": "Zebra", "properties": {"colour": "white"}}],
        "x-telemetry": {
            "class": "optional",
            "match": {"protocol": "segment", "type": "track", "event": "Zebra"},
        },
    }
    (schemas / "zebra.schema.json").write_text(json.dumps(schema))
    routing = {
        "destinations": {"away": {"type": "segment", "write_key": "k", "host": NOBODY}},
        "routes": [{"name": "all", "to": ["away"]}],
    }
    (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
    return {
        "routing": "routing.yaml",
        "schemas": {"path": "schemas", "unplanned_events": "quarantine"},
    }


def encrypted(gateway: Gateway, encryption: dict[str, Any]) -> None:
    file = gateway.folder / "gateway.yaml"
    settings = yaml.safe_load(file.read_text()) | {"encryption": encryption}
    file.write_text(yaml.safe_dump(settings))


def keys(key: str | None, *previous: str) -> dict[str, Any]:
    return {
        "key": {"file": f"{key}.key"} if key else None,
        "previous": [{"file": f"{each}.key"} for each in previous],
    }


async def send(gateway: Gateway, *names: str) -> None:
    async with aiohttp.ClientSession() as session:
        for name in names:
            event = {
                "event": name,
                "userId": "u",
                "properties": {"colour": VALUE},
                "writeKey": WRITE_KEY,
            }
            async with session.post(f"{gateway.url}/v1/track", json=event) as answer:
                assert answer.status == 200


async def settled(gateway: Gateway, key: Key | None) -> None:
    """Wait until all that is kept is under one key, or under none."""
    wanted: Any = {"key": key and key.id, "also_needed": []}
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{gateway.admin_url}/api/status") as answer:
                if (await answer.json())["encryption"] == wanted:
                    return
            await asyncio.sleep(0.05)


async def command(gateway: Gateway, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", words[0], *words[1:],
        "--config", str(gateway.folder / "gateway.yaml"),
        cwd=gateway.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return said.decode()


def quarantined(gateway: Gateway) -> int:
    files = (gateway.data / "quarantine").glob("*.jsonl")
    return sum(file.read_bytes().count(b"\n") for file in files)


async def test_no_value_is_in_a_file_through_kills_a_rotation_and_a_conversion(
    tmp_path: Path,
) -> None:
    settings = configured(tmp_path)
    async with running(tmp_path, **settings) as gateway:  # plain, as it was before
        await send(gateway, "Zebra", "Yak")
        await until(lambda: quarantined(gateway) == 1, 20, lambda: gateway.log)
        await gateway.kill()
        assert len(gateway.files_with(VALUE)) >= 2  # journal and quarantine

        encrypted(gateway, keys("first"))
        await gateway.start()
        await settled(gateway, FIRST)
        await send(gateway, *["Zebra", "Yak"] * 3)
        await until(lambda: quarantined(gateway) == 4, 20, lambda: gateway.log)
        assert gateway.files_with(VALUE) == []
        await gateway.kill()
        assert gateway.files_with(VALUE) == []

        encrypted(gateway, keys("second", "first"))
        await gateway.start()
        await send(gateway, "Zebra", "Yak")
        await until(lambda: quarantined(gateway) == 5, 20, lambda: gateway.log)
        await settled(gateway, SECOND)
        assert gateway.files_with(VALUE) == []
        said = await command(gateway, "doctor")
        assert f"nothing needs the key {FIRST.id} any more" in said

        encrypted(gateway, keys("second"))
        checked = await command(gateway, "check")
        assert f"encryption    key {SECOND.id}" in checked
        explained = await command(gateway, "explain", "--help")
        await gateway.kill()
        found = [*quarantine.events(Keyring(SECOND), gateway.data / "quarantine")]
        assert [json.loads(each or b"{}").get("event") for _, _, each in found] == ["Yak"] * 5

        encrypted(gateway, keys("third"))
        for refuser in ("run", "doctor"):
            said = await command(gateway, refuser)
            assert SECOND.id in said, said
        assert gateway.files_with(VALUE) == []

        encrypted(gateway, keys(None, "second"))
        await gateway.start()
        await settled(gateway, None)
        files = {name.split("/")[1] for name in gateway.files_with(VALUE)}
        assert files == {"journal", "quarantine"}
        lines = [*quarantine.events(None, gateway.data / "quarantine")]
        assert all(VALUE.encode() in (line or b"") for _, _, line in lines)
        assert len(lines) == 5
        spoken = gateway.log + said + checked + explained
        for key in (FIRST, SECOND, THIRD):
            assert base64.b64encode(key.material).decode()[:20] not in spoken


async def test_a_reload_with_another_key_changes_nothing(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    async with running(tmp_path, **settings, encryption=keys("first")) as gateway:
        assert gateway.process is not None
        (tmp_path / "first.key").write_bytes(base64.b64encode(SECOND.material))
        gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: "keys change at a restart" in gateway.log, 20, lambda: gateway.log)
        (tmp_path / "first.key").unlink()
        gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: "No such file" in gateway.log, 20, lambda: gateway.log)
        await send(gateway, "Zebra")
        assert gateway.files_with(VALUE) == []
        await settled(gateway, FIRST)


def line(number: int) -> bytes:
    return b'{"messageId":"m%d"}\n' % number


def test_a_quarantined_line_can_be_read_in_its_place_only(tmp_path: Path) -> None:
    ring = Keyring(FIRST)
    lines = [quarantine._written(ring, f"event {n}", line(n).rstrip()) + b"\n" for n in range(1, 6)]
    file = tmp_path / "2026-11-25-000001.jsonl"

    def read(of: list[bytes]) -> list[int]:
        """The numbers of the lines that cannot be read."""
        file.write_bytes(b"".join(of))
        return [n for _, n, event in quarantine.events(ring, tmp_path) if event is None]

    assert read(lines) == []
    assert read([lines[0], lines[3], lines[2], *lines[3:]]) == [3, 4]
    damaged = lines[2].replace(b'"event 3"', b'"event 4"')
    assert read([*lines[:2], damaged, *lines[3:]])[0] == 3
    for at in range(1, len(lines[1]) - 3):
        changed = lines[1][:at] + bytes([lines[1][at] ^ 1]) + lines[1][at + 1 :]
        assert 2 in read([lines[0], changed, *lines[2:]]), at
    with pytest.raises(MissingKeyError, match=FIRST.id):
        quarantine.check(Keyring(SECOND), tmp_path)
    quarantine.check(Keyring(SECOND, [Key.of(FIRST.material)]), tmp_path)


def test_files_of_before_are_replaced_and_the_one_that_grows_is_not(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        file = tmp_path / f"2026-11-25-{number:06}.jsonl"
        file.write_bytes(line(number) + line(number + 10))
    (tmp_path / ".2026-11-25-000001.jsonl.rewriting").write_bytes(b"left by a kill")
    ring = Keyring(FIRST)
    files = QuarantineFiles(tmp_path, ring, lambda: "2026-11-25-000003.jsonl:40")
    files.keys = quarantine.keys_in(tmp_path)
    files._look()
    contents = [file.read_bytes() for file in sorted(tmp_path.glob("*.jsonl"))]
    assert [b"messageId" in content for content in contents] == [False, False, True]
    assert files.keys == {FIRST.id, "plain"}
    read = [event or b"{}" for _, _, event in quarantine.events(ring, tmp_path)]
    found = [json.loads(event)["messageId"] for event in read]
    assert found == ["m1", "m11", "m2", "m12", "m3", "m13"]
    assert len([*tmp_path.iterdir()]) == 3
    off = QuarantineFiles(tmp_path, Keyring(None, [FIRST]), lambda: "2026-11-25-000003.jsonl:40")
    off.keys = quarantine.keys_in(tmp_path)
    off._look()
    assert b"".join(contents).count(b"sealed") == 4
    texts = [file.read_bytes() for file in sorted(tmp_path.glob("*.jsonl"))]
    assert texts == [line(n) + line(n + 10) for n in (1, 2, 3)]
