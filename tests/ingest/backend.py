"""A door that keeps what is taken, and a server of its routes on a loopback port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from aiohttp import web

from gateway.config.model import AnalyticsJs, GatewaySettings, Limits, Source
from gateway.config.outgoing import Outgoing
from gateway.config.values import Network
from gateway.event import Message, Protocol, RawEvent
from gateway.health import Health
from gateway.ingest import Admission, Intake, RateLimit, Refusal, Sources, health, unrouted
from gateway.ingest.app import runner
from gateway.ingest.asked import UNKNOWN, Asked
from gateway.ingest.mixpanel import routes as mixpanel_routes
from gateway.ingest.segment import routes as segment_routes
from gateway.pipeline.decide import Rules
from gateway.process.connections import Connections
from gateway.process.web_server import Listening

KEY = "demo-write-key"
NOW = 1_795_420_264.317
"""2026-11-23T07:51:04.317Z"""


class RecordingDoor:
    """Takes every intake, unless `fails` says what to raise instead."""

    def __init__(
        self, *sources: Source, accept_unknown: bool = False, protocol: Protocol = "segment"
    ) -> None:
        self.protocol = protocol
        given = sources or (Source(name="demo", write_keys=(KEY,)),)
        self.sources = Sources(given, accept_unknown=accept_unknown)
        self.limits = Limits()
        self.admission = Admission(2**26)
        self.rate_limit = RateLimit()
        self.trusted_proxies: Sequence[Network] = ()
        self.client_address_headers: Sequence[str] = ("Forwarded", "X-Forwarded-For")
        self.outgoing = Outgoing()
        self.analytics_js = AnalyticsJs()
        self.analytics_js_path: Path | None = None
        self.settings = GatewaySettings(unknown_keys="accept")
        self.browser_stop: str | None = None
        self.seal = b"a secret"
        self.closing = False
        self.fails: Exception | None = None
        self.held: asyncio.Event | None = None
        self.entered = asyncio.Event()
        self.intakes: list[Intake] = []
        self.codes: list[str] = []
        self.refused_requests: list[tuple[str, str, str]] = []
        """Path, method and code of each."""

    @property
    def rules(self) -> Rules:
        raise NotImplementedError("no route of a protocol decides")

    def now(self) -> float:
        return NOW

    async def take(self, intake: Intake) -> None:
        self.entered.set()
        if self.held:
            await self.held.wait()
        if self.fails:
            raise self.fails
        self.intakes.append(intake)

    def health(self) -> Health:
        return Health(str(self.fails) if self.fails else None)

    def refused(
        self, protocol: Protocol | Literal["http"], code: str, asked: Asked = UNKNOWN
    ) -> None:
        assert protocol in (self.protocol, "http")
        self.codes.append(code)
        self.refused_requests.append((*asked, code))

    @property
    def events(self) -> list[RawEvent]:
        return [event for intake in self.intakes for event in intake.events]

    @property
    def messages(self) -> list[Message]:
        return [event.message for event in self.events]

    @property
    def refusals(self) -> list[Refusal]:
        return [refusal for intake in self.intakes for refusal in intake.refusals]


@asynccontextmanager
async def serving(door: RecordingDoor) -> AsyncIterator[str]:
    """The URL of a server with the routes, on the runner that the gateway uses."""
    app = web.Application()
    health.add_routes(app, door)
    segment_routes.add_routes(app, door)
    mixpanel_routes.add_routes(app, door)
    unrouted.add_routes(app, door)
    connections = Connections(1000, 1000)
    served = runner(app, Listening(connections, lambda: door.limits.header_seconds, lambda: None))
    await served.setup()
    try:
        await web.TCPSite(served, "127.0.0.1", 0).start()
        port = served.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await served.cleanup()
