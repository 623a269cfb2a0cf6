"""Each event is in the files once and on a whole line, whatever instant the gateway died at.

The state that goes with the cursor is the length of the file; see `gateway.jsonl.files`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from gateway.clock import Clock
from gateway.destinations.contract import Delivered, Rendered, Request, RetryLater
from gateway.destinations.jsonl.mapping import same_event, segment_line
from gateway.destinations.jsonl.settings import FileSettings as Settings
from gateway.errors import DestinationError
from gateway.event import StoredEvent
from gateway.jsonl.files import LineFiles, cause


class Item(Protocol):
    """An event, or a line of the audit."""

    @property
    def sequence(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def is_readable(self) -> bool: ...


ItemT = TypeVar("ItemT", bound=Item)
Result = TypeVar("Result")


def file_destination(
    name: str, settings: Settings, data_dir: Path, clock: Clock | None = None
) -> FileDestination[StoredEvent]:
    """The destination that routing.yaml describes."""
    files = LineFiles(
        data_dir / settings.path,
        rotate_bytes=settings.rotate_bytes,
        keep_days=settings.keep_days,
        clock=clock,
        same=same_event,
    )
    return FileDestination(name, files, segment_line)


def audit_line(item: Item) -> bytes:
    return item.body


class FileDestination(Generic[ItemT]):
    """Appends lines to the files of one folder, in a thread of its own."""

    def __init__(self, name: str, files: LineFiles, line: Callable[[ItemT], bytes]) -> None:
        self.name = name
        self._files = files
        self._line = line
        self._thread = self._new_thread()

    def render(self, events: Sequence[ItemT]) -> Rendered:
        """One append, of one line for each event."""
        lines = [self._line(event) for event in events]
        lines.append(b"")
        request = Request(
            "APPEND",
            f"file:{self._files.folder}/",
            b"\n".join(lines),
            events=tuple([event.sequence for event in events]),
        )
        return Rendered((request,))

    async def send(self, request: Request) -> Delivered | RetryLater:
        """Append the lines durably; of lines that could not be appended none stays in a file."""
        try:
            return Delivered(await self._in_thread(self._files.append, request.body))
        except OSError as error:
            return RetryLater(cause(error))

    async def open(self, state: str | None) -> str:
        """Go on behind `state`. Raises DestinationError."""
        try:
            return await self._in_thread(self._files.open, state)
        except OSError as error:
            raise DestinationError(cause(error)) from None

    async def close(self) -> None:
        with suppress(OSError):
            await self._in_thread(self._files.close)
        self._thread.shutdown(wait=False)
        self._thread = self._new_thread()

    def _new_thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, f"files-{self.name}")

    async def _in_thread(self, call: Callable[..., Result], *given: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *given)
