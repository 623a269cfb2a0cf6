"""The key of the installation, and the two stages of a pseudonym."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as FilePath
from uuid import UUID

import pytest

from gateway.errors import ConfigurationError, GatewayError
from gateway.event import CleanBytes, CleanText, Header, StoredEvent
from gateway.privacy import Pseudonymizer


def stored(body: str, *pseudonyms: CleanText) -> StoredEvent:
    header = Header(
        message_id=CleanText("m-1"),
        source="demo",
        protocol="segment",
        type="track",
        name=CleanText("E"),
        schema="-",
        telemetry_class="optional",
        received_at=1.0,
        user=CleanText("user"),
        pseudonyms=pseudonyms,
        to=(),
        filtered={},
    )
    return StoredEvent(7, header, CleanBytes(body.encode()))


def key_file(folder: FilePath) -> FilePath:
    (file,) = folder.iterdir()
    return file


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: FilePath) -> None:
    folder = tmp_path / "data" / "keys"
    first = Pseudonymizer.open(folder, "hex").pseudonym("jane")
    file = key_file(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes()) == 32
    assert Pseudonymizer.open(folder, "hex").pseudonym("jane") == first


def test_two_that_start_at_once_share_the_key(tmp_path: FilePath) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = pool.map(lambda _: Pseudonymizer.open(tmp_path / "keys", "hex"), range(16))
        assert len({pseudonymizer.pseudonym("jane") for pseudonymizer in opened}) == 1
    assert [file.name for file in (tmp_path / "keys").iterdir()] == ["pseudonyms.key"]


def test_another_installation_makes_other_pseudonyms(tmp_path: FilePath) -> None:
    one = Pseudonymizer.open(tmp_path / "one", "hex")
    two = Pseudonymizer.open(tmp_path / "two", "hex")
    assert one.pseudonym("jane") != two.pseudonym("jane")


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 31, b"\0" * 32, b"ab" * 40])
def test_a_key_that_can_be_guessed_is_refused(tmp_path: FilePath, key: bytes) -> None:
    Pseudonymizer.open(tmp_path, "hex")
    file = key_file(tmp_path)
    file.write_bytes(key)
    with pytest.raises(ConfigurationError) as caught:
        Pseudonymizer.open(tmp_path, "hex")
    (mistake,) = caught.value.mistakes
    assert mistake.file == str(file)
    assert key.hex() not in str(caught.value) or not key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: FilePath, mode: int) -> None:
    Pseudonymizer.open(tmp_path, "hex")
    key_file(tmp_path).chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        Pseudonymizer.open(tmp_path, "hex")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: FilePath) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GatewayError, match="cannot be used"):
        Pseudonymizer.open(tmp_path / "file" / "keys", "hex")


def test_forms(tmp_path: FilePath) -> None:
    hexadecimal = Pseudonymizer.open(tmp_path, "hex")
    uuids = Pseudonymizer.open(tmp_path, "uuid")
    for value in ("jane", "", "ü", "\ud800", "x" * 100_000):
        assert re.fullmatch("[0-9a-f]{64}", hexadecimal.pseudonym(value))
        form = uuids.pseudonym(value)
        assert str(UUID(form)) == form
        assert UUID(form).version == 4
        assert UUID(form).variant == "specified in RFC 4122"


@pytest.mark.parametrize("form", ["hex", "uuid"])
def test_each_destination_gets_its_own(tmp_path: FilePath, form: str) -> None:
    pseudonymizer = Pseudonymizer.open(tmp_path, "uuid" if form == "uuid" else "hex")
    jane, joe = pseudonymizer.pseudonym("jane"), pseudonymizer.pseudonym("joe")
    body = f'{{"userId":"{jane}","{joe}":1,"t":"/u/{jane}?x","j":"{{\\"id\\":\\"{jane}\\"}}"}}'
    event = stored(body, jane, joe)
    segment = pseudonymizer.domain("segment").localise(event)
    mixpanel = pseudonymizer.domain("mixpanel").localise(event)
    again = pseudonymizer.domain("segment").localise(event)

    assert segment == again
    assert segment.header == event.header
    assert segment.sequence == event.sequence
    for local in (segment, mixpanel):
        assert jane not in local.body.decode()
        assert joe not in local.body.decode()
        assert len(local.body) == len(event.body)
        user = local.message["userId"]
        assert local.message["t"] == f"/u/{user}?x"
        assert local.message["j"] == f'{{"id":"{user}"}}'
    assert segment.message["userId"] != mixpanel.message["userId"]


def test_an_event_without_pseudonyms_is_the_same_event(tmp_path: FilePath) -> None:
    event = stored('{"a":1}')
    assert Pseudonymizer.open(tmp_path, "hex").domain("segment").localise(event) is event
