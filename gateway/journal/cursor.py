"""A cursor moves by exactly what it counts.

    position = started + delivered + filtered + dead + replaying

So `accepted - started = delivered + filtered + dead + pending` cannot fail to hold: the position is
never stored apart from the counts it is made of. What is replayed is pending again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.event import Reason, StoredEvent
from gateway.journal.block import Stream


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a destination will never take, and why."""

    event: StoredEvent = field(repr=False)
    reason: Reason
    status: int | None
    detail: str  # bounded and clean


@dataclass(frozen=True, slots=True)
class Buried:
    """A dead letter where it is kept."""

    id: int
    destination: str
    died_at: float  # epoch seconds
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class Step:
    """What became of the next events behind a cursor; `state` None leaves the state as it is."""

    delivered: int = 0
    filtered: Mapping[Reason, int] = field(default_factory=dict)
    dead: Sequence[DeadLetter] = ()
    state: str | None = None

    @property
    def events(self) -> int:
        return self.delivered + sum(self.filtered.values()) + len(self.dead)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of replayed letters, by their id: a new death, a reason, or None for arrived."""

    outcomes: Mapping[int, DeadLetter | Reason | None]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far one consumer is, and what became of every event it passed."""

    name: str
    stream: Stream
    started: int  # the head when the consumer was added
    delivered: int = 0
    filtered: Mapping[Reason, int] = field(default_factory=dict)
    dead: Mapping[Reason, int] = field(default_factory=dict)
    state: str | None = None
    replaying: int = 0
    """Dead letters that are to be tried again."""

    @property
    def position(self) -> int:
        """The sequence of the last event it has passed."""
        settled = self.delivered + sum(self.filtered.values()) + sum(self.dead.values())
        return self.started + settled + self.replaying

    def after(self, step: Step) -> Cursor:
        return replace(
            self,
            delivered=self.delivered + step.delivered,
            filtered=_sum(self.filtered, step.filtered.items()),
            dead=_sum(self.dead, ((letter.reason, 1) for letter in step.dead)),
            state=self.state if step.state is None else step.state,
        )

    def reviving(self, letters: Mapping[Reason, int]) -> Cursor:
        """With so many dead letters of each reason to be tried again."""
        dead = _sum(self.dead, ((reason, -count) for reason, count in letters.items()))
        return replace(
            self,
            dead={reason: count for reason, count in dead.items() if count},
            replaying=self.replaying + sum(letters.values()),
        )

    def erasing(self, count: int) -> Cursor:
        """With so many replayed letters erased. The position stays."""
        return replace(
            self,
            filtered=_sum(self.filtered, [(Reason.ERASED, count)]),
            replaying=self.replaying - count,
        )

    def settling(self, settlement: Settlement) -> Cursor:
        """With these replayed letters done with. The position stays."""
        outcomes = settlement.outcomes.values()
        filtered = [outcome for outcome in outcomes if isinstance(outcome, Reason)]
        dead = [outcome.reason for outcome in outcomes if isinstance(outcome, DeadLetter)]
        return replace(
            self,
            delivered=self.delivered + len(outcomes) - len(filtered) - len(dead),
            filtered=_sum(self.filtered, ((reason, 1) for reason in filtered)),
            dead=_sum(self.dead, ((reason, 1) for reason in dead)),
            replaying=self.replaying - len(outcomes),
        )


def _sum(counts: Mapping[Reason, int], more: Iterable[tuple[Reason, int]]) -> Mapping[Reason, int]:
    total = dict(counts)
    for reason, count in more:
        total[reason] = total.get(reason, 0) + count
    return total
