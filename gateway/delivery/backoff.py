"""Waiting grows twofold with each failure, up to a ceiling, and no two clients wait alike.

Full jitter: a time drawn evenly from nothing to the ceiling spreads the retries of many senders
best. What the vendor asked for is never undercut.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_ASKED_SECONDS = 3600.0
"""A vendor that asks for more is tried again after this."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds: the ceiling after the first failure, and the highest ceiling."""

    first: float = 0.5
    most: float = 60.0

    def delay(self, failures: int, drawn: float, after: float | None = None) -> float:
        """How long to wait after `failures` in a row (from 1). `drawn` is random in [0, 1)."""
        ceiling = min(self.most, self.first * 2.0 ** min(failures - 1, 60))
        asked = min(max(after or 0.0, 0.0), MOST_ASKED_SECONDS)
        return asked + drawn * ceiling
