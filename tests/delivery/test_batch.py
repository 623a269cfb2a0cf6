"""Every item of a batch gets one outcome, and a refused one costs its neighbours nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.ack_window import Outcome
from gateway.delivery.batch import Result, carry
from gateway.destinations import Delivered, Draft, Rejected, Rendered, Request, finished
from gateway.event import Reason, StoredEvent
from gateway.journal import DeadLetter
from tests.journal.building import event

EVENT = event("m")
Answer = Callable[[Request], Delivered | Rejected]


def stored(count: int) -> list[StoredEvent]:
    return [EVENT.stored(n) for n in range(1, count + 1)]


def request(*sequences: int) -> Request:
    return Request("POST", "http://vendor.test/", b"", events=sequences)


def one_request(events: Sequence[StoredEvent]) -> Rendered:
    return Rendered((request(*[event.sequence for event in events]),))


def refused(**more: object) -> Rejected:
    return Rejected(Reason.REFUSED, 400, "no", **more)  # type: ignore[arg-type]  # made-up keywords


async def carried(
    events: Sequence[StoredEvent],
    render: Callable[[Sequence[StoredEvent]], Rendered],
    answer: Answer,
) -> tuple[dict[int, Outcome], list[tuple[int, ...]]]:
    """Carry until nothing is left; the outcomes, and the events of each request sent."""
    sent: list[tuple[int, ...]] = []
    outcomes: dict[int, Outcome] = {}

    async def send(draft: Request | Draft, _: Sequence[StoredEvent]) -> Delivered | Rejected:
        request = finished(draft)
        sent.append(request.events)
        return answer(request)

    batches: list[Sequence[StoredEvent]] = [events]
    while batches:
        result: Result[StoredEvent] = await carry(batches.pop(0), render, send)
        assert not outcomes.keys() & result.outcomes.keys()
        outcomes.update(result.outcomes)
        batches[:0] = result.again
    return outcomes, sent


def dead(outcomes: dict[int, Outcome]) -> set[int]:
    return {place for place, outcome in outcomes.items() if isinstance(outcome, DeadLetter)}


async def test_a_batch_that_arrives_is_delivered() -> None:
    outcomes, sent = await carried(stored(3), one_request, lambda _: Delivered())
    assert outcomes == {1: None, 2: None, 3: None}
    assert sent == [(1, 2, 3)]


@given(count=st.integers(1, 40), data=st.data())
async def test_poison_is_found_by_halving_and_order_is_kept(
    count: int, data: st.DataObject
) -> None:
    poison = data.draw(st.sets(st.integers(1, count)))
    arrived: list[int] = []

    def answer(request: Request) -> Delivered | Rejected:
        if poison & set(request.events):
            return refused()
        arrived.extend(request.events)
        return Delivered()

    outcomes, _ = await carried(stored(count), one_request, answer)
    assert outcomes.keys() == set(range(1, count + 1))
    assert dead(outcomes) == poison
    assert arrived == sorted(set(range(1, count + 1)) - poison)


async def test_the_refused_are_named_and_the_others_have_arrived() -> None:
    outcomes, sent = await carried(
        stored(3), one_request, lambda _: refused(events={2: "bad time"}, others_arrived=True)
    )
    assert dead(outcomes) == {2}
    letter = outcomes[2]
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.status, letter.detail) == (Reason.REFUSED, 400, "bad time")
    assert sent == [(1, 2, 3)]


async def test_the_refused_are_named_and_the_others_must_be_sent_again() -> None:
    outcomes, sent = await carried(
        stored(3),
        one_request,
        lambda request: refused(events={2: "no"}) if 2 in request.events else Delivered(),
    )
    assert dead(outcomes) == {2}
    assert sent == [(1, 2, 3), (1, 3)]


async def test_a_vendor_that_names_what_was_not_sent_is_not_believed() -> None:
    outcomes, _ = await carried(
        stored(2),
        one_request,
        lambda request: refused(events={77: "no"}) if 2 in request.events else Delivered(),
    )
    assert dead(outcomes) == {2}
    assert outcomes[1] is None


async def test_what_a_later_request_needs_again_does_not_repeat_what_is_through() -> None:
    def render(events: Sequence[StoredEvent]) -> Rendered:
        places = [event.sequence for event in events]
        odd = tuple(place for place in places if place % 2)
        even = tuple(place for place in places if place % 2 == 0)
        return Rendered(tuple(request(*group) for group in (odd, even) if group))

    outcomes, sent = await carried(
        stored(4), render, lambda request: refused() if 4 in request.events else Delivered()
    )
    assert dead(outcomes) == {4}
    assert sent == [(1, 3), (2, 4), (2,), (4,)]


async def test_an_event_of_two_requests_is_delivered_with_the_second() -> None:
    def render(events: Sequence[StoredEvent]) -> Rendered:
        return Rendered(
            (request(1), Request("POST", "http://vendor.test/second", b"", events=(1,)))
        )

    outcomes, _ = await carried(
        stored(1),
        render,
        lambda request: refused() if request.url.endswith("second") else Delivered(),
    )
    assert dead(outcomes) == {1}


async def test_an_event_that_render_trips_over_dies_alone() -> None:
    def render(events: Sequence[StoredEvent]) -> Rendered:
        if 3 in [event.sequence for event in events]:
            raise ZeroDivisionError
        return one_request(events)

    outcomes, sent = await carried(stored(5), render, lambda _: Delivered())
    letter = outcomes.pop(3)
    assert isinstance(letter, DeadLetter)
    assert letter.reason is Reason.UNRENDERABLE
    assert letter.detail.startswith("ZeroDivisionError at test_batch.py:")
    assert outcomes == {1: None, 2: None, 4: None, 5: None}
    assert [place for places in sent for place in places] == [1, 2, 4, 5]


async def test_what_the_vendor_has_no_place_for_is_filtered() -> None:
    outcomes, _ = await carried(
        stored(2),
        lambda _: Rendered((request(1),), {2: Reason.NO_ROUTE}),
        lambda _: Delivered(),
    )
    assert outcomes == {1: None, 2: Reason.NO_ROUTE}


async def test_an_event_that_render_leaves_out_is_not_called_delivered() -> None:
    outcomes, _ = await carried(stored(2), lambda _: Rendered((request(1),)), lambda _: Delivered())
    assert dead(outcomes) == {2}


@pytest.mark.parametrize("length", [0, 499, 500, 501])
async def test_what_a_vendor_says_is_bounded(length: int) -> None:
    outcomes, _ = await carried(
        stored(1), one_request, lambda _: Rejected(Reason.REFUSED, 400, "x" * length)
    )
    letter = outcomes[1]
    assert isinstance(letter, DeadLetter)
    assert len(letter.detail) == min(length, 500)
