"""Bytes of any protocol become events here, and nothing a client sends can do anything else.

A protocol is a pure reader, request facts to `Intake`, and its routes, which give each SDK the
answer it expects. Both speak to the rest of the gateway through an `IngestBackend`.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from gateway.config.model import AnalyticsJs, GatewaySettings, Limits
from gateway.config.outgoing import Outgoing
from gateway.config.values import Network
from gateway.event import CleanBytes, Protocol, RawEvent, Reason
from gateway.health import Health
from gateway.ingest.admission import Admission
from gateway.ingest.asked import UNKNOWN, Asked
from gateway.ingest.rate_limit import RateLimit
from gateway.ingest.sources import Sources
from gateway.pipeline.decide import Rules

__all__ = ["Admission", "IngestBackend", "Intake", "Mark", "RateLimit", "Refusal", "Sources"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Events of a readable request that are not taken; the rest of its batch is."""

    source: str
    type: str | None
    reason: Reason
    count: int = 1


Mark = tuple[str, int]
"""A counter of the journal, and by how much it grows."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What one request holds."""

    protocol: Protocol
    events: list[RawEvent]
    refusals: list[Refusal]
    digests: Sequence[bytes | None] = ()
    """Of each event's id, where repeats are looked for; see `gateway.dedup`."""
    marks: Sequence[Sequence[Mark]] = ()
    """Of each event, what grows in the journal if it is accepted: in the same transaction."""
    audit: Sequence[CleanBytes] = ()
    """Lines of the audit that are of no event."""


class IngestBackend(typing.Protocol):
    """What the rest of the gateway offers to ingest. Settings may change between two requests."""

    @property
    def sources(self) -> Sources: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def admission(self) -> Admission:
        """One for all protocols."""
        ...

    @property
    def rate_limit(self) -> RateLimit:
        """One for all protocols."""
        ...

    @property
    def trusted_proxies(self) -> Sequence[Network]: ...

    @property
    def client_address_headers(self) -> Sequence[str]:
        """What they write the address into, the first that is there deciding."""
        ...

    @property
    def outgoing(self) -> Outgoing:
        """How requests of its own leave; its mark on one that comes in tells of a loop."""
        ...

    @property
    def analytics_js(self) -> AnalyticsJs: ...

    @property
    def analytics_js_path(self) -> FilePath | None:
        """`analytics_js.path`, resolved."""
        ...

    @property
    def browser_stop(self) -> str | None:
        """The script that tells analytics.js what to keep to itself; None: nothing."""
        ...

    @property
    def settings(self) -> GatewaySettings:
        """All of gateway.yaml; an extension reads its section."""
        ...

    @property
    def seal(self) -> bytes:
        """The secret that ids are made with for Mixpanel events that have none."""
        ...

    @property
    def closing(self) -> bool:
        """Whether the gateway is stopping: clients get 503 and their connections close."""
        ...

    @property
    def rules(self) -> Rules:
        """What events are decided by."""
        ...

    def now(self) -> float:
        """Epoch seconds."""
        ...

    async def take(self, intake: Intake) -> None:
        """Durable when it returns. Raises JournalError (503)."""
        ...

    def health(self) -> Health:
        """Whether events can be accepted just now."""
        ...

    def refused(
        self,
        protocol: Protocol | typing.Literal["http"],
        code: str,
        asked: Asked = UNKNOWN,
    ) -> None:
        """Count a whole request that was answered with an error. `code` is one of a bounded set."""
        ...
