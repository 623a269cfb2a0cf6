"""Every destination has the same two halves: a pure `render` and a `send` that makes one attempt.

`render` turns clean events into requests, the very ones `gateway explain` shows. `send` carries one
request and says what became of each event in it. Neither retries, waits or decides: delivery does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.event import Reason, StoredEvent


@dataclass(frozen=True, slots=True)
class Request:
    """What goes out: bytes that can be shown. `secrets` names the headers that `explain` masks."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset({"Authorization"})
    events: tuple[int, ...] = ()
    """Sequences of the events in it; one event may need several requests."""
    context: Any = None
    """What `send` needs beside the bytes, such as the records for a vendor's own SDK call."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one batch of events becomes: requests in the order they must be sent, and the rest."""

    requests: tuple[Request, ...]
    filtered: Mapping[int, Reason] = field(default_factory=dict)
    """Events the vendor has no place for."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The vendor has every event of the request."""

    state: str | None = None
    """What the destination wants back when it is opened again; kept with its cursor. Only of use
    where one lane carries all events in order."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Nothing is known to have arrived; the same request may be sent again."""

    cause: str  # clean and bounded: `http 503`, `timeout`, `disk full`
    after: float | None = None  # seconds, when the vendor said so


@dataclass(frozen=True, slots=True)
class Rejected:
    """The vendor will never take some events of the request. The others have arrived, or not.

    `events` names the refused ones; empty means that the vendor did not say which.
    """

    reason: Reason
    status: int | None
    detail: str  # the vendor's words, bounded, without values
    events: Mapping[int, str] = field(default_factory=dict)
    others_arrived: bool = False


Verdict = Delivered | RetryLater | Rejected


class Destination(Protocol):
    """One file of this folder implements it for one kind of vendor."""

    name: str

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """Pure. Events are in order, and their pseudonyms are already this destination's own."""
        ...

    async def send(self, request: Request) -> Verdict:
        """One attempt, bounded in time. Raises nothing that a vendor or a disk can cause."""
        ...

    async def open(self, state: str | None) -> str | None:
        """Take up where `state`, the last one that was kept, left off.

        Returns the state to keep before the first `send`, if there is any. Raises DestinationError.
        """
        ...

    async def close(self) -> None: ...
