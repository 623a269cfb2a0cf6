"""The image can be built from what the repository holds, and runs without rights.

What the file promises is checked here without building it; tests/image builds and runs it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Literal

import pytest

from gateway import defaults
from gateway.cli import registry
from tests.wire.running import ROOT

INSTRUCTIONS = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text()).splitlines()


def of(word: str) -> list[str]:
    """The arguments of every instruction of this name."""
    return [line.partition(" ")[2] for line in INSTRUCTIONS if line.startswith(f"{word} ")]


def test_everything_it_copies_is_there_and_in_the_context() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for arguments in of("COPY"):
        if arguments.startswith("--from="):
            continue
        *sources, _ = arguments.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source in allowed, source


def test_it_runs_as_a_user_without_rights_and_says_how_it_is() -> None:
    assert of("USER") == ["10001:10001"]
    assert any("--uid 10001" in run and "nologin" in run for run in of("RUN"))
    assert len(of("HEALTHCHECK")) == 1
    assert INSTRUCTIONS.index("USER 10001:10001") < next(
        place for place, line in enumerate(INSTRUCTIONS) if line.startswith("ENTRYPOINT")
    )


def test_its_health_is_asked_where_its_own_configuration_says() -> None:
    (asked,), (started,) = of("HEALTHCHECK"), of("CMD")
    command = json.loads(asked.partition("CMD ")[2])
    assert command[:2] == [*json.loads(of("ENTRYPOINT")[0]), "health"]
    assert command[2:] == json.loads(started)[1:]
    asked_of = registry.commands()[command[1]]
    registry.parser_of(asked_of, registry.loaded(asked_of)).parse_args(command[2:])


def test_all_that_it_installs_is_pinned() -> None:
    for run in of("RUN"):
        for installed in re.findall(r"pip\S*(?: --python \S+)?\s+install [^&]*", run):
            assert "--require-hashes" in installed or "--no-deps dist/" in installed, installed
        assert "pip wheel" not in run or "--no-build-isolation" in run
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    pinned = (ROOT / "requirements" / "build.lock").read_text()
    for line in asked:
        assert re.search(rf"^{re.split('[<>=~! ]', line)[0]}==", pinned, re.MULTILINE), line


def test_both_stages_begin_with_the_base_that_is_asked_for() -> None:
    assert of("FROM") == ["${BASE} AS build", "${BASE}"]


def test_all_it_writes_is_in_the_volume() -> None:
    assert of("VOLUME") == ["/data"]
    assert any("GATEWAY_DATA_DIR=/data" in line for line in of("ENV"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of packages into which the wheel was unpacked."""
    made, installed = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(made), "."],
        cwd=ROOT,
        check=True,
        timeout=280,
    )
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    return installed


@pytest.mark.timeout(300)
def test_the_wheel_holds_every_module(installed: Path) -> None:
    packed = {str(path.relative_to(installed)) for path in installed.rglob("*.py")}
    written = {str(path.relative_to(ROOT)) for path in (ROOT / "gateway").rglob("*.py")}
    assert packed == written


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["config", "schemas"])
def test_the_wheel_brings_the_files_that_people_copy(installed: Path, name: str) -> None:
    asked = f"from gateway.defaults import folder; print(folder({name!r}))"
    found = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=installed,  # the first place that `-c` imports from
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.strip()

    assert Path(found).is_relative_to(installed)
    assert contents(Path(found)) == contents(ROOT / name)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["config", "schemas"])
def test_in_a_clone_they_are_those_at_its_root(name: Literal["config", "schemas"]) -> None:
    assert defaults.folder(name) == ROOT / name
