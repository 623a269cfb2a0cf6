"""Two people's events at a gateway whose vendors do not answer, so that everything is kept."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from gateway.privacy import Pseudonymizer
from tests.wire.running import COMMAND, POLL, WRITE_KEY, Gateway, running

ANN, BEN = "ann-4711-lindqvist", "ben-4712"
VISITOR = "visitor-of-ann-9"
POLICY = """
rules:
  - {id: ids, match: {path: [/userId, /anonymousId, /previousId, /properties/distinct_id,
     /properties/$device_id, /properties/$user_id, /$distinct_id]}, action: pseudonymize}
"""
PLAIN = "rules: []\n"
PSEUDONYMS = ("local", "segment", "mixpanel", "quarantine/")


def routing(**vendors: Any) -> dict[str, Any]:
    """A file, and vendors on a port where nobody listens unless the test says otherwise."""
    dead = "http://127.0.0.1:9"
    segment = {"type": "segment", "write_key": "k", "host": dead, **vendors.get("segment", {})}
    mixpanel = {
        "type": "mixpanel", "token": "project-token", "host": dead, **vendors.get("mixpanel", {}),
    }  # fmt: skip
    return {
        "destinations": {
            "local": {"type": "file", "path": "events"},
            "segment": segment,
            "mixpanel": mixpanel,
            **vendors.get("more", {}),
        },
        "routes": [
            {"name": "all", "to": ["local", "segment", "mixpanel", *vendors.get("more", ())]}
        ],
    }


@asynccontextmanager
async def gateway_of(
    folder: Path,
    policy: str = POLICY,
    *,
    schemas: Any = None,
    encryption: Any = None,
    **vendors: Any,
) -> AsyncGenerator[Gateway]:
    (folder / "mine.yaml").write_text(policy)
    (folder / "routing.yaml").write_text(yaml.safe_dump(routing(**vendors)))
    given = {"schemas": schemas, "encryption": encryption}
    more = {name: value for name, value in given.items() if value}
    async with running(folder, policy="mine.yaml", routing="routing.yaml", **more) as gateway:
        yield gateway


def track(user: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Moved",
        "userId": user,
        "messageId": f"m-{user[:3]}-{number}" if user else f"visit-{number}",
        "properties": {"step": number, "secret": f"secret-of-{user[:3]}"},
        **more,
    }


async def send(gateway: Gateway, events: Sequence[dict[str, Any]], path: str = "/v1/batch") -> int:
    body: Any = {"batch": events, "writeKey": WRITE_KEY} if path == "/v1/batch" else events
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}{path}", json=body) as answer,
    ):
        return answer.status


async def status(gateway: Gateway) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.admin_url}/api/status") as answer,
    ):
        found: dict[str, Any] = await answer.json()
    assert sum(found["received"].values()) == found["accepted"] + sum(found["rejected"].values())
    for one in found["destinations"]:
        settled = one["delivered"] + sum(one["filtered"].values()) + sum(one["dead"].values())
        assert one["accepted"] == settled + one["pending"]
    return found


async def destination(gateway: Gateway, name: str) -> dict[str, Any]:
    found = await status(gateway)
    return next(dict(one) for one in found["destinations"] if one["name"] == name)


async def settled(gateway: Gateway, name: str) -> None:
    """Return when nothing waits for the destination."""
    async with asyncio.timeout(30):
        while (await destination(gateway, name))["pending"]:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(POLL)


async def command(folder: Path, *arguments: str) -> tuple[int, Any]:
    """`gateway erase …`: its exit code and the receipts it printed."""
    made = await started(folder, *arguments)
    out, _ = await made.communicate()
    assert made.returncode is not None
    text = out.decode()
    try:
        return made.returncode, json.loads(text)
    except json.JSONDecodeError:
        return made.returncode, text


async def started(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND[:-2], "erase", *arguments, "--json", "--config", str(folder / "gateway.yaml"),
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


def texts_of(gateway: Gateway, *ids: str) -> set[str]:
    """All texts that stand for these ids, in every place, and what only Ann's events hold."""
    pseudonymizer = Pseudonymizer.open(gateway.data / "keys", "hex")
    tokens = {token for one in ids for token in pseudonymizer.pseudonyms(one)}
    domains = [pseudonymizer.domain(name) for name in PSEUDONYMS]
    return {*ids, *tokens, *(domain.of(token) for domain in domains for token in tokens)}


def files_with(gateway: Gateway, texts: set[str]) -> dict[str, list[str]]:
    """The files of the data folder and the log that hold one of the texts, compressed ones too."""
    found: dict[str, list[str]] = {}
    paths = [*gateway.data.rglob("*"), gateway.folder / "gateway.log"]
    for path in paths:
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".gz":
            content += gzip.decompress(content)
        if hits := [text for text in texts if text.encode().lower() in content.lower()]:
            found[str(path.relative_to(gateway.folder))] = hits
    return found
