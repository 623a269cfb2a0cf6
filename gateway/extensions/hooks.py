"""Where an extension takes part: at ingest, behind the journal, on the admin listener, in commands.

Behind the journal an extension sees clean events, as every consumer does. Its screen sees raw ones:
it may hold some back and mark others, and keeps, logs and sends nothing of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Protocol

from aiohttp import web

from gateway.admin.html import PageLink
from gateway.admin.metrics import Metric
from gateway.config import Configuration
from gateway.config.model import GatewaySettings
from gateway.delivery import Feed, Sink
from gateway.event import StoredEvent
from gateway.ingest import IngestBackend, Intake
from gateway.intake import Screen
from gateway.journal import Journal, Stream
from gateway.samples import Counts


class Host(Protocol):
    """What a running gateway offers to its extensions."""

    @property
    def settings(self) -> GatewaySettings:
        """Those in force."""
        ...

    @property
    def data_dir(self) -> FilePath: ...

    @property
    def counters(self) -> Mapping[str, int]:
        """Of the journal."""
        ...

    def now(self) -> float:
        """Epoch seconds."""
        ...

    def pseudonym(self, text: str) -> str:
        """What stands for a text and this installation alone can make; no rotation changes it."""
        ...

    async def marked(self, counters: Sequence[str]) -> set[str]:
        """Those of the counters that the journal has. Raises JournalError."""
        ...

    async def add(self, intake: Intake) -> None:
        """Take events of the extension's own, which come once. Raises JournalError."""
        ...


@dataclass(frozen=True, slots=True)
class Consumer:
    """A reader of the journal that is no destination."""

    name: str
    """Ends in `/`, as no destination is called."""
    stream: Stream
    make: Callable[[Journal, FilePath], tuple[Feed[StoredEvent], Sink[StoredEvent]]]
    """From the journal and `data_dir`."""

    def __post_init__(self) -> None:
        if not self.name.endswith("/"):
            raise ValueError(f"a destination could be called `{self.name}`; end the name with /")


def _no_routes(_app: web.Application, _backend: IngestBackend) -> None:
    return None


async def _no_counts(_host: Host) -> Counts:
    return Counts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Each is called for every gateway that runs, or by the commands that it names."""

    routes: Callable[[web.Application, IngestBackend], None] = _no_routes
    """Adds routes of SDK traffic."""
    screen: Callable[[Host], Screen] | None = None
    """Looks at every intake before it is decided. What it holds back becomes a refusal, so that all
    is counted. It is called for each request, so it is fast."""
    tasks: Callable[[Host], Mapping[str, Coroutine[Any, Any, None]]] = lambda _: {}
    """What runs as long as the gateway does, by name: started once it is open, cancelled before it
    closes."""
    consumers: tuple[Consumer, ...] = ()
    """What reads the journal."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """Its folders below `data_dir`, and the part of the data that each is counted as."""
    metrics: tuple[Metric, ...] = ()
    """The metrics that `counts` has values of."""
    counts: Callable[[Host], Awaitable[Counts]] = _no_counts
    """What it adds to the status and the metrics."""
    pages: tuple[PageLink, ...] = ()
    """Its pages in the navigation of the admin listener."""
    admin: Callable[[Host], Sequence[web.RouteDef]] = lambda _: ()
    """Pages and API. Only who may see the admin listener reaches them."""
    explain: Callable[[bytes, Any, GatewaySettings], Intake | None] = lambda _body, _value, _: None
    """Reads the bytes, and the JSON, that `gateway explain` was given as its own routes would; None
    where they are not its own."""
    erase: Callable[[FilePath, frozenset[str]], Mapping[str, int]] = lambda _data_dir, _ids: {}
    """Takes the person whom these texts stand for out of what it keeps below `data_dir`, for good;
    how many entries that were, by place. Blocks; no consumer is open meanwhile."""
    notes: Callable[[Configuration], Iterable[str]] = lambda _: ()
    """What `gateway check` should point out."""
