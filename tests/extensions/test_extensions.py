"""An extension brings all of itself, and a gateway without one knows nothing of it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import aiohttp
import pytest
import yaml

from gateway.event import Protocol
from tests.extensions.appsmith.instances import INSTANCE, metrics
from tests.wire.running import ROOT, WRITE_KEY, Gateway, running, until

PACKAGE = ROOT / "tests/extensions/package"
WITHOUT = """\
from gateway import plugins
found = plugins.entries
plugins.entries = lambda group: {} if group == plugins.EXTENSIONS else found(group)
"""
PROTOCOLS = set(get_args(Protocol))
MAY_SAY = {"gateway/event.py": "`appsmith.instances`"}
"""Reasons are one closed list, with those of extensions."""


def command(*words: str, folder: Path, path: Path, given: bytes = b"") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(path)},
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def core() -> list[Path]:
    """All but the extension, and the closed set of protocols, one of which is its own."""
    own = {ROOT / "gateway/extensions/appsmith", ROOT / "gateway/protocols"}
    files = (ROOT / "gateway").rglob("*.py")
    return [file for file in files if own.isdisjoint(file.parents)]


def test_nothing_but_the_extension_knows_it_by_name() -> None:
    """No import, no identifier, no text; the name of the protocol aside, which is one of a set."""
    told = []
    for file in core():
        where = str(file.relative_to(ROOT))
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            for text in _texts(node):
                said = text.replace(MAY_SAY.get(where, "\0"), "")
                if text not in PROTOCOLS and "appsmith" in said.lower():
                    told.append(f"{where}:{getattr(node, 'lineno', 0)} {text[:60]}")
    assert told == []


def _texts(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            return [str(node.module), *(alias.name for alias in node.names)]
        case ast.Name():
            return [node.id]
        case ast.Attribute():
            return [node.attr]
        case ast.arg() | ast.keyword():
            return [str(node.arg)]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Constant(value=str()):
            return [str(node.value)]
    return []


def configured(folder: Path, **settings: object) -> Path:
    given = {
        "data_dir": "data",
        "sources": [{"name": "shop", "write_keys": [WRITE_KEY]}],
        "schemas": {"path": str(ROOT / "schemas")},
        "policy": str(ROOT / "config/privacy.yaml"),
        "routing": str(ROOT / "config/routing.yaml"),
        **settings,
    }
    (folder / "gateway.yaml").write_text(yaml.safe_dump(given), "utf-8")
    return folder / "gateway.yaml"


@pytest.fixture
def without(tmp_path: Path) -> Path:
    """A PYTHONPATH under which no extension is installed."""
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WITHOUT, "utf-8")
    return folder


async def test_a_gateway_without_the_extension_takes_events_and_has_nothing_of_it(
    tmp_path: Path, without: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(without))
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        await send(session, gateway)
        pulse = f"{gateway.url}/api/v1/usage-pulse"
        async with session.post(pulse, json={"viewMode": True}) as answer:
            assert answer.status == 404
        for path in ("/instances", "/api/instances", "/api/usage"):
            async with session.get(f"{gateway.admin_url}{path}") as answer:
                assert answer.status == 404, path
        async with session.get(f"{gateway.admin_url}/") as answer:
            assert "Instances" not in await answer.text()
        async with session.get(f"{gateway.admin_url}/api/status") as answer:
            status = await answer.json()
        assert not {"instances", "reports"} & status.keys()
        assert status["accepted"] == 2
        found = await metrics(session, gateway)
        assert not [name for name in found if "instances" in name or "usage" in name]
        assert not (gateway.data / "appsmith").exists()


async def send(session: aiohttp.ClientSession, gateway: Gateway) -> None:
    """One event of Segment's, one of Mixpanel's."""
    event = {"type": "track", "event": "Sent", "userId": "u", "messageId": "s-1"}
    body = {"batch": [event], "writeKey": WRITE_KEY}
    async with session.post(f"{gateway.url}/v1/batch", json=body) as answer:
        assert answer.status == 200
    properties = {"token": WRITE_KEY, "distinct_id": "u", "$insert_id": "m-1"}
    tracked = [{"event": "Sent", "properties": properties}]
    async with session.post(f"{gateway.url}/track", json=tracked) as answer:
        assert answer.status == 200
    await until(lambda: len(gateway.events()) == 2, 15, lambda: gateway.log)


def test_without_it_there_is_no_command_and_no_section(tmp_path: Path, without: Path) -> None:
    assert "instances" in command("--help", folder=tmp_path, path=tmp_path)[1]
    code, listed, _ = command("--help", folder=tmp_path, path=without)
    assert code == 0
    assert "instances" not in listed
    assert "usage  " not in listed
    code, _, told = command("instances", folder=tmp_path, path=without)
    assert (code, "`instances` is not a command" in told) == (2, True)
    file = configured(tmp_path, appsmith={"instances": [{"id": INSTANCE}]})
    code, _, told = command("check", "--config", str(file), folder=tmp_path, path=without)
    assert (code, "gateway.yaml:1: `appsmith` is not a setting here" in told) == (78, True)
    assert command("check", "--config", str(file), folder=tmp_path, path=tmp_path)[0] == 0


async def test_somebody_elses_extension_takes_part_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
    section = {"greeting": {"word": "salve"}}
    async with running(tmp_path, **section) as gateway, aiohttp.ClientSession() as session:
        async with session.get(f"{gateway.url}/greet") as answer:
            assert await answer.text() == "salve"
        await gateway.wait_for(["Greeted", "Task Started"])
        async with session.get(f"{gateway.admin_url}/greeting") as answer:
            assert await answer.text() == "salve"
        async with session.get(f"{gateway.admin_url}/") as answer:
            assert '<a href="/greeting">Greeting</a>' in await answer.text()
        async with session.get(f"{gateway.admin_url}/api/status") as answer:
            assert (await answer.json())["greetings"] == 1
        found = await metrics(session, gateway)
        assert found['gateway_greetings{by="seen"}'] == 1
        assert found['gateway_greetings{by="task"}'] == 1


def test_its_commands_and_settings_are_as_strict_as_the_gateways_own(tmp_path: Path) -> None:
    assert command("greet", "--loud", "ada", folder=tmp_path, path=PACKAGE)[1] == "HELLO ADA\n"
    assert "greet somebody" in command("--help", folder=tmp_path, path=PACKAGE)[1]
    file = configured(tmp_path, greeting={"wrod": "salve"})
    code, _, told = command("check", "--config", str(file), folder=tmp_path, path=PACKAGE)
    line = file.read_text("utf-8").splitlines().index("  wrod: salve") + 1
    assert code == 78
    assert f"gateway.yaml:{line}: `wrod` is not a setting here (did you mean `word`?)" in told
    file = configured(tmp_path, greeting={"word": "salve"}, listen="127.0.0.1:1")
    code, _, told = command("check", "--config", str(file), folder=tmp_path, path=PACKAGE)
    assert (code, "it loops back to this gateway" in told) == (78, True)
    file = configured(tmp_path, greeting={"word": "salve"})
    told = command("check", "--config", str(file), folder=tmp_path, path=PACKAGE)[1]
    assert "note          it says salve" in told
    words = ("explain", "--json", "--config", str(file))
    _, told, _ = command(*words, folder=tmp_path, path=PACKAGE, given=b'{"greet": 1}')
    assert (json.loads(told)["source"], json.loads(told)["event"]) == ("greeting", "Greeted")


def test_a_section_takes_no_setting_of_the_gateway_away(tmp_path: Path) -> None:
    folder = tmp_path / "path"
    folder.mkdir()
    text = (PACKAGE / "greeting.py").read_text("utf-8")
    folder.joinpath("greeting.py").write_text(
        text.replace('name="greeting",\n        m', 'name="limits",\n        m')
    )
    (folder / "greeting-1.0.dist-info").symlink_to(PACKAGE / "greeting-1.0.dist-info")
    file = configured(tmp_path)
    code, _, told = command("check", "--config", str(file), folder=tmp_path, path=folder)
    assert (code, "greeting brings the section `limits`" in told) == (1, True)


def test_what_cannot_be_loaded_is_named_with_its_package(tmp_path: Path) -> None:
    for name, code in (("broken", "1 / 0"), ("foreign", "EXTENSION = 1")):
        folder = tmp_path / name
        (folder / f"{name}-1.0.dist-info").mkdir(parents=True)
        (folder / f"{name}.py").write_text(code, "utf-8")
        about = folder / f"{name}-1.0.dist-info"
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        points = f"[gateway.extensions]\n{name} = {name}:EXTENSION\n"
        (about / "entry_points.txt").write_text(points)
        exit_code, _, told = command("check", folder=tmp_path, path=folder)
        assert exit_code == 1
        assert name in told
        assert "uninstall it" in told
        assert "Traceback" not in told
