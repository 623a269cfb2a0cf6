"""Nothing is given up while the destination is down; what alone keeps failing is set aside.

A destination that takes other requests at the same address, and fails on one again and again, fails
because of what is in it. A batch is then halved, as for a refusal; a single event is given up after
an hour.
"""

from __future__ import annotations

from collections import Counter

from gateway.destinations import Rejected, Request, RetryLater
from gateway.event import Reason

STRIKES = 6
"""Failures of one request, and successes of others meanwhile, before it is suspected."""
GIVE_UP_SECONDS = 3600.0


class Successes:
    """How many requests each address has taken or judged."""

    def __init__(self) -> None:
        self.at: Counter[str] = Counter()


class Patience:
    """With one request."""

    def __init__(self, request: Request, successes: Successes) -> None:
        self._request = request
        self._successes = successes
        self._failures = 0
        self._since = self._before = 0.0

    def failed(self, failure: RetryLater, now: float) -> RetryLater | Rejected:
        """What to make of one more failure; `now` in monotonic seconds."""
        others = self._successes.at[self._request.url]
        if not self._failures:
            self._since, self._before = now, others
        self._failures += 1
        if self._failures < STRIKES or others - self._before < STRIKES:
            return failure
        if len(self._request.events) == 1 and now - self._since < GIVE_UP_SECONDS:
            return failure
        return Rejected(Reason.GIVEN_UP, None, failure.cause)
