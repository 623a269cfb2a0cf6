"""A person's browser: headless Chromium, and in it a page of another origin than the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.wire.clients import FOLDER, INSTALL
from tests.wire.running import ROOT, WRITE_KEY, Gateway
from tests.wire.script import Logical

NEEDS = {
    "node": "apt-get install nodejs npm",
    "chromium": "apt-get install chromium",
    "tests/clients/browser/node_modules/installed": INSTALL,
}


@dataclass(frozen=True, slots=True)
class Sdk:
    """One way to have analytics.js in a page: bundled from npm, or by the snippet."""

    how: str
    release: str
    batch: Mapping[str, int] | None = None  # size and timeout (ms); without it one event a request

    def __str__(self) -> str:
        return f"{self.how}-{self.release}-{self.delivery['strategy']}"

    @property
    def delivery(self) -> dict[str, Any]:
        if self.batch is None:
            return {"strategy": "standard"}
        return {"strategy": "batching", "config": self.batch}

    @property
    def needs_tls(self) -> bool:
        """Batches of releases before 1.82 know no other scheme than https."""
        return self.batch is not None and self.short == "1.81"

    @property
    def short(self) -> str:
        return self.release.rpartition(".")[0]

    @property
    def scripts(self) -> dict[str, str]:
        """The gateway's setting: where the browser build of this release is."""
        package = FOLDER / "browser" / "node_modules" / f"analytics-next-{self.short}"
        return {"path": str(package / "dist" / "umd")}

    @property
    def library(self) -> dict[str, str]:
        prefix = "npm:" if self.how == "npm" else ""
        return {"name": "analytics.js", "version": f"{prefix}next-{self.release}"}


@dataclass(frozen=True, slots=True)
class Browser:
    process: asyncio.subprocess.Process

    async def _ask(self, **command: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        return await self._line()

    async def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        async with asyncio.timeout(40):
            line = await self.process.stdout.readline()
            if not line:
                raise AssertionError((await self.process.stderr.read()).decode())
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def open(
        self, sdk: Sdk, gateway: Gateway, *, api: str | None = None, query: str = ""
    ) -> None:
        """A page that has the SDK. Events go to `api`, or to where the gateway's settings say."""
        protocol, _, host = (api or gateway.url).partition("://")
        steered = {"apiHost": f"{host}/v1", "protocol": protocol}
        await self._ask(
            open="snippet" if sdk.how == "snippet" else f"npm-{sdk.short}",
            gateway=gateway.url,
            writeKey=WRITE_KEY,
            delivery=sdk.delivery,
            query=query,
            **(steered if api or sdk.how == "npm" else {}),
        )

    async def start(self, sdk: str, *, query: str = "", **how: Any) -> None:
        """A page that has the SDK of tests/clients/browser/page-<sdk>.js."""
        await self._ask(open=sdk, start=how, query=query)

    async def visit(self, url: str, **how: Any) -> None:
        """A page that brings an SDK itself."""
        await self._ask(visit=url, start=how)

    async def pulse(self, **body: Any) -> dict[str, Any]:
        """What an Appsmith page hears about its usage pulse."""
        pulsed: dict[str, Any] = (await self._ask(pulse=body))["pulsed"]
        return pulsed

    async def call(self, *calls: Any) -> Any:
        """What the page's SDK answers, or what it has put on its way."""
        return (await self._ask(send=calls))["sent"]

    async def send(self, events: Sequence[Logical]) -> dict[str, str]:
        """The messageId of each label, as soon as the SDK has it on the way or put aside."""
        answer = await self._ask(send=[event.request for event in events])
        sent: dict[str, str] = answer["sent"]
        return sent

    async def leave(self) -> None:
        """Walk off to a page of the same site that has no SDK."""
        await self._ask(leave=True)

    async def close(self) -> list[str]:
        """The addresses beyond this machine that a page asked for."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        strays: list[str] = (await self._line())["strays"]
        await self.process.wait()
        return strays


@contextlib.asynccontextmanager
async def chromium(
    hosts: Mapping[str, str] = MappingProxyType({}), home: Path | None = None
) -> AsyncGenerator[Browser]:
    """`hosts`: names that lead to an address and port; `home`: where trusted certificates are."""
    given = {"hosts": dict(hosts), **({"home": str(home)} if home else {})}
    process = await asyncio.create_subprocess_exec(
        shutil.which("node") or "node",
        str(FOLDER / "browser" / "drive.mjs"),
        shutil.which("chromium") or "chromium",
        json.dumps(given),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield Browser(process)
    finally:
        if process.returncode is None:
            process.kill()  # Chromium goes with the pipe between them
            await process.wait()
