"""Standard output gets whole lines, and whoever reads it slowly or not at all holds up nobody else.

A pipe takes a piece only where `poll` says that it will; so a reader that stops ends an attempt and
leaves the thread free. The next attempt goes on behind what was written.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from gateway.destinations.contract import Delivered, Rendered, Request, RetryLater
from gateway.destinations.stdout.mapping import lines_of
from gateway.event import StoredEvent
from gateway.jsonl.files import cause

SECONDS = 5.0
"""How long one attempt waits for a reader in all."""

_STDOUT = 1
_TURN = threading.Lock()
"""Two destinations of this type do not write into each other's lines."""


class StdoutDestination:
    """Writes lines in a thread of its own."""

    def __init__(self, name: str, file: int = _STDOUT) -> None:
        self.name = name
        self._file = file
        self._thread = self._new_thread()
        self._begun = b""
        """The body that could only be written in part, if there is one."""
        self._written = 0

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """One write, of one line for each event."""
        sequences = tuple([event.sequence for event in events])
        return Rendered((Request("WRITE", "stdout:", lines_of(events), events=sequences),))

    async def send(self, request: Request) -> Delivered | RetryLater:
        """Write the lines; what is written of them is not written again."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._write, request.body)
        except TimeoutError:
            return RetryLater("timeout")
        except OSError as error:
            return RetryLater(_cause(error))
        return Delivered()

    async def open(self, state: str | None) -> None:
        """There is nothing to take up: a pipe keeps nothing."""

    async def close(self) -> None:
        self._thread.shutdown(wait=False)
        self._thread = self._new_thread()

    def _new_thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, f"stdout-{self.name}")

    def _write(self, body: bytes) -> None:
        deadline = time.monotonic() + SECONDS
        if not _TURN.acquire(timeout=SECONDS):
            raise TimeoutError
        try:
            if self._written and body != self._begun:
                self._put(b"\n", deadline)  # ends the line that broke off
                self._written = 0
            self._begun = body
            while self._written < len(body):
                piece = body[self._written : self._written + select.PIPE_BUF]
                self._written += self._put(piece, deadline)
            self._begun, self._written = b"", 0
        finally:
            _TURN.release()

    def _put(self, piece: bytes, deadline: float) -> int:
        """Raises TimeoutError where nobody reads by then, and OSError."""
        poll = select.poll()
        poll.register(self._file, select.POLLOUT)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        try:
            return os.write(self._file, piece)
        except BlockingIOError:
            return 0


def _cause(error: OSError) -> str:
    if error.errno in (errno.EPIPE, errno.EBADF):
        return "nobody reads standard output"
    return cause(error)
