"""What one event may cost is bounded, whatever is in it; an event that costs more is not taken.

Work is counted in characters: those that detectors and readers of nested text look at, those of
the values that break a schema, and those of the pointers in the account of the event. Texts nested
in texts are looked at once for each level, so that the size of an event alone bounds nothing.
"""

from __future__ import annotations

from gateway.errors import GatewayError

CHARACTERS = 512 * 1024
"""Eight times the largest event by default; what SDKs send needs one or two."""


class OverBudgetError(GatewayError):
    """An event takes more work than `limits.event_work` allows. The message never quotes it."""


class Budget:
    """What is left for one event."""

    __slots__ = ("_left",)

    def __init__(self, characters: int = CHARACTERS) -> None:
        self._left = characters

    def spend(self, characters: int) -> None:
        """Raises OverBudgetError when there is not so much left."""
        self._left -= characters
        if self._left < 0:
            raise OverBudgetError("the event takes more work than the limit allows")
