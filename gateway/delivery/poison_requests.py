"""Nothing is given up while the destination is down; what alone keeps failing is set aside.

A destination that takes other requests at the same address, and fails on one again and again, fails
because of what is in it. A batch is then halved, as for a refusal; a single event is given up after
an hour.
"""

from __future__ import annotations

from collections import Counter

from gateway.destinations import Draft, Rejected, Request, RetryLater
from gateway.event import Reason

STRIKES = 6
"""Failures of one request before it is suspected."""
OTHERS = 2
"""Successes of others meanwhile. Behind a request that fails only so many events are read."""
GIVE_UP_SECONDS = 3600.0


class Successes:
    """How many requests each address has taken or judged, and who failed meanwhile."""

    def __init__(self) -> None:
        self.at: Counter[str] = Counter()
        self.suspects: dict[tuple[str, int], tuple[float, int]] = {}
        """By address and event: when it first failed, and the successes there until then."""


class PoisonWatch:
    """With one request. What was found out about a batch holds for its halves."""

    def __init__(self, request: Request | Draft, successes: Successes) -> None:
        self._successes = successes
        self._events = [(request.url, event) for event in request.events]
        self._at = request.url
        self._failures = 0
        self._since, self._before = 0.0, 0
        known = [successes.suspects.get(event) for event in self._events]
        self._known = min((one for one in known if one), default=None) if all(known) else None

    def failed(self, failure: RetryLater, now: float) -> RetryLater | Rejected:
        """What to make of one more failure; `now` in monotonic seconds."""
        others = self._successes.at[self._at]
        if not self._failures:
            self._since, self._before = self._known or (now, others)
        self._failures += 1
        if self._failures < STRIKES or others - self._before < OTHERS:
            return failure
        if len(self._events) == 1 and now - self._since < GIVE_UP_SECONDS:
            return failure
        self.ended()
        if len(self._events) > 1:
            suspicion = dict.fromkeys(self._events, (self._since, self._before))
            self._successes.suspects.update(suspicion)
        return Rejected(Reason.GIVEN_UP, None, failure.cause)

    def ended(self) -> None:
        """The request has its verdict."""
        if self._known:
            for event in self._events:
                self._successes.suspects.pop(event, None)
