"""analytics.js is stopped while optional events are off, and only then."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession

from gateway.config.model import Telemetry
from gateway.contract import load_catalogue
from gateway.ingest.segment import browser_stop
from gateway.pipeline.telemetry_switch import Order, switches
from tests.ingest.backend import KEY, RecordingDoor
from tests.wire.running import ROOT

CATALOGUE = load_catalogue(ROOT / "schemas")
SCRIPT = "/next-integrations/middleware/{0}/latest/{0}.js.gz"


def kept(**classes: bool) -> list[tuple[str, str | None]]:
    """What the script lets pass, read back from it."""
    script = browser_stop.script(CATALOGUE, switches(Telemetry(classes=classes), {}))  # type: ignore[arg-type]  # names of classes
    assert script is not None
    found = re.search(r"var flows = (\[.*\])\.some", script)
    assert found is not None
    entries: list[tuple[str, str | None]] = [tuple(entry) for entry in json.loads(found[1])]
    return entries


def flows(entries: list[tuple[str, str | None]], kind: str, name: str) -> bool:
    return any(of == kind and (p is None or re.search(p, name)) for of, p in entries)


def test_there_is_none_while_optional_events_are_on() -> None:
    assert browser_stop.script(CATALOGUE, switches(Telemetry(), {})) is None
    order = Order("2026-11-23T01:00:00.000Z", "billing", enabled=False, who="API")
    assert browser_stop.script(CATALOGUE, switches(Telemetry(), {}, [order])) is None


def test_essential_events_pass_and_others_do_not() -> None:
    entries = kept(optional=False)
    for name in ("FETCH_RELEASE_NOTES", "Installation Setup Complete", "server_setup_complete"):
        assert flows(entries, "track", name)
    for name in ("Clicked", "APPLICATIONS_PAGE_LOAD", "xFETCH_RELEASE_NOTESx", ""):
        assert not flows(entries, "track", name)
    assert not flows(entries, "page", "FETCH_RELEASE_NOTES")


def test_what_is_off_too_does_not_pass() -> None:
    assert kept(optional=False, essential=False) == []


async def settings(http: ClientSession) -> dict[str, Any]:
    async with http.get(f"/v1/projects/{KEY}/settings") as answer:
        found: dict[str, Any] = orjson.loads(await answer.read())
        return found


@pytest.mark.parametrize("name", browser_stop.NAMES)
async def test_the_settings_name_it_and_the_cdn_has_it(
    http: ClientSession, door: RecordingDoor, name: str
) -> None:
    door.browser_stop = "window.stop = 1;"
    assert (await settings(http))["enabledMiddleware"] == {browser_stop.NAME: True}
    async with http.get(SCRIPT.format(name)) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/javascript"
        assert "Content-Encoding" not in answer.headers
        assert await answer.text() == door.browser_stop


async def test_while_on_the_settings_name_none(http: ClientSession) -> None:
    assert (await settings(http))["enabledMiddleware"] == {}
    async with http.get(SCRIPT.format(browser_stop.NAME)) as answer:
        assert (answer.status, await answer.text()) == (200, browser_stop.NOTHING)
