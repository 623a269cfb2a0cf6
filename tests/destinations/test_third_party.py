"""Somebody's own package adds a destination, as CONTRIBUTING.md says; no line is changed here."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml
from aiohttp import web

from gateway import plugins
from gateway.cli import reference
from gateway.cli.doctor.destination_probe import reached
from gateway.config import destination_types, load
from gateway.config.outgoing import DIRECT
from gateway.consumers import destinations_of
from gateway.errors import ConfigurationError, GatewayError
from tests.fakes import vendor
from tests.fakes.vendor import Vendor
from tests.telemetry.conftest import Answer, gateway_command
from tests.walkthrough import files_of
from tests.wire.running import ROOT, WRITE_KEY, Gateway, running, until

HEADING = "Add a destination"
KEY = "acme-key-0123"
TRACK = {"event": "Signed Up", "userId": "u1", "messageId": "m1", "properties": {"plan": "pro"}}


class Acme(Vendor):
    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(text="taken")


def install(files: dict[str, str], site: Path) -> None:
    """Leave behind what `pip install` leaves: the modules, and the metadata beside them."""
    project = tomllib.loads(files["pyproject.toml"])["project"]
    for name, text in files.items():
        if name.endswith(".py"):
            file = site / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    about = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    entries = project["entry-points"]["gateway.destinations"]
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (about / "entry_points.txt").write_text("\n".join(["[gateway.destinations]", *lines, ""]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the programs of the test import from."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def routed(folder: Path, url: str, **more: Any) -> str:
    acme = {"type": "acme", "key": KEY, "host": url, **more}
    (folder / "routing.yaml").write_text(
        yaml.safe_dump({"destinations": {"crm": acme}, "routes": [{"name": "all", "to": ["crm"]}]})
    )
    return "routing.yaml"


@pytest.fixture
def here(site: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path, None, None]:
    """The same folder, and this process imports from it, too."""
    monkeypatch.syspath_prepend(str(site))
    forget()
    yield site
    for name in [name for name in sys.modules if name.startswith("gateway_acme")]:
        del sys.modules[name]
    forget()


def forget() -> None:
    """What is installed is looked up once for a process."""
    plugins.entries.cache_clear()
    destination_types.declared.cache_clear()


def mistakes(folder: Path) -> list[str]:
    """What is wrong with a routing.yaml, as `gateway check` says it."""
    settings = {
        "sources": [{"name": "shop", "write_keys": [WRITE_KEY]}],
        "policy": str(ROOT / "config" / "privacy.yaml"),
    }
    (folder / "gateway.yaml").write_text(yaml.safe_dump(settings))
    try:
        load(folder / "gateway.yaml", {})
    except ConfigurationError as error:
        return [str(mistake).removeprefix(f"{folder}/") for mistake in error.mistakes]
    return []


async def command(gateway: Gateway, *arguments: str) -> Answer:
    return await gateway_command(gateway.folder, *arguments, "--config", "gateway.yaml")


async def post(gateway: Gateway, message: dict[str, Any]) -> None:
    body = {**message, "writeKey": WRITE_KEY}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/v1/track", json=body) as answer,
    ):
        assert answer.status == 200


async def test_the_walk_through_delivers(site: Path, tmp_path: Path) -> None:
    install(files_of(HEADING), site)
    async with vendor.running(Acme()) as acme:
        given = {"routing": routed(tmp_path, acme.url)}
        async with running(tmp_path, **given) as gateway:
            checked = await command(gateway, "check")
            assert (checked.code, checked.error) == (0, "")
            assert "crm (acme)" in checked.out

            (tmp_path / "event.json").write_bytes(orjson.dumps({"type": "track", **TRACK}))
            explained = await command(gateway, "explain", "event.json", "--json")
            (shown,) = explained.json["destinations"]["crm"]["requests"]
            assert (shown["method"], shown["url"]) == ("POST", f"{acme.url}/v1/events")
            assert shown["body"]["fields"] == {"plan": "pro"}
            assert shown["body"]["workspace_key"] == "***"
            assert acme.seen == []

            await post(gateway, TRACK)
            await until(lambda: bool(acme.seen), 30, lambda: gateway.log)
            (seen,) = acme.seen
            sent = orjson.loads(seen.body)
            assert sent == {**shown["body"], "workspace_key": KEY}
            assert sent["user"] != "u1"
            assert {name: seen.headers[name] for name in shown["headers"]} == shown["headers"]

            doctor = await command(gateway, "doctor", "--json")
            (finding,) = (one for one in doctor.json if one["area"] == "crm")
            assert (finding["verdict"], finding["what"]) == ("good", f"{acme.url} answers")
            listed = (await command(gateway, "destinations", "--json")).json["destinations"]
            assert [(one["name"], one["type"]) for one in listed] == [("crm", "acme")]


def test_its_settings_are_checked_suggested_and_documented(here: Path, tmp_path: Path) -> None:
    install(files_of(HEADING), here)
    routed(tmp_path, "https://acme.example", type="acmee")
    (told,) = mistakes(tmp_path)
    assert told.startswith("routing.yaml:5: `destinations.crm.type` must be one of file, ")
    assert told.endswith(", acme (did you mean `acme`?)")
    routed(tmp_path, "https://acme.example", kye="x")
    assert mistakes(tmp_path) == [
        "routing.yaml:5: `kye` is not a setting here (did you mean `key`?)"
    ]
    page = reference.configuration()
    assert "### destinations.<name> (type `acme`)" in page
    assert "| `key` | text | required | The workspace's key. |" in page


async def test_a_body_of_another_format_than_declared_does_not_leave(
    site: Path, tmp_path: Path
) -> None:
    files = files_of(HEADING)
    files["gateway_acme/__init__.py"] = files["gateway_acme/__init__.py"].replace(
        "BodyFormat.JSON,", "BodyFormat.FORM_JSON,"
    )
    install(files, site)
    async with vendor.running(Acme()) as acme:
        async with running(tmp_path, routing=routed(tmp_path, acme.url)) as gateway:
            await post(gateway, TRACK)
            await until(
                lambda: "cannot be read by the egress guard" in gateway.log, 30, lambda: gateway.log
            )
            letters = await command(gateway, "dead-letters", "list", "--json")
            (letter,) = letters.json
            assert letter["reason"] == "unchecked"
            assert "content type" in letter["detail"]
        assert acme.seen == []


BROKEN: dict[str, tuple[dict[str, tuple[str, str]], str]] = {
    "module": (
        {},
        "gateway_acme:DESTINATION (ModuleNotFoundError: No module named 'gateway_acme')",
    ),
    "part": (
        {"gateway_acme/__init__.py": ("    probe=_probe,\n", "")},
        "missing 1 required keyword-only argument: 'probe'",
    ),
    "not a declaration": (
        {"gateway_acme/__init__.py": ("DESTINATION = DestinationType(", "DESTINATION = dict(")},
        "gateway_acme:DESTINATION of gateway-acme declares no destination",
    ),
    "another name": (
        {"gateway_acme/__init__.py": ('Literal["acme"]', 'Literal["other"]')},
        "do not say `type: acme`",
    ),
    "no guard": (
        {"gateway_acme/__init__.py": ("body=BodyFormat.JSON", "body=None")},
        "needs a body format and guarded settings",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_package_is_named_where_it_is_used(here: Path, tmp_path: Path, what: str) -> None:
    changes, message = BROKEN[what]
    files = files_of(HEADING)
    for name, change in changes.items():
        files[name] = files[name].replace(*change)
    if what == "module":
        files = {"pyproject.toml": files["pyproject.toml"]}
    install(files, here)
    routed(tmp_path, "https://acme.example")
    (line,) = mistakes(tmp_path)
    assert line.startswith("routing.yaml:5: gateway")
    assert "gateway-acme" in line
    assert message in line
    assert line.endswith("install a version of it that fits this gateway, or uninstall it")
    (tmp_path / "routing.yaml").write_text("destinations: {a: {type: stdout}}\n")
    assert mistakes(tmp_path) == []


def test_a_name_that_is_taken_twice_is_refused(here: Path, tmp_path: Path) -> None:
    files = files_of(HEADING)
    files["pyproject.toml"] = files["pyproject.toml"].replace("acme =", "stdout =")
    install(files, here)
    (tmp_path / "routing.yaml").write_text("destinations: {a: {type: stdout}}\n")
    (told,) = mistakes(tmp_path)
    assert told.startswith("routing.yaml:1: gateway-acme and telemetry-gateway both bring `stdout`")
    (tmp_path / "routing.yaml").write_text("destinations: {a: {type: file, path: x}}\n")
    assert mistakes(tmp_path) == []


def test_an_entry_under_another_name_is_named(here: Path, tmp_path: Path) -> None:
    files = files_of(HEADING)
    files["pyproject.toml"] = files["pyproject.toml"].replace("acme =", "crm =")
    install(files, here)
    routed(tmp_path, "https://acme.example", type="crm")
    assert mistakes(tmp_path) == [
        "routing.yaml:5: gateway-acme registers `acme` as `crm`; correct its entry point"
    ]


@pytest.mark.parametrize("beside", ["", '[project]\nname = "another"\n', "[tool.ruff]\n"])
def test_a_wheel_finds_by_its_metadata_what_a_clone_finds(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, beside: str
) -> None:
    """Whatever pyproject.toml happens to stand beside it."""
    ours = destination_types.names()
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = about["entry-points"]["gateway.destinations"]
    lines = "".join(f'{name} = "{value}"\n' for name, value in entries.items())
    head = '[project]\nname = "telemetry-gateway"\nversion = "1"\n'
    group = '[project.entry-points."gateway.destinations"]\n'
    install({"pyproject.toml": f"{head}{group}{lines}"}, here)
    clone = tmp_path / "pyproject.toml"
    if beside:
        clone.write_text(beside)
    monkeypatch.setattr(plugins, "_CLONE", clone)
    forget()
    assert destination_types.names() == ours
    assert destination_types.declared("segment").name == "segment"


def test_a_package_that_breaks_later_is_named(here: Path, tmp_path: Path) -> None:
    """Its declaration is whole, and what it loads when it is used is not."""
    files = files_of(HEADING)
    files["gateway_acme/client.py"] = "import nothing_of_this_name\n"
    install(files, here)
    routed(tmp_path, "https://acme.example")
    assert mistakes(tmp_path) == []
    configuration = load(tmp_path / "gateway.yaml", {})
    with pytest.raises(GatewayError, match=r"`crm` cannot be made .* brings `acme`"):
        destinations_of(configuration, "mark")
    [(name, sentence, remedy)] = reached(configuration.routing.destinations, DIRECT)
    assert (name, remedy) == ("crm", "update the package that brings `acme`")
    assert sentence.startswith("its probe failed (ModuleNotFoundError at client.py")
