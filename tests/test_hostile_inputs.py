"""While one client sends the costliest things it can, the others and /healthz are answered."""

from __future__ import annotations

import asyncio
import gzip
import time
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.wire.running import WRITE_KEY, running

HANG_SECONDS = 20.0
"""Far more than any answer takes on a busy machine, and less than one square of these inputs."""
SIZE = 60 * 1024
GZIP = {"Content-Encoding": "gzip"}
DEFLATE = {"Content-Encoding": "deflate"}
PACKED: list[tuple[bytes, dict[str, str]]] = [
    (b"\x03\x00" * 524_288, DEFLATE),
    (gzip.compress(b"") * 52_000, GZIP),
    (gzip.compress(b"") * 200 + b"\0" * 1_000_000, GZIP),
    (gzip.compress(b"0" * 50_000_000), GZIP),
    (b'["' + b"\\n" * 500_000 + b'",NaN]', {}),
    (b"{}\n{\n" * 200_000, {}),
    (b"data=" + b"%" * 1_000_000, {}),
]
TEXTS = (" @a.bc", "//a:b@c.de ", "4111-", "a={", '"a":' + "\\" * 32, "%2540", "a/1.1.1.1 ")


def _events() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for piece in TEXTS:
        text = piece * (SIZE // len(piece) // 2)
        parts = [text[at : at + 12] for at in range(0, len(text), 12)]
        found += [
            {"event": "E", "properties": {"text": text}},
            {"event": "E", "properties": {text: 1}},
            {"event": text, "properties": {}},
            {"event": "E", "properties": {f"{i}a@b.cd{part}": 1 for i, part in enumerate(parts)}},
        ]
    found.append(
        {"event": "E", "properties": {"x" * 25_000: {f"{i}a@b.cd": 1 for i in range(2_000)}}}
    )
    return found


async def test_hostile_inputs_hold_up_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        worst = 0.0

        async def hostile(path: str, body: bytes, headers: dict[str, str]) -> int:
            async with session.post(gateway.url + path, data=body, headers=headers) as answer:
                await answer.read()
                return answer.status

        async def all_of_it() -> None:
            for path in ("/v1/track", "/v1/batch", "/track", "/import", "/api/v1/usage-pulse"):
                for body, headers in PACKED:
                    assert await hostile(path, body, headers) < 500
            for number, event in enumerate(_events()):
                message = {"type": "track", "userId": "u", "messageId": f"m-{number}", **event}
                body = orjson.dumps({**message, "writeKey": WRITE_KEY})
                assert await hostile("/v1/track", body, {}) in (200, 400)  # 400: too large

        async def watch(work: asyncio.Task[None]) -> None:
            nonlocal worst
            while not work.done():
                since = time.monotonic()
                async with session.get(f"{gateway.admin_url}/healthz") as answer:
                    assert answer.status == 200
                worst = max(worst, time.monotonic() - since)

        async with asyncio.timeout(4 * HANG_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(watch(group.create_task(all_of_it())))
        print(f"worst /healthz {worst * 1000:.0f} ms")  # noqa: T201 (for who measures)
        assert worst < HANG_SECONDS
        async with session.get(f"{gateway.admin_url}/metrics") as answer:
            metrics = await answer.text()
        assert 'reason="over_budget"' in metrics
