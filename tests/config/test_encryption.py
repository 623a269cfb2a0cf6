"""A key that cannot be had, or is none, stops the start with its line and never appears."""

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import load
from gateway.encryption import Key
from gateway.errors import ConfigurationError

RANDOM = random.Random(20261125).randbytes(32)
TEXT = base64.b64encode(RANDOM).decode()


def loaded(folder: Path, encryption: Any, environment: dict[str, str] | None = None) -> Any:
    """The keys of a configuration whose `encryption` begins in its third line."""
    section = yaml.safe_dump({"encryption": encryption})
    (folder / "gateway.yaml").write_text(f"unknown_keys: accept\n\n{section}")
    (folder / "privacy.yaml").write_text("rules: []\n")
    (folder / "routing.yaml").write_text("destinations: {}\nroutes: []\n")
    return load(folder / "gateway.yaml", environment or {}).keyring(environment or {})


def kept(folder: Path, content: bytes, mode: int = 0o600) -> str:
    file = folder / "the.key"
    file.write_bytes(content)
    file.chmod(mode)
    return "the.key"


@pytest.mark.parametrize(
    "content",
    [
        RANDOM,
        TEXT.encode(),
        TEXT.encode() + b"\n",
        base64.urlsafe_b64encode(RANDOM).rstrip(b"="),
        RANDOM.hex().encode(),
        RANDOM.hex().upper().encode() + b"\r\n",
    ],
)
def test_a_key_is_the_same_however_it_is_written_and_wherever_it_is_kept(
    tmp_path: Path, content: bytes
) -> None:
    file = kept(tmp_path, content)
    wanted = Key.of(RANDOM).id
    assert loaded(tmp_path, {"key": {"file": file}}).writes == wanted
    assert loaded(tmp_path, {"key": {"command": ["cat", file]}}).writes == wanted
    place = {"THE_KEY_FILE": str(tmp_path / file)}
    assert loaded(tmp_path, {"key": {"env": "THE_KEY"}}, place).writes == wanted
    if content.isascii():
        value = {"THE_KEY": content.decode()}
        assert loaded(tmp_path, {"key": {"env": "THE_KEY"}}, value).writes == wanted
    assert loaded(tmp_path, {}) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "0 bytes"),
        (RANDOM[:31], "31 bytes"),
        (base64.b64encode(RANDOM[:16]), "16 bytes"),
        (RANDOM.hex()[:32].encode(), "16 bytes"),
        (b"hunter2", "32 or more"),
        (b"a" * 64, "not random"),
        (bytes(32), "not random"),
        (bytes(range(32)), "not random"),
        (b"0123456789abcdef" * 4, "not random"),
        (b"password" * 8, "not random"),
        (b"correct horse battery staple and a few more", "not random"),
        (b"3141592653589793238462643383279502884197169399375105820974944592", "not random"),
        (RANDOM[:8] * 8, "not random"),
        (b"x" * 70_000, "over"),
    ],
)
def test_a_weak_key_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        loaded(tmp_path, {"key": {"file": kept(tmp_path, content)}})
    (mistake,) = refused.value.mistakes
    assert (mistake.file, mistake.line) == (str(tmp_path / "gateway.yaml"), 4)
    assert "openssl rand -base64 32" in mistake.message


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"env": "NOT_SET"}, "is not set"),
        ({"file": "missing.key"}, "No such file"),
        ({"file": "."}, "regular file"),
        ({"command": ["false"]}, "failed with 1"),
        ({"command": ["/no/such/program"]}, "does not start"),
        ({"command": ["sh", "-c", f"echo {TEXT}; exit 3"]}, "failed with 3"),
        ({"command": ["sh", "-c", f"echo {TEXT[:20]}"]}, "bytes"),
        # The key itself in the place of its name.
        ({"env": TEXT}, "is not set"),
        ({"file": TEXT}, "No such file"),
        ({"command": [TEXT]}, "does not start"),
        (TEXT, "encryption.key"),
        ({"value": TEXT}, "not a setting"),
        ({"env": TEXT, "file": TEXT}, "one of env, file and command"),
        ({"command": TEXT}, "encryption.key"),
        ({}, "one of env, file and command"),
    ],
)
def test_what_cannot_be_had_is_refused_without_a_word_of_it(
    tmp_path: Path, source: Any, says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        loaded(tmp_path, {"key": source})
    assert {mistake.line for mistake in refused.value.mistakes} <= {3, 4, 5, 6, 7}
    assert TEXT[:16] not in str(refused.value)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o666])
def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigurationError, match="chmod 600"):
        loaded(tmp_path, {"key": {"file": kept(tmp_path, RANDOM, mode)}})
    assert loaded(tmp_path, {"key": {"file": kept(tmp_path, RANDOM, 0o640)}})


def test_a_command_does_not_get_the_other_keys(tmp_path: Path) -> None:
    shown = ["sh", "-c", "env > seen; cat the.key"]
    kept(tmp_path, RANDOM)
    other = base64.b64encode(random.Random(2).randbytes(32)).decode()
    environment = {"OTHER": other, "PATH": "/usr/bin:/bin", "REGION": "north"}
    settings = {"key": {"command": shown}, "previous": [{"env": "OTHER"}]}
    assert len(loaded(tmp_path, settings, environment).ids) == 2
    seen = (tmp_path / "seen").read_text()
    assert "REGION=north" in seen
    assert other not in seen


def test_the_same_key_twice_is_a_mistake(tmp_path: Path) -> None:
    file = kept(tmp_path, RANDOM)
    with pytest.raises(ConfigurationError, match="make a new `key`"):
        loaded(tmp_path, {"key": {"file": file}, "previous": [{"env": "K"}]}, {"K": TEXT})


def test_no_key_is_in_what_is_shown_of_the_settings(tmp_path: Path) -> None:
    ring = loaded(tmp_path, {"key": {"file": kept(tmp_path, RANDOM)}})
    assert str(RANDOM)[2:10] not in repr((ring, ring.current))
    assert ring.current.id in repr(ring.current)
