"""What a destination is: a declaration, and what it makes of events, of a batch at a time.

`render` turns clean events into requests without sending anything, the very ones that
`gateway explain` shows. `send` carries one request and says what became of each event in it.
Between the two stands the egress guard: what it has read is what `send` gets. Neither retries,
waits or decides: delivery does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar, get_args

from gateway.clock import Clock
from gateway.config.model import GatewaySettings
from gateway.config.outgoing import Outgoing
from gateway.config.routing import Common, Guarded
from gateway.event import Reason, StoredEvent


@dataclass(frozen=True, slots=True)
class Request:
    """What goes out, byte for byte. `secrets` names the headers with credentials."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset({"Authorization"})
    events: tuple[int, ...] = ()
    """Sequences of the events in it; one event may need several requests."""
    context: Any = None
    """What `send` needs to read the answer, such as whose record is which."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that is finished when it is sent: it says when that is, or is costly to build."""

    url: str
    events: tuple[int, ...]
    finish: Callable[[], Request]
    """Builds the request; sends nothing. Delivery may call it in a thread."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one batch of events becomes: requests in the order they must be sent, and the rest."""

    requests: tuple[Request | Draft, ...]
    filtered: Mapping[int, Reason] = field(default_factory=dict)
    """Events the vendor has no place for."""
    left_out: Mapping[int, Mapping[str, Reason]] = field(default_factory=dict)
    """Of events that are sent, the parts that the vendor would refuse."""


def finished(request: Request | Draft) -> Request:
    """The request as it would leave at this moment."""
    return request.finish() if isinstance(request, Draft) else request


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
    """What a destination of routing.yaml does. It is used by one delivery at a time."""

    name: str

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """Pure. Events are in order, and their pseudonyms are already this destination's own."""
        ...

    async def send(self, request: Request) -> Verdict:
        """One attempt, bounded in time. Raises nothing that a vendor or a disk can cause.

        What leaves is the request's bytes, as they are.
        """
        ...

    async def open(self, state: str | None) -> str | None:
        """Take up where `state`, the last one that was kept, left off.

        Returns the state to keep before the first `send`, if there is any. Raises DestinationError.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor makes of a deletion."""

    state: Literal["accepted", "done", "pending", "failed"]
    """`accepted`: it will delete them. `pending`: it could not be asked; ask again. `failed`: only
    a person can help."""
    job: str = ""
    """What the vendor calls the deletion."""
    cause: str = ""
    """Why it is pending or failed, and what to do about it."""
    after: float | None = None
    """Seconds after which to ask again, where the vendor said so."""


class Deletion(Protocol):
    """The deletion API of one vendor, with one destination's account."""

    async def ask(self, ids: Sequence[str], *, suppress: bool) -> Answer:
        """Have these ids deleted, and refused from now on where `suppress`."""
        ...

    async def status(self, job: str) -> Answer:
        """How far a deletion is."""
        ...


class BodyFormat(StrEnum):
    """How a destination's bodies are written; the egress guard reads them so, and in no other way.

    `Content-Encoding: gzip` may be around each of them.
    """

    JSON = "JSON"
    JSON_LINES = "JSON lines"
    FORM_JSON = "a form with JSON in `data`"
    FORM_BASE64 = "a form with base64 of JSON in `data`"


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a destination can be reached, in a sentence; with a remedy it cannot."""

    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """How a destination wants to be served."""

    lanes: int = 1
    """Requests on their way at once at most. A destination that keeps a state needs one lane."""
    batch: int = 500
    """Events that are rendered together at most."""
    pieces: int = 8
    """Pieces of a megabyte read and not yet settled at most."""
    interval: float = 0
    """Seconds between two deliveries. 0: as events come."""
    gives_up: bool = True
    """Whether an event that alone keeps failing becomes a dead letter."""
    user: Callable[[StoredEvent], str] | None = None
    """Whose events stay in order; None: those of the event's own user."""


SettingsT = TypeVar("SettingsT", bound=Common)


@dataclass(frozen=True, slots=True)
class Opening(Generic[SettingsT]):
    """What there is to make a destination of."""

    name: str
    """Its name in routing.yaml."""
    settings: SettingsT
    outgoing: Outgoing
    """How its requests leave."""
    data_dir: Path
    clock: Clock
    gateway: GatewaySettings


@dataclass(frozen=True, slots=True)
class Example:
    """A destination of this type as a test has it, and a server that takes what it sends."""

    settings: Mapping[str, Any]
    """As in routing.yaml, without `type`, and without `host` or `url`."""
    answer: str = ""
    """The body with which such a server says that it has a request's events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationType(Generic[SettingsT]):
    """All that the gateway knows of one type of destination. Every part is required.

    The declaration is loaded to read a configuration, so it must not load a vendor's package: what
    `make` and `probe` need, they import when they are called.
    """

    name: str
    """The `type` in routing.yaml."""
    settings: type[SettingsT]
    """What may stand beside `type`; a subclass of Guarded, or of Vendor."""
    make: Callable[[Opening[SettingsT]], Destination]
    """The destination, not yet open. Blocks for no disk and no network."""
    probe: Callable[[SettingsT, Outgoing], Awaitable[Probe]]
    """Asks whether it can be reached, for `gateway doctor`, and sends no event."""
    integration: tuple[str, ...]
    """What `integrations` objects usually call it, the newest name first; its name in routing.yaml
    always counts, too."""
    body: BodyFormat | None
    """How its bodies are written. None, without a guard, is for what writes below `data_dir`."""
    service: Callable[[SettingsT], Service]
    """How it is served."""
    secrets: frozenset[str]
    """The members of its bodies that `gateway explain` masks: keys and tokens."""
    deletion: Callable[[str, SettingsT, Outgoing], Deletion | None] | None
    """The vendor's deletion API, from name, settings and way out; nothing where the settings name
    no account for it. None: the vendor has none."""
    example: Example
    """Tests send every message type of every protocol through it."""

    def __post_init__(self) -> None:
        field = self.settings.model_fields.get("type")
        if field is None or get_args(field.annotation) != (self.name,):
            raise ValueError(f"the settings of `{self.name}` do not say `type: {self.name}`")
        if (self.body is not None) != issubclass(self.settings, Guarded):
            raise ValueError(f"`{self.name}` needs a body format and guarded settings, or neither")
        if self.body is None and self.settings.folder is Common.folder:
            raise ValueError(f"`{self.name}` sends something, so it needs a body format")
