"""One consumer's items, made such as the policy in force would have them, just before they leave.

What that removed stands in the audit, a line for each event, and is counted.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import structlog

from gateway.delivery.ack_window import Outcome
from gateway.delivery.batch import ItemT
from gateway.delivery.policy_in_force import is_current, today
from gateway.errors import JournalError, fault
from gateway.event import Reason, StoredEvent
from gateway.journal import AppendLog, DeadLetter, encoded
from gateway.pipeline import audit_line
from gateway.pipeline.account import Account
from gateway.pipeline.decide import Rules

_FEW = 20
"""Events that are scrubbed on the event loop; more of them take a thread."""
_MOST_KNOWN = 10_000

log = structlog.get_logger(__name__)


class Policing(Protocol[ItemT]):
    """Holds the items of a consumer to a policy."""

    scrubbed: int
    """Older items from which something was removed, since the start."""

    def is_current(self, items: Sequence[ItemT], /) -> bool:
        """Whether what was prepared may still leave."""
        ...

    async def prepare(
        self, items: Sequence[ItemT], /
    ) -> tuple[Sequence[ItemT], Mapping[int, Outcome]]:
        """The items as they may leave now; of those that may not, their outcomes."""
        ...


class _Made(NamedTuple):
    events: Sequence[StoredEvent]
    accounts: Mapping[int, Account]
    failed: Mapping[int, str]


@dataclass(slots=True)
class Rescrub:
    """Of one consumer of events."""

    consumer: str
    rules: Callable[[], Rules]
    journal: AppendLog
    unable: Callable[[StoredEvent], Outcome]
    """What becomes of an event that cannot be read; the same becomes of one without a policy."""
    scrubbed: int = 0
    _accounted: OrderedDict[tuple[int, str], str] = field(default_factory=OrderedDict)
    """Under which revision the audit has an event. A batch that is halved is prepared again."""

    def is_current(self, events: Sequence[StoredEvent]) -> bool:
        rules = self.rules()
        return all(is_current(event, rules) for event in events)

    async def prepare(
        self, events: Sequence[StoredEvent]
    ) -> tuple[Sequence[StoredEvent], Mapping[int, Outcome]]:
        rules = self.rules()
        old = sum(not is_current(event, rules) for event in events)
        if not old and not any(event.overlays for event in events):
            return events, {}
        if old > _FEW:
            made = await asyncio.to_thread(self._made, events, rules)
        else:
            made = self._made(events, rules)
        if made.accounts:
            await self._account(events, made.accounts, rules)
        for cause in set(made.failed.values()):
            log.error("the policy in force failed", consumer=self.consumer, fault=cause)
        failed = {event.sequence: event for event in events if event.sequence in made.failed}
        return made.events, {n: self._refused(event) for n, event in failed.items()}

    def _made(self, events: Iterable[StoredEvent], rules: Rules) -> _Made:
        ready: list[StoredEvent] = []
        accounts: dict[int, Account] = {}
        failed: dict[int, str] = {}
        for event in events:
            try:
                own, account = today(event, self.consumer, rules)
            except Exception as error:  # noqa: BLE001 (whatever it is, the event must not travel)
                failed[event.sequence] = fault(error)
                continue
            ready.append(own)
            if account is not None:
                accounts[event.sequence] = account
        return _Made(ready, accounts, failed)

    def _refused(self, event: StoredEvent) -> Outcome:
        outcome = self.unable(event)
        if isinstance(outcome, DeadLetter):
            return replace(outcome, reason=Reason.NOT_SCRUBBED, detail="the policy failed on it")
        return Reason.NOT_SCRUBBED

    async def _account(
        self,
        events: Sequence[StoredEvent],
        accounts: Mapping[int, Account],
        rules: Rules,
    ) -> None:
        """A journal that takes no line just now must not stop what empties it."""
        mark = rules.revisions.mark
        new = [
            event
            for event in events
            if event.sequence in accounts and self._accounted.get(_name(event)) != mark
        ]
        for event in new:
            self._accounted[_name(event)] = mark
        while len(self._accounted) > _MOST_KNOWN:
            self._accounted.popitem(last=False)
        self.scrubbed += len(new)
        lines = [
            audit_line.again(event.header, self.consumer, accounts[event.sequence], rules.revisions)
            for event in new
        ]
        try:
            await self.journal.append(encoded(audit=lines))
        except JournalError as error:
            log.warning("the audit misses events that were scrubbed again", cause=str(error))


def _name(event: StoredEvent) -> tuple[int, str]:
    """Dead letters that are sent again have sequences of their own."""
    return event.sequence, event.header.message_id
