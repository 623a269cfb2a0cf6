"""What ingest asks for, of one snapshot at a time; see `gateway.ingest.IngestBackend`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Literal

from gateway.config.model import AnalyticsJs, GatewaySettings, Limits
from gateway.config.outgoing import Outgoing
from gateway.config.values import Network
from gateway.control import Control
from gateway.event import Protocol
from gateway.health import Health
from gateway.health_watch import HealthWatch
from gateway.ingest import Admission, RateLimit, Sources
from gateway.ingest.asked import UNKNOWN, Asked
from gateway.intake.acceptor import Acceptor
from gateway.pipeline.decide import Rules


class Backend:
    """Settings as they are in force, what all requests share, and where events are taken."""

    def __init__(
        self,
        control: Control,
        acceptor: Acceptor,
        watch: HealthWatch,
        *,
        admission: Admission,
        outgoing: Outgoing,
        seal: bytes,
    ) -> None:
        """`seal`: see `IngestBackend.seal`."""
        self.admission = admission
        self.outgoing = outgoing
        self.seal = seal
        self.rate_limit = RateLimit()
        self.take = acceptor.take
        self.refusals: Counter[tuple[str, str]] = Counter()
        """Requests that were answered with an error since the start, by protocol and code."""
        self.refused_paths: Counter[tuple[str, str, str]] = Counter()
        """The same by the shape of their path, method and code."""
        self._control = control
        self._watch = watch

    @property
    def sources(self) -> Sources:
        return self._control.snapshot.sources

    @property
    def limits(self) -> Limits:
        return self._control.snapshot.limits

    @property
    def trusted_proxies(self) -> Sequence[Network]:
        return self._control.snapshot.trusted_proxies

    @property
    def client_address_headers(self) -> Sequence[str]:
        return self._control.snapshot.client_address_headers

    @property
    def analytics_js(self) -> AnalyticsJs:
        return self._control.snapshot.analytics_js

    @property
    def analytics_js_path(self) -> FilePath | None:
        return self._control.snapshot.analytics_js_path

    @property
    def settings(self) -> GatewaySettings:
        return self._control.snapshot.settings

    @property
    def browser_stop(self) -> str | None:
        return self._control.snapshot.browser_stop

    @property
    def closing(self) -> bool:
        return self._watch.is_stopping

    @property
    def rules(self) -> Rules:
        return self._control.snapshot.rules

    def health(self) -> Health:
        return self._watch.health()

    def refused(
        self, protocol: Protocol | Literal["http"], code: str, asked: Asked = UNKNOWN
    ) -> None:
        self.refusals[protocol, code] += 1
        self.refused_paths[asked.path, asked.method, code] += 1

    @staticmethod
    def now() -> float:
        return time.time()
