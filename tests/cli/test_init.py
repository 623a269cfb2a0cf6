"""A folder without anything in it has a gateway in two commands, or in one."""

from __future__ import annotations

import io
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from gateway import defaults
from gateway.cli import config_file, init, main
from gateway.errors import GatewayError

COMMAND = [sys.executable, "-m", "gateway"]


def ran(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_what_it_writes_is_what_ships_and_checks(tmp_path: Path) -> None:
    made = ran(tmp_path, "init", "my gateway")
    assert made.returncode == 0, made.stderr
    assert "cd 'my gateway' && gateway run" in made.stdout
    for name in ("config", "schemas"):
        source = defaults.folder("config" if name == "config" else "schemas")
        for file in source.rglob("*"):
            if file.is_file():
                copy = tmp_path / "my gateway" / name / file.relative_to(source)
                assert copy.read_bytes() == file.read_bytes()
    checked = ran(tmp_path / "my gateway", "check")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    own = tmp_path / "config" / "routing.yaml"
    own.write_text("mine")
    out = io.StringIO()
    assert init.run(Namespace(folder=tmp_path), {}, out) == 0
    assert own.read_text() == "mine"
    assert f"kept   1 files of {tmp_path / 'config'}/" in out.getvalue()
    assert (tmp_path / "config" / "gateway.yaml").exists()

    written, kept = init.write(tmp_path)
    assert not written
    assert own in kept


def test_a_place_that_is_no_folder_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GatewayError, match="Not a directory; choose another folder"):
        init.write(tmp_path / "file")


def test_without_any_configuration_the_packaged_one_holds_and_is_named(tmp_path: Path) -> None:
    checked = ran(tmp_path, "check")
    assert checked.returncode == 0
    assert "The configuration is good." in checked.stdout
    assert "`gateway init` writes your own" in checked.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_a_config_of_its_own_runs_on_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path)
    said = io.StringIO()
    assert config_file.chosen(None, said) == Path("config/gateway.yaml")
    assert said.getvalue() == ""
    assert main.main(["check"]) == main.CONFIGURATION


def test_a_named_file_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.main(["check", "--config", "config/gateway.yaml"]) == main.CONFIGURATION
    assert "config/gateway.yaml:1: cannot be read" in capsys.readouterr().err
