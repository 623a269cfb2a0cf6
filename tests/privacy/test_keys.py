"""Keys come and go; what must not change with them does not, and a destroyed one is gone."""

from __future__ import annotations

import io
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.cli import keys as command
from gateway.cli.registry import OWN, parser_of
from gateway.errors import ConfigurationError, UsageError
from gateway.journal.sqlite import SqliteJournal
from gateway.privacy import Pseudonymizer, keys
from gateway.privacy.keys import KeyOrderError
from gateway.privacy.pseudonyms import lasting_labels
from tests.journal.building import NO_LIMIT
from tests.privacy.test_pseudonyms import stored
from tests.telemetry.conftest import gateway_command
from tests.wire.running import WRITE_KEY, running, until

CONFIG = ("--config", "gateway.yaml")

DAY = "2026-11-25"
LABELS = lasting_labels(["segment"])


def rotate(folder: Path) -> None:
    keys.rotated(folder, LABELS, DAY)


def test_a_rotation_makes_new_pseudonyms_and_keeps_the_rest(tmp_path: Path) -> None:
    old = Pseudonymizer.open(tmp_path, "hex")
    rotate(tmp_path)
    new = Pseudonymizer.open(tmp_path, "hex")
    assert new.pseudonym("jane") != old.pseudonym("jane")
    assert new.pseudonyms("jane") == (new.pseudonym("jane"), old.pseudonym("jane"))
    assert new.lasting("a thing") == old.lasting("a thing") == old.pseudonym("a thing")
    assert (new.mark, new.secret("ids of events")) == (old.mark, old.secret("ids of events"))
    token = old.pseudonym("jane")
    waits = stored(f'{{"userId":"{token}"}}', token)
    assert new.domain("segment").localise(waits) == old.domain("segment").localise(waits)
    assert old.reopened().pseudonym("jane") == new.pseudonym("jane")


def test_a_destroyed_key_is_in_no_file_and_its_pseudonyms_cannot_be_made(tmp_path: Path) -> None:
    old = Pseudonymizer.open(tmp_path, "hex")
    secret = (tmp_path / keys.KEY_FILE).read_bytes()
    link = tmp_path / "link"
    link.hardlink_to(tmp_path / keys.KEY_FILE)
    rotate(tmp_path)
    kept = Pseudonymizer.open(tmp_path, "hex")
    keys.forgotten(tmp_path, [1])
    new = Pseudonymizer.open(tmp_path, "hex")
    assert new.pseudonyms("jane") == (kept.pseudonym("jane"),)
    assert old.pseudonym("jane") not in new.pseudonyms("jane")
    assert not (tmp_path / keys.KEY_FILE).exists()
    assert link.read_bytes() != secret  # overwritten, not only unlinked
    for file in tmp_path.iterdir():
        assert secret not in file.read_bytes()
    assert (new.mark, new.secret("ids of events")) == (old.mark, old.secret("ids of events"))
    waits = stored(f'{{"userId":"{old.pseudonym("jane")}"}}', old.pseudonym("jane"))
    assert new.domain("segment").localise(waits) == old.domain("segment").localise(waits)


def test_files_are_for_their_owner_and_carry_id_and_day(tmp_path: Path) -> None:
    Pseudonymizer.open(tmp_path, "hex")
    rotate(tmp_path)
    rotate(tmp_path)
    assert [file.name for file in keys.files(tmp_path)] == [
        "pseudonyms.key",
        f"pseudonyms.2-{DAY}.key",
        f"pseudonyms.3-{DAY}.key",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_the_key_in_force_and_unknown_keys_cannot_be_destroyed(tmp_path: Path) -> None:
    Pseudonymizer.open(tmp_path, "hex")
    with pytest.raises(KeyOrderError, match="in force and stays"):
        keys.forgotten(tmp_path, [1])
    rotate(tmp_path)
    with pytest.raises(KeyOrderError, match="no key 7"):
        keys.forgotten(tmp_path, [1, 7])
    assert [key.id for key in keys.opened(tmp_path).keys] == [1, 2]
    keys.forgotten(tmp_path, [1])
    rotate(tmp_path)
    assert [key.id for key in keys.opened(tmp_path).keys] == [2, 3]


def test_rotations_at_once_make_a_key_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rotate, [tmp_path] * 8))
    assert [key.id for key in keys.opened(tmp_path).keys] == list(range(1, 10))


