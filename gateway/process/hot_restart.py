"""A restart refuses nobody: the old program answers what it was asked, the rest waits for the new.

The new program is tried before the old one stops. It is the same process: it keeps its number, its
listening sockets and whatever a service manager knows of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import NoReturn

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import GatewayError
from gateway.process import sockets as listeners
from gateway.process.web_server import Runner

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)
"""What the process listens to; while it changes programs they wait."""

_LINGER_SECONDS = 1.0
"""How long a kept-alive connection has for a last request that is answered with a goodbye."""
_LOOK_SECONDS = 0.02


class RestartError(GatewayError):
    """The program would not start again as things are, so it goes on as it is."""


class ConnectionCloser:
    """Whether answers say goodbye: from then on each closes its connection."""

    def __init__(self) -> None:
        self.leaving = False

    async def say(self, _: web.Request, response: web.StreamResponse) -> None:
        """For `on_response_prepare`."""
        if self.leaving:
            response.headers["Connection"] = "close"
            response.force_close()

    @web.middleware
    async def send_on(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Who asks for a page of the old program over an old connection asks the new one again."""
        if (
            self.leaving
            and request.method == "GET"
            and "text/html" in request.headers.get("Accept", "")
        ):
            return web.Response(status=303, headers={"Location": request.path_qs})
        return await handler(request)


async def tried(file: FilePath, environment: Mapping[str, str]) -> None:
    """Let the program that would start look at its files. Raises RestartError."""
    command = [sys.executable, "-m", "gateway.cli.main", "check", "--config", str(file)]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise RestartError(f"the new program cannot be tried: {error.strerror}") from None
    _, complaint = await process.communicate()
    if process.returncode:
        raise RestartError(complaint.decode(errors="replace").strip())


async def quiet(runner: Runner) -> None:
    """Answer until those who are connected have had their last answer; then take no connection.

    What stays silent for a second is let go.
    """
    earlier = _connections(runner)
    await _gone(runner, earlier)
    for site in runner.sites:
        await site.stop()
    await asyncio.sleep(_LOOK_SECONDS)  # what was accepted a moment ago becomes a connection
    await _gone(runner, _connections(runner) - earlier)


async def _gone(runner: Runner, connections: set[object]) -> None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + _LINGER_SECONDS
    while connections & _connections(runner) and clock() < deadline:  # noqa: ASYNC110 (no event tells)
        await asyncio.sleep(_LOOK_SECONDS)


def _connections(runner: Runner) -> set[object]:
    return set(runner.listening.connections)


def hold_signals() -> None:
    """From here until `hear_signals` in the next program they wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def hear_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def become_new(sockets: listeners.Sockets, environment: Mapping[str, str]) -> NoReturn:
    """Start the program again in this process, as it was started."""
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = [sys.executable, *sys.orig_argv[1:]]
    handed = {listeners.VARIABLE: listeners.handed_over(sockets)}
    os.execve(sys.executable, arguments, {**environment, **handed})  # noqa: S606 (as it was started)
