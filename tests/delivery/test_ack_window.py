"""The cursor follows the lowest event without an outcome, in whatever order events are settled."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.ack_window import AckWindow, Outcome
from gateway.event import Reason
from gateway.journal import DeadLetter
from tests.journal.building import event

EVENT = event("m")


def dead(sequence: int) -> DeadLetter:
    return DeadLetter(EVENT.stored(sequence), Reason.REFUSED, 400, "no")


@given(
    start=st.integers(0, 1000),
    fates=st.lists(st.sampled_from("xfd"), min_size=1, max_size=40),
    data=st.data(),
)
def test_every_event_is_given_out_once_and_never_past_an_unsettled_one(
    start: int, fates: str, data: st.DataObject
) -> None:
    window = AckWindow(start)
    order = data.draw(st.permutations(range(len(fates))))
    settled: set[int] = set()
    given_out: Counter[str] = Counter()
    for place in order:
        sequence = start + 1 + place
        outcomes: dict[str, Outcome] = {"x": None, "f": Reason.CONSENT, "d": dead(sequence)}
        window.settle(sequence, outcomes[fates[place]])
        settled.add(place)
        if data.draw(st.booleans()):
            continue
        lowest = min(set(range(len(fates) + 1)) - settled)
        step = window.step()
        assert window.position == start + lowest
        if step:
            given_out.update(x=step.delivered, f=step.filtered.get(Reason.CONSENT, 0))
            given_out.update(d=len(step.dead))
        assert given_out == Counter(fates[:lowest])
    window.step()
    assert window.position == start + len(fates)
    assert window.step() is None


def test_a_state_is_given_out_with_the_step_that_passes_its_event() -> None:
    window = AckWindow(0)
    for sequence in (1, 2, 4):
        window.settle(sequence)
    window.keep("behind 2", 2)
    window.keep("behind 4", 4)

    first = window.step()
    assert first is not None
    assert (first.delivered, first.state) == (2, "behind 2")
    window.settle(3)
    second = window.step()
    assert second is not None
    assert (second.delivered, second.state) == (2, "behind 4")


def test_an_event_has_one_outcome() -> None:
    window = AckWindow(0)
    window.settle(2)
    with pytest.raises(ValueError, match="settled before"):
        window.settle(2, Reason.CONSENT)
    window.settle(1)
    window.step()
    with pytest.raises(ValueError, match="settled before"):
        window.settle(1)
