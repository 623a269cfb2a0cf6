"""The last look at what leaves: nothing that a detector knows, unless today's policy lets it.

Rendering could bring back what the policy took out, or a policy may have been tightened since the
event was stored. What the detectors find in a finished request counts as a leak unless the policy,
asked once more, leaves that very text in one of the request's events: a `keep`, or a `client_ip`
that may leave. A request that it cannot read does not leave either, whatever `egress` says.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol

import structlog

from gateway.destinations import BodyFormat, Draft, Rejected, Request, finished
from gateway.destinations.bodies import UnreadableError
from gateway.destinations.egress_guard import EgressGuard, Value, values_in
from gateway.errors import fault
from gateway.event import Message, Reason, StoredEvent

TELL_SECONDS = 60.0
"""How often the log says at most that something was held back."""
THREAD_BYTES = 32 * 1024
"""Larger requests are built and read in a thread: half a megabyte takes 10 ms."""

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
        body: BodyFormat,
        *,
        guard: Callable[[], EgressGuard],
        permits: Permits,
        configured: Iterable[str] = (),
    ) -> None:
        """`guard` gives the one that fits the policy in force.

        `configured` are the destination's own settings, which may stand in address and headers.
        """
        self.leaks: Counter[str] = Counter()
        """How many leaks of each kind were found since the start."""
        self._destination = destination
        self._mode = mode
        self._body = body
        self._guard = guard
        self._permits = permits
        self._configured = tuple(configured)
        self._told_at = -TELL_SECONDS

    async def passed(
        self, request: Request | Draft, events: Sequence[StoredEvent]
    ) -> Request | Rejected:
        """The finished request, which may be sent as it is, or why it must not.

        A refusal names no event: delivery finds it. A leak is counted once, where it is known which
        event it is in.
        """
        if sum(len(event.body) for event in events) > THREAD_BYTES:
            return self._judged(*await asyncio.to_thread(self._read, request, events))
        return self._judged(*self._read(request, events))

    def _read(
        self, request: Request | Draft, events: Sequence[StoredEvent]
    ) -> tuple[Request | Rejected, Counter[str]]:
        """The request, with what leaks in it; it is built here, so that no other is sent."""
        found: Counter[str] = Counter()
        try:
            ready = finished(request)
        except Exception as error:  # noqa: BLE001 (one event must not stop the rest)
            return Rejected(Reason.UNRENDERABLE, None, fault(error)), found
        guard = self._guard()
        try:
            if guard.leaks(ready, self._body, self._configured):
                spared = self._permitted(events)
                found = guard.leaks(ready, self._body, self._configured, spared)
        except UnreadableError as error:
            return Rejected(Reason.UNCHECKED, None, str(error)), found
        except Exception as error:  # noqa: BLE001 (what breaks the guard has not passed it)
            return Rejected(Reason.UNCHECKED, None, fault(error)), found
        return ready, found

    def _judged(self, ready: Request | Rejected, found: Counter[str]) -> Request | Rejected:
        if isinstance(ready, Rejected):
            if ready.reason is Reason.UNCHECKED:
                self._log("a request cannot be read by the egress guard", cause=ready.detail)
            return ready
        if not found:
            return ready
        kinds = ", ".join(sorted(found))
        if self._mode == "warn" or len(ready.events) == 1:
            self.leaks.update(found)
            self._log("a request contained what the policy removes", kinds=kinds, mode=self._mode)
        return Rejected(Reason.LEAK, None, kinds) if self._mode == "block" else ready

    def _permitted(self, events: Iterable[StoredEvent]) -> frozenset[Value]:
        permitted: set[Value] = set()
        for event in events:
            try:
                permitted |= values_in(self._permits(event))
            except Exception:  # noqa: BLE001, S112 (what the policy cannot judge it does not permit)
                continue
        return frozenset(permitted)

    def _log(self, what: str, **more: str) -> None:
        if time.monotonic() - self._told_at > TELL_SECONDS:
            self._told_at = time.monotonic()
            log.error(what, destination=self._destination, **more)
