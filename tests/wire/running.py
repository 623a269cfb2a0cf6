"""A gateway of the test's own: the real program, with its own ports, configuration and data."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

ROOT = Path(__file__).parent.parent.parent
WRITE_KEY = "wire-test-write-key-0123456789ab"
COMMAND = (sys.executable, "-m", "gateway.cli.main", "run", "--config")
POLL = 0.02  # seconds between two looks at what another process does

Message = dict[str, Any]


async def until(holds: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
    """Return as soon as the condition holds; fail, saying what is missing, when it never does."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while not holds():
        assert clock() < deadline, what()
        await asyncio.sleep(POLL)


@dataclass(slots=True)
class Gateway:
    folder: Path
    port: int
    admin_port: int
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    forgotten: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    async def start(self, before: Sequence[str] = ()) -> None:
        """`before`: a command that starts the program."""
        with (self.folder / "gateway.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *before,
                *COMMAND,
                str(self.folder / "gateway.yaml"),
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        clock = asyncio.get_running_loop().time
        deadline = clock() + 60
        async with aiohttp.ClientSession() as session:
            while not await self._is_ready(session):
                assert self.process.returncode is None, self.log
                assert clock() < deadline, f"never ready\n{self.log}"
                await asyncio.sleep(POLL)

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.admin_url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def stop(self) -> None:
        """As a service manager does it: the gateway finishes what it has begun."""
        await self._end(signal.SIGTERM)
        assert self.process is not None
        assert self.process.returncode == 0, self.log

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(how)
            async with asyncio.timeout(60):
                await self.process.wait()

    def events(self) -> list[Message]:
        """What the file destination holds, oldest first; a line still being written is left out."""
        return [json.loads(line) for line in self._lines()[self.forgotten :]]

    def _lines(self) -> list[bytes]:
        files = sorted((self.data / "events").glob("*.jsonl"))
        return [line for file in files for line in file.read_bytes().split(b"\n")[:-1]]

    def forget(self) -> None:
        """From here on `events` tells only what is still to come."""
        self.forgotten = len(self._lines())

    async def wait_for(
        self, message_ids: Iterable[str], seconds: float = 15
    ) -> dict[str, list[Message]]:
        """The events with these ids, each id's in a list, as soon as all are there."""
        wanted = set(message_ids)
        found: dict[str, list[Message]] = {}

        def are_there() -> bool:
            found.clear()
            for event in self.events():
                found.setdefault(event["messageId"], []).append(event)
            return wanted <= found.keys()

        await until(
            are_there, seconds, lambda: f"missing: {wanted - found.keys()}\nlog:\n{self.log}"
        )
        return found

    def files_with(self, secret: str) -> list[str]:
        """The files under data_dir, and the log, that hold the text in any case or half escaped."""
        spellings = {
            secret.encode(),
            secret.replace("@", "%40").encode(),
            secret.replace("@", "\\u0040").encode(),
        }
        files = [file for file in self.folder.rglob("*") if file.is_file()]
        return [
            str(file.relative_to(self.folder))
            for file in files
            if any(spelling.lower() in file.read_bytes().lower() for spelling in spellings)
        ]

    def has_whole_lines_only(self) -> bool:
        texts = [file.read_bytes() for file in (self.data / "events").glob("*.jsonl")]
        return all(text.endswith(b"\n") for text in texts if text)


@contextlib.contextmanager
def held_ports(count: int) -> Generator[list[int]]:
    """Ports on which nobody listens and that nobody else is given while the context lasts.

    A program may listen on one all the same, if it sets SO_REUSEADDR as servers do.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield [one.getsockname()[1] for one in sockets]


@contextlib.asynccontextmanager
async def running(folder: Path, **settings: Any) -> AsyncGenerator[Gateway]:
    """A gateway with the repository's own policy, routes and schemas; `settings` come on top."""
    with held_ports(2) as [port, admin_port]:
        gateway = Gateway(folder, port, admin_port)
        configuration = {
            "listen": gateway.host,
            "admin": {"listen": f"127.0.0.1:{admin_port}"},
            "data_dir": str(gateway.data),
            "sources": [{"name": "shop", "write_keys": [WRITE_KEY]}],
            "schemas": {"path": str(ROOT / "schemas")},
            "policy": str(ROOT / "config" / "privacy.yaml"),
            "routing": str(ROOT / "config" / "routing.yaml"),
            **settings,
        }
        (folder / "gateway.yaml").write_text(yaml.safe_dump(configuration))
        try:
            await gateway.start()
            yield gateway
        finally:
            await gateway.kill()


def counted(events: Iterable[Message]) -> Counter[str]:
    return Counter(event["messageId"] for event in events)
