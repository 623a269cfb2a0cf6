"""The cursor never passes an event that has no outcome.

Events may be settled in any order; `step` gives out the run of settled ones next to the cursor,
each once. So several lanes can work ahead of the lowest event that is still on its way.
"""

from __future__ import annotations

from collections import Counter, deque

from gateway.event import Reason
from gateway.journal import DeadLetter, Step

Outcome = DeadLetter | Reason | None
"""Why an event did not arrive, or None when it did."""


class AckWindow:
    """What is known about the events behind one cursor."""

    def __init__(self, position: int) -> None:
        self.position = position
        self._settled: dict[int, Outcome] = {}
        self._states: deque[tuple[int, str]] = deque()

    def settle(self, sequence: int, outcome: Outcome = None) -> None:
        """Raises ValueError for an event that has its outcome already."""
        if sequence <= self.position or sequence in self._settled:
            raise ValueError(f"event {sequence} was settled before")
        self._settled[sequence] = outcome

    def keep(self, state: str, sequence: int) -> None:
        """Give `state` out with the step that passes `sequence`."""
        self._states.append((sequence, state))

    def step(self) -> Step | None:
        """What became of the events next to the cursor, which then moves past them."""
        delivered = 0
        filtered: Counter[Reason] = Counter()
        dead: list[DeadLetter] = []
        start = self.position
        while (sequence := self.position + 1) in self._settled:
            outcome = self._settled.pop(sequence)
            self.position = sequence
            if outcome is None:
                delivered += 1
            elif isinstance(outcome, DeadLetter):
                dead.append(outcome)
            else:
                filtered[outcome] += 1
        if self.position == start:
            return None
        state = None
        while self._states and self._states[0][0] <= self.position:
            _, state = self._states.popleft()
        return Step(delivered, filtered, dead, state)
