"""An Appsmith installation and the settings of a gateway that serves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.wire.running import ROOT, WRITE_KEY, Gateway, until

INSTANCE = "65a1b2c3d4e5f60718293a4b"
TENANT = "65a1b2c3d4e5f60718293a50"
KEY = "SYNTH-LICENSE-0000"
SAMPLES = Path(__file__).parent / "data"
PING = f"/api/v1/releases?instanceId={INSTANCE}&isSourceInstall=false&version=v1.62&edition=CE"


def sample(start: str) -> dict[str, Any]:
    """The sample whose file name begins so."""
    [file] = SAMPLES.glob(f"{start}*.json")
    loaded: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return loaded


def settings(folder: Path, **given: Any) -> dict[str, Any]:
    """`config/appsmith` for a gateway of a test.

    `cloud`: settings of a cloud destination. Beside it `upstream`, `timeout`, `paying`, some
    settings of the file's top and whatever else stands under `appsmith`.
    """
    routing = yaml.safe_load((ROOT / "config/appsmith/routing.yaml").read_text("utf-8"))
    if cloud := given.pop("cloud", None):
        routing["destinations"]["cloud"] = {"type": "cloud", "license_key": KEY, **cloud}
        routing["routes"].append({"name": "bills", "match": {"class": "billing"}, "to": ["cloud"]})
    (folder / "routing.yaml").write_text(yaml.safe_dump(routing), "utf-8")
    relay = {name: given.pop(name) for name in ("upstream", "timeout", "relay") if name in given}
    instance = {"id": INSTANCE, "tenant_id": TENANT, "license_key": KEY}
    instance["paying"] = given.pop("paying", True)
    top: dict[str, Any] = {
        name: given.pop(name)
        for name in ("trusted_proxies", "telemetry", "journal")
        if name in given
    }
    return {
        "sources": [{"name": "appsmith", "write_keys": [WRITE_KEY]}],
        "appsmith": {"cloud_services": relay, "instances": [instance], **given},
        "policy": str(ROOT / "config/appsmith/privacy.yaml"),
        "routing": "routing.yaml",
        **top,
    }


async def get_json(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def metrics(session: aiohttp.ClientSession, gateway: Gateway) -> dict[str, float]:
    async with session.get(f"{gateway.admin_url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def named(gateway: Gateway, name: str) -> list[dict[str, Any]]:
    """The kept events of this name or, where they have none, of this type."""
    return [event for event in gateway.events() if name in (event.get("event"), event["type"])]


async def kept(gateway: Gateway, name: str, count: int) -> list[dict[str, Any]]:
    """As `named`, once there are so many."""
    await until(lambda: len(named(gateway, name)) >= count, 10, lambda: gateway.log)
    return named(gateway, name)
