"""A replayed letter has its outcome once: it is pending until that is stored, whatever happens.

Letters go out beside new events, in the order in which they died.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.delivery.ack_window import Outcome
from gateway.delivery.batch import Prepare, Send, as_they_are, carry
from gateway.destinations import Rendered
from gateway.errors import fault
from gateway.event import Reason, StoredEvent
from gateway.journal import Buried, DeadLetter


@dataclass(frozen=True, slots=True)
class Replay:
    """How the letters of one destination go out again."""

    revise: Callable[[StoredEvent], StoredEvent | Reason]
    """An event that may be sent today, or why it may not."""
    render: Callable[[Sequence[StoredEvent]], Rendered]
    prepare: Prepare[StoredEvent] = as_they_are

    async def __call__(
        self, letters: Sequence[Buried], send: Send[StoredEvent]
    ) -> Mapping[int, Outcome]:
        """Try the letters again; what became of each, by its id."""
        outcomes: dict[int, Outcome] = {}
        events: list[StoredEvent] = []
        for letter in letters:
            revision = self._revised(letter.letter)
            if isinstance(revision, StoredEvent):
                events.append(replace(revision, sequence=letter.id))
            else:
                outcomes[letter.id] = revision
        batches: deque[Sequence[StoredEvent]] = deque([events] if events else [])
        while batches:
            result = await carry(batches.popleft(), self.render, send, self.prepare)
            outcomes.update(result.outcomes)
            batches.extendleft(reversed(result.again))
        return outcomes

    def _revised(self, letter: DeadLetter) -> StoredEvent | Reason | DeadLetter:
        if not letter.event.is_readable:
            return replace(letter, reason=Reason.UNREADABLE, detail="its checksum is wrong")
        try:
            return self.revise(letter.event)
        except Exception as error:  # noqa: BLE001 (whatever it is, the event must not travel)
            return DeadLetter(letter.event, Reason.NOT_SCRUBBED, None, fault(error))
