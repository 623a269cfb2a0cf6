"""Every destination is named for every event: it gets the event, or there is one reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.routing import Routing
from gateway.event import CleanJson, CleanMessage, CleanText, Reason
from gateway.pipeline.routing import Routes, RoutingFacts, compile_routes

FACTS = RoutingFacts(
    "web",
    "segment",
    "track",
    CleanText("Order Completed"),
    "segment/track",
    "optional",
    CleanText("user-1"),
)

NOTHING = CleanMessage({})


def routes(*described: dict[str, Any], **destinations: dict[str, Any]) -> Routes:
    """Routes over the given destinations; a file destination needs no more than its name."""
    return compile_routes(
        Routing.model_validate(
            {
                "destinations": {
                    name: {"type": "file", "path": name, **settings}
                    for name, settings in destinations.items()
                },
                "routes": [{"name": f"r{i}", **route} for i, route in enumerate(described)],
            }
        )
    )


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        ({}, True),
        ({"class": "optional"}, True),
        ({"class": ["essential", "billing"]}, False),
        ({"type": "track"}, True),
        ({"type": ["page", "screen"]}, False),
        ({"event": "Order*"}, True),
        ({"event": "order*"}, False),
        ({"event": ["X", "Order ?ompleted"]}, True),
        ({"source": ["web"]}, True),
        ({"source": ["server"]}, False),
        ({"protocol": "segment"}, True),
        ({"protocol": "mixpanel"}, False),
        ({"schema": "segment/*"}, True),
        ({"type": "track", "source": "server"}, False),
    ],
)
def test_a_route_takes_what_all_its_selectors_take(match: dict[str, Any], taken: bool) -> None:
    to, filtered = routes({"match": match, "to": "a"}, a={}).lead(FACTS, NOTHING)
    assert to == (("a",) if taken else ())
    assert filtered == ({} if taken else {"a": Reason.NO_ROUTE})


def test_every_route_that_matches_adds_its_destinations() -> None:
    found = routes({"to": ["a", "b"]}, {"to": ["b", "c"]}, a={}, b={}, c={}, d={}).lead(
        FACTS, NOTHING
    )
    assert found == (("a", "b", "c"), {"d": Reason.NO_ROUTE})


@pytest.mark.parametrize(
    ("integrations", "reached"),
    [
        ({}, {"a", "b"}),
        ({"All": True}, {"a", "b"}),
        ({"a": False}, {"b"}),
        ({"All": False}, {"a", "b"}),
        ({"All": False, "b": False}, {"a"}),
        ({"a": False, "b": {"option": 1}}, {"b"}),
        ({"A": False}, {"a", "b"}),
        ({"a": None}, {"a", "b"}),
        ("nonsense", {"a", "b"}),
    ],
)
def test_the_integrations_object_is_honoured(integrations: Any, reached: set[str]) -> None:
    to, filtered = routes({"to": ["a", "b"]}, a={}, b={}).lead(
        FACTS, CleanMessage({"integrations": integrations})
    )
    assert set(to) == reached
    assert set(filtered.values()) <= {Reason.INTEGRATIONS}


def test_a_destination_answers_to_its_integration_name() -> None:
    led = routes({"to": "a"}, a={"integration": "Amplitude"}).lead(
        FACTS, CleanMessage({"integrations": {"Amplitude": False}})
    )
    assert led == ((), {"a": Reason.INTEGRATIONS})


@pytest.mark.parametrize(
    ("consent", "reached"),
    [
        (None, True),
        ({"categoryPreferences": {"ads": True, "analytics": True}}, True),
        ({"categoryPreferences": {"ads": True, "analytics": False}}, False),
        ({"categoryPreferences": {"ads": True}}, False),
        ({"categoryPreferences": {}}, False),
        ({}, False),
    ],
)
def test_consent_wants_every_category_of_the_destination(consent: Any, reached: bool) -> None:
    message = CleanMessage({"context": {"consent": consent}} if consent is not None else {})
    to, filtered = routes({"to": ["a", "free"]}, a={"consent": ["ads", "analytics"]}, free={}).lead(
        FACTS, message
    )
    assert to == (("a", "free") if reached else ("free",))
    assert filtered == ({} if reached else {"a": Reason.CONSENT})


def test_what_the_browser_has_sent_by_itself_is_not_sent_again() -> None:
    bundled: list[CleanJson] = [CleanText("Segment.io"), CleanText("Mixpanel")]
    message = CleanMessage({"_metadata": {"bundled": bundled}})
    led = routes(
        {"to": ["m", "s"]}, m={"integration": "Mixpanel"}, s={"integration": "Segment.io"}
    ).lead(FACTS, message)
    assert led == (("s",), {"m": Reason.BUNDLED})


def lead(chosen: Routes, user: str) -> tuple[tuple[str, ...], Mapping[str, Reason]]:
    return chosen.lead(replace(FACTS, user=CleanText(user)), NOTHING)


@given(st.lists(st.text(min_size=1), unique=True, min_size=200, max_size=200))
def test_a_sample_is_of_users_and_a_larger_one_holds_the_smaller(users: list[str]) -> None:
    chosen = routes(
        {"to": "half", "sample": 0.5}, {"to": "tenth", "sample": 0.1}, half={}, tenth={}
    )

    def reached(user: str) -> set[str]:
        return set(lead(chosen, user)[0])

    for user in users:
        assert reached(user) == reached(user)
        assert "tenth" not in reached(user) or "half" in reached(user)
    _, filtered = chosen.lead(
        replace(FACTS, user=CleanText(next(u for u in users if not reached(u)))), NOTHING
    )
    assert set(filtered.values()) == {Reason.SAMPLED_OUT}


def test_a_sample_takes_its_share() -> None:
    tenth = routes({"to": "a", "sample": 0.1}, a={})
    taken = sum(
        bool(tenth.lead(replace(FACTS, user=CleanText(f"user {i}")), NOTHING)[0])
        for i in range(10_000)
    )
    assert 850 < taken < 1150
