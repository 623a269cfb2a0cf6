"""What keeps failing alone is set aside, and nothing is while the destination is down."""

from __future__ import annotations

from gateway.delivery.poison_requests import GIVE_UP_SECONDS, STRIKES, PoisonWatch, Successes
from gateway.destinations import Rejected, Request, RetryLater
from gateway.event import Reason

FAILURE = RetryLater("http 500")


def request(*events: int, url: str = "https://vendor.test/import") -> Request:
    return Request("POST", url, b"", events=events)


def fail(patience: PoisonWatch, times: int, *, every: float = 1.0) -> list[RetryLater | Rejected]:
    return [patience.failed(FAILURE, n * every) for n in range(times)]


def test_while_nothing_gets_through_nothing_is_given_up() -> None:
    patience = PoisonWatch(request(1), Successes())
    assert fail(patience, 1000, every=3600) == [FAILURE] * 1000


def test_success_elsewhere_says_nothing_of_this_address() -> None:
    successes = Successes()
    patience = PoisonWatch(request(1), successes)
    for n in range(1000):
        successes.at["https://vendor.test/engage"] += 1
        assert patience.failed(FAILURE, n * 3600) is FAILURE


def test_a_batch_is_suspected_once_others_get_through() -> None:
    successes = Successes()
    patience = PoisonWatch(request(1, 2), successes)
    for n in range(STRIKES - 1):
        successes.at["https://vendor.test/import"] += 2
        assert patience.failed(FAILURE, n) is FAILURE
    suspected = patience.failed(FAILURE, STRIKES)
    assert suspected == Rejected(Reason.GIVEN_UP, None, "http 500")


def test_a_single_event_is_given_an_hour() -> None:
    successes = Successes()
    patience = PoisonWatch(request(1), successes)
    for second in range(0, int(GIVE_UP_SECONDS), 60):
        successes.at["https://vendor.test/import"] += 1
        assert patience.failed(FAILURE, second) is FAILURE
    assert isinstance(patience.failed(FAILURE, GIVE_UP_SECONDS), Rejected)
