"""What one event may cost is bounded, whatever is in it; an event that costs more is not taken.

Work is counted in characters: those that detectors and readers of nested text look at, and those
of the pointers in the account of the event. An event that nests texts in texts is looked at once
for each level, so that its size alone does not bound the work.
"""

from __future__ import annotations

from gateway.privacy.errors import OverBudgetError

CHARACTERS = 512 * 1024
"""Eight times the largest event by default; the shapes that SDKs send need one or two."""


class Budget:
    """What is left for one event."""

    __slots__ = ("_left",)

    def __init__(self, characters: int = CHARACTERS) -> None:
        self._left = characters

    def spend(self, characters: int) -> None:
        """Raises OverBudgetError when there is not so much left."""
        self._left -= characters
        if self._left < 0:
            raise OverBudgetError("more text to look at than the limit allows")
