"""Somebody at the admin pages, in Chromium without scripts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from tests.wire.running import ROOT


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a browser in front of the admin pages."""

    process: asyncio.subprocess.Process

    async def __call__(self, **command: Any) -> dict[str, Any]:
        """Do something, and tell what the page shows then."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(60):
            line = await self.process.stdout.readline()
        assert line, (await self.process.stderr.read()).decode()
        shown: dict[str, Any] = json.loads(line)
        return shown


@contextlib.asynccontextmanager
async def at_the_admin_pages() -> AsyncGenerator[Person]:
    process = await asyncio.create_subprocess_exec(
        shutil.which("node") or "node",
        str(ROOT / "tests" / "browser" / "admin.mjs"),
        shutil.which("chromium") or "chromium",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    try:
        yield Person(process)
    finally:
        process.kill()
        await process.wait()
