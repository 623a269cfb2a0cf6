"""Every item of a batch ends in exactly one outcome, or in a batch that is still to be sent.

A refused item never takes its neighbours with it: where the vendor does not say which one it
refuses, the batch is halved until it is found. What is left keeps its order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from gateway.delivery.ack_window import Outcome
from gateway.destinations import Delivered, Draft, Rejected, Rendered, Request
from gateway.errors import DestinationError, fault
from gateway.event import Reason, StoredEvent
from gateway.journal import DeadLetter

DETAIL_LENGTH = 500
"""Characters kept of what a vendor says."""


class Item(Protocol):
    """An event, or a line of the audit."""

    @property
    def sequence(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def is_readable(self) -> bool: ...


ItemT = TypeVar("ItemT", bound=Item)


class Outdated:
    """Says of a request that was not sent: the policy changed since its items were prepared."""


OUTDATED = Outdated()

Send = Callable[[Request | Draft, Sequence[ItemT]], Awaitable[Delivered | Rejected | Outdated]]
"""Sends a request, given the items in it, and returns when there is a verdict."""
Prepare = Callable[[Sequence[ItemT]], Awaitable[tuple[Sequence[ItemT], Mapping[int, Outcome]]]]
"""Makes items such as may be sent now; of those that may not, their outcomes."""


async def as_they_are(items: Sequence[ItemT]) -> tuple[Sequence[ItemT], Mapping[int, Outcome]]:
    """What no policy looks at."""
    return items, {}


@dataclass(frozen=True, slots=True)
class Result(Generic[ItemT]):
    """What came of one batch."""

    outcomes: Mapping[int, Outcome]
    again: Sequence[Sequence[ItemT]] = ()
    """Batches to send now, in this order."""
    state: str | None = None
    """What the destination wants kept behind the last item."""
    left_out: Mapping[int, Mapping[str, Reason]] = field(default_factory=dict)
    """Parts of the settled items that were not sent, and why."""


async def carry(
    items: Sequence[ItemT],
    render: Callable[[Sequence[ItemT]], Rendered],
    send: Send[ItemT],
    prepare: Prepare[ItemT] = as_they_are,
) -> Result[ItemT]:
    """Prepare the items, render them and send their requests in order.

    A dead letter keeps the item as it was given, and what is to be sent again is given again so.
    """
    prepared, refused_now = await prepare(items)
    ready = {item.sequence: item for item in prepared}
    known = {item.sequence: item for item in items if item.sequence in ready}
    if not ready:
        return Result(refused_now)
    try:
        rendered = render(prepared)
    except Exception as error:  # noqa: BLE001 (an event that render trips over must not stop the rest)
        result = _unrenderable([*known.values()], fault(error))
        return replace(result, outcomes={**refused_now, **result.outcomes})
    outcomes: dict[int, Outcome] = {**refused_now, **rendered.filtered}
    sent = {sequence for request in rendered.requests for sequence in request.events}
    for sequence in known.keys() - sent - outcomes.keys():
        forgotten = Rejected(Reason.UNRENDERABLE, None, "left out")
        outcomes[sequence] = _dead(known[sequence], forgotten, forgotten.detail)
    state = None
    for place, request in enumerate(rendered.requests):
        verdict = await send(request, [ready[sequence] for sequence in request.events])
        if isinstance(verdict, Delivered):
            state = verdict.state or state
            continue
        must_halve = False
        if isinstance(verdict, Rejected):
            refused = _refused(request, verdict)
            for sequence, detail in refused.items():
                outcomes[sequence] = _dead(known[sequence], verdict, detail)
            if refused and (verdict.others_arrived or len(refused) == len(request.events)):
                continue
            must_halve = not refused
        unsent = {sequence for later in rendered.requests[place:] for sequence in later.events}
        rest = [known[sequence] for sequence in sorted(unsent - outcomes.keys())]
        for sequence in known.keys() - unsent:
            outcomes.setdefault(sequence)
        left_out = {
            sequence: parts for sequence, parts in rendered.left_out.items() if sequence in outcomes
        }
        return Result(outcomes, _halves(rest) if must_halve else [rest], state, left_out)
    for sequence in known:
        outcomes.setdefault(sequence)
    return Result(outcomes, (), state, rendered.left_out)


def _unrenderable(items: Sequence[ItemT], detail: str) -> Result[ItemT]:
    if len(items) > 1:
        return Result({}, _halves(items))
    refusal = Rejected(Reason.UNRENDERABLE, None, detail)
    return Result({items[0].sequence: _dead(items[0], refusal, detail)})


def _refused(request: Request | Draft, verdict: Rejected) -> Mapping[int, str]:
    """The events that are refused for good, and why; none where that is not known yet."""
    if len(request.events) == 1:
        return {request.events[0]: verdict.events.get(request.events[0], verdict.detail)}
    return {place: verdict.events[place] for place in request.events if place in verdict.events}


def _dead(item: Item, verdict: Rejected, detail: str) -> DeadLetter:
    if not isinstance(item, StoredEvent):
        raise DestinationError("only events can be refused")
    return DeadLetter(item, verdict.reason, verdict.status, detail[:DETAIL_LENGTH])


def _halves(items: Sequence[ItemT]) -> Sequence[Sequence[ItemT]]:
    middle = (len(items) + 1) // 2
    return [half for half in (items[:middle], items[middle:]) if half]