@pytest.mark.parametrize("harm", ["lost", "damaged", "open"])
def test_what_outlives_a_rotation_must_be_whole(tmp_path: Path, harm: str) -> None:
    Pseudonymizer.open(tmp_path, "hex")
    rotate(tmp_path)
    file = tmp_path / keys.INSTALLATION_FILE
    match harm:
        case "lost":
            file.unlink()
        case "damaged":
            file.write_bytes(b'{"root": 7}')
        case _:
            file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Pseudonymizer.open(tmp_path, "hex")


def called(folder: Path, *words: str) -> str:
    (own,) = [one for one in OWN if one.name == "keys"]
    given = parser_of(own, command).parse_intermixed_args(
        ["--config", str(folder / "g.yaml"), *words]
    )
    out = io.StringIO()
    assert command.run(given, {}, out) == 0
    return out.getvalue()


def configured(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "g.yaml").write_text(
        f"data_dir: {tmp_path / 'data'}\nschemas: {{path: {root / 'schemas'}}}\n"
        f"policy: {root / 'config/privacy.yaml'}\nrouting: {root / 'config/routing.yaml'}\n"
        "sources: [{name: a, write_keys: [k]}]\n"
    )


async def test_a_destination_that_is_gone_keeps_its_pseudonyms_through_a_rotation(
    tmp_path: Path,
) -> None:
    """Its files may still be there, and a person is erased from them by these."""
    configured(tmp_path)
    folder = tmp_path / "data/keys"
    journal = SqliteJournal.open(tmp_path / "data/journal", NO_LIMIT)
    await journal.follow({"gone": "events"})
    await journal.close()
    before = Pseudonymizer.open(folder, "hex").domain("gone")
    called(tmp_path, "rotate")
    assert Pseudonymizer.open(folder, "hex").domain("gone").of("t") == before.of("t")


def test_the_command(tmp_path: Path) -> None:
    configured(tmp_path)
    assert "none yet" in called(tmp_path)
    assert json.loads(called(tmp_path, "--json")) == {"keys": []}
    assert not (tmp_path / "data").exists()
    first = {"id": 1, "made": None, "in_force": False}
    made = json.loads(called(tmp_path, "rotate", "--json"))["keys"]
    assert made[0] == first
    assert (made[1]["id"], made[1]["in_force"]) == (2, True)
    assert "in force" in called(tmp_path)
    with pytest.raises(UsageError, match="say which"):
        called(tmp_path, "forget")
    with pytest.raises(UsageError, match="no id"):
        called(tmp_path, "forget", "x")
    with pytest.raises(KeyOrderError):
        called(tmp_path, "forget", "2")
    assert json.loads(called(tmp_path, "forget", "--old", "--json"))["keys"] == made[1:]


async def test_a_running_gateway_takes_up_the_new_key_and_lets_go_of_the_old(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:

        async def user() -> str:
            known = len(events(gateway.folder))
            track = {"event": "E", "userId": "jane-4711", "writeKey": WRITE_KEY}
            async with session.post(f"{gateway.url}/v1/track", json=track) as answer:
                assert answer.status == 200
            await until(lambda: len(events(gateway.folder)) > known, 20, lambda: gateway.log)
            return str(events(gateway.folder)[-1]["userId"])

        async def order(*words: str) -> list[int]:
            answer = await gateway_command(gateway.folder, "keys", *words, "--json", *CONFIG)
            return [key["id"] for key in answer.json["keys"]]

        first = await user()
        assert await order("rotate") == [1, 2]
        second = await user()
        assert await order("forget", "1") == [2]
        assert await user() == second != first
        files = [file for file in gateway.folder.rglob("*") if file.is_file()]
        assert not any(b"jane-4711" in file.read_bytes() for file in files)


def events(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "data" / "events").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]
