"""What keeps the gateway from starting is one line that says where and what to do, no traceback."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.fault.small import write_schema
from tests.wire.running import COMMAND, ROOT

Prepare = Callable[[Path], object]
"""Given the folder of the test, with `data` in it."""


def _file(name: str, text: str = "") -> Prepare:
    def make(folder: Path) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return make


def _folder(name: str) -> Prepare:
    return lambda folder: (folder / name).mkdir(parents=True)


def _setting(**settings: object) -> Prepare:
    def change(folder: Path) -> None:
        file = folder / "gateway.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | settings))

    return change


def _no_data(folder: Path) -> None:
    (folder / "data").rmdir()
    (folder / "data").touch()


def _dangling(folder: Path) -> None:
    (folder / "data").rmdir()
    (folder / "data").symlink_to(folder / "nowhere" / "at all")


def _mounted(options: str, filled: int = 0) -> Prepare:
    def mount(folder: Path) -> None:
        data = folder / "data"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", data], check=True)
        if filled:
            (data / "filler").write_bytes(b"0" * filled)

    return mount


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", folder / "data"], check=True)


MISTAKES: dict[str, tuple[Prepare, int, str]] = {
    "journal": (_file("data/journal"), 1, "data/journal: a file stands where a folder must be"),
    "keys": (_file("data/keys"), 1, "data/keys: a file stands where a folder must be"),
    "events": (_file("data/events"), 1, "data/events: a file stands where a folder must be"),
    "audit": (_file("data/audit"), 1, "data/audit: a file stands where a folder must be"),
    "quarantine": (_file("data/quarantine"), 1, "data/quarantine: a file stands where a folder"),
    "the data folder": (_no_data, 1, "data: a file stands where a folder must be"),
    "a dangling link": (_dangling, 1, "data: "),
    "the lock": (_folder("data/lock"), 1, "data/lock: a folder stands where a file must be"),
    "the key": (
        _folder("data/keys/pseudonyms.key"),
        1,
        "pseudonyms.key: the pseudonym key cannot be used: a folder stands where a file must be",
    ),
    "journal.db": (_folder("data/journal/journal.db"), 1, "data/journal/journal.db: a folder"),
    "the history": (_file("data/telemetry.jsonl", "{\n"), 78, "data/telemetry.jsonl:1: not a line"),
    "the history's place": (_folder("data/telemetry.jsonl"), 78, "data/telemetry.jsonl:1: "),
    "no policy": (_setting(policy="none.yaml"), 78, "none.yaml:1: "),
    "the policy's place": (_setting(policy="data"), 78, "data:1: "),
    "no certificate": (
        _setting(tls={"listen": "127.0.0.1:0", "cert": "none.pem", "key": "none.key"}),
        78,
        "none.pem: No such file",
    ),
    "what is no certificate": (
        _setting(tls={"listen": "127.0.0.1:0", "cert": "gateway.yaml", "key": "gateway.yaml"}),
        78,
        "no PEM certificate",
    ),
    "a host that is not here": (_setting(listen="192.0.2.1:0"), 1, "listen 192.0.2.1:0: "),
}
AS_ROOT: dict[str, tuple[Prepare, int, str]] = {
    "no room for the key": (_mounted("size=64k", 65_536), 1, "data/keys"),
    "no room for the journal": (_mounted("size=256k", 220_000), 1, "data/journal/journal.db: "),
    "a read-only disk": (_mounted("size=1m,ro"), 1, "its disk is read-only"),
}


def configured(folder: Path, port: int) -> None:
    (folder / "data").mkdir(parents=True)
    write_schema(folder / "schemas")
    (folder / "gateway.yaml").write_text(
        yaml.safe_dump(
            {
                "listen": f"127.0.0.1:{port}",
                "admin": {"listen": "127.0.0.1:0"},
                "data_dir": str(folder / "data"),
                "sources": [{"name": "shop", "write_keys": ["a-write-key"]}],
                "schemas": {"path": "schemas"},
                "policy": str(ROOT / "config" / "privacy.yaml"),
                "routing": str(ROOT / "config" / "routing.yaml"),
            }
        )
    )


async def started(folder: Path) -> tuple[int | None, str]:
    """Exit code and standard error of a gateway that should not start."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        str(folder / "gateway.yaml"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
    )
    try:
        async with asyncio.timeout(60):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    return process.returncode, said.decode()


async def _wrong(folder: Path, prepare: Prepare, code: int, words: str) -> None:
    configured(folder, 0)
    prepare(folder)
    found, said = await started(folder)
    assert "Traceback" not in said
    assert (found, len(said.splitlines())) == (code, 1), said
    assert words in said


@pytest.mark.parametrize("what", MISTAKES)
async def test_what_is_in_the_way_is_named(tmp_path: Path, what: str) -> None:
    await _wrong(tmp_path, *MISTAKES[what])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("what", AS_ROOT)
async def test_a_disk_that_takes_nothing_is_named(tmp_path: Path, what: str) -> None:
    try:
        await _wrong(tmp_path, *AS_ROOT[what])
    finally:
        _unmount(tmp_path)


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        configured(tmp_path, port)
        code, said = await started(tmp_path)
    assert (code, len(said.splitlines())) == (1, 1), said
    assert f"listen 127.0.0.1:{port}: Address already in use" in said
