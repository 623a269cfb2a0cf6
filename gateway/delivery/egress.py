"""The last look at what leaves: nothing that a detector knows, unless today's policy lets it.

Rendering could bring back what the policy took out, or a policy may have been tightened since the
event was stored. What the detectors find in a finished request counts as a leak unless the policy,
asked once more, leaves that very text in one of the request's events: a `keep`, or a `client_ip`
that may leave.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

import structlog

from gateway.destinations import Rejected, Request
from gateway.destinations.egress import EgressGuard, Value, values_in
from gateway.event import Message, Reason, StoredEvent

TELL_SECONDS = 60.0
"""How often the log says at most that something would have leaked."""
THREAD_BYTES = 32 * 1024
"""A larger body is read in a thread: half a megabyte takes 10 ms."""

log = structlog.get_logger(__name__)


class Permits(Protocol):
    """Today's policy."""

    def __call__(self, event: StoredEvent, /) -> Message:
        """What it leaves of an event. May raise."""


class Egress:
    """Guards one destination."""

    def __init__(
        self,
        destination: str,
        mode: Literal["warn", "block"],
        guard: Callable[[], EgressGuard],
        permits: Permits,
    ) -> None:
        """`guard` gives the one that fits the policy in force."""
        self.leaks: Counter[str] = Counter()
        """How many leaks of each kind were found since the start."""
        self._destination = destination
        self._mode = mode
        self._guard = guard
        self._permits = permits
        self._told_at = -TELL_SECONDS

    async def refusal(self, request: Request, events: Sequence[StoredEvent]) -> Rejected | None:
        """Why the request must not be sent as it is, or None. It names no event: delivery finds it.

        A leak is counted once, where it is known which event it is in.
        """
        if len(request.body) > THREAD_BYTES:
            found = await asyncio.to_thread(self._look, request, events)
        else:
            found = self._look(request, events)
        if not found:
            return None
        kinds = ", ".join(sorted(found))
        if self._mode == "warn" or len(request.events) == 1:
            self.leaks.update(found)
            self._tell(kinds)
        return Rejected(Reason.LEAK, None, kinds) if self._mode == "block" else None

    def _look(self, request: Request, events: Sequence[StoredEvent]) -> Counter[str]:
        guard = self._guard()
        if not guard.leaks(request):
            return Counter()
        return guard.leaks(request, spared=self._permitted(events))

    def _permitted(self, events: Iterable[StoredEvent]) -> frozenset[Value]:
        permitted: set[Value] = set()
        for event in events:
            try:
                permitted |= values_in(self._permits(event))
            except Exception:  # noqa: BLE001, S112 (what the policy cannot judge it does not permit)
                continue
        return frozenset(permitted)

    def _tell(self, kinds: str) -> None:
        if time.monotonic() - self._told_at > TELL_SECONDS:
            self._told_at = time.monotonic()
            log.error("a request held what the policy removes", destination=self._destination,
                      kinds=kinds, mode=self._mode)  # fmt: skip
