"""The most specific schema that names an event is the event's plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.contract import Catalogue, NotExaminableError
from gateway.event import Protocol, RawEvent

Load = Callable[[dict[str, Any]], Catalogue]
SchemaOf = Callable[..., dict[str, Any]]


def event(name: str | None, kind: str = "track", **message: Any) -> RawEvent:
    return RawEvent("test", "segment", kind, name, message, received_at=0)


def plan_of(catalogue: Catalogue, raw: RawEvent) -> str | None:
    plan = catalogue.match(raw)
    return None if plan is None else plan.name


def matching(
    schema_of: SchemaOf, example: dict[str, Any], version: int | None = None, **match: Any
) -> dict[str, Any]:
    telemetry = {
        "class": "optional",
        "match": {"protocol": "segment", "type": "track", **match},
        **({} if version is None else {"version": version}),
    }
    return schema_of(**{"x-telemetry": telemetry}, properties={}, examples=[example])


@pytest.fixture
def specific(load: Load, schema_of: SchemaOf) -> Catalogue:
    return load(
        {
            "exact": matching(schema_of, {"event": "Order Paid"}, event="Order Paid"),
            "glob": matching(schema_of, {"event": "Order Sent"}, event="Order *"),
            "longer-glob": matching(schema_of, {"event": "Order Item 1"}, event="Order Item*"),
            "pattern": matching(schema_of, {"event": "Odd"}, pattern="O[a-z ]+d|Order Pai."),
            "open": matching(schema_of, {"event": "Anything"}),
            "page": matching(schema_of, {"name": "Order Paid"}, type="page", event="Order Paid"),
        }
    )


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("Order Paid", "exact"),
        ("Order Pair", "glob"),
        ("Order Item 7", "longer-glob"),
        ("Ordered", "pattern"),
        ("order paid", "open"),
        ("Order Paid ", "glob"),
        ("XOddX", "open"),
        ("", "open"),
        (None, "open"),
        ("Order " + "x" * 5000, "glob"),
        ("Order \n", "glob"),
    ],
)
def test_the_most_specific_wins(specific: Catalogue, name: str | None, plan: str) -> None:
    assert plan_of(specific, event(name)) == plan
    assert plan_of(specific, event(name)) == plan, "and again, from memory"


def test_types_and_protocols_are_kept_apart(specific: Catalogue) -> None:
    assert plan_of(specific, event("Order Paid", "page")) == "page"
    assert plan_of(specific, event("Order Paid", "screen")) is None
    protocol: Protocol = "mixpanel"
    raw = RawEvent("test", protocol, "event", "Order Paid", {}, received_at=0)
    assert plan_of(specific, raw) is None


def test_open_contracts_make_no_event_planned(specific: Catalogue) -> None:
    assert {plan.name for plan in specific.plans.values() if not plan.planned} == {"open"}


def test_the_version_of_the_event_chooses(load: Load, schema_of: SchemaOf) -> None:
    def version(number: int) -> dict[str, Any]:
        example = {"event": "Paid", "context": {"protocols": {"event_version": number}}}
        return matching(schema_of, example, number, event="Paid")

    catalogue = load({"paid-2": version(2), "paid-3": version(3)})

    def chosen(context: Any) -> str | None:
        return plan_of(catalogue, event("Paid", context=context))

    assert chosen({"protocols": {"event_version": 3}}) == "paid-3"
    assert chosen({"protocols": {"event_version": 2}}) == "paid-2"
    others: list[Any] = [
        {"protocols": {"event_version": 9}},
        {"protocols": {"event_version": "3"}},
        {"protocols": []},
        {},
        None,
    ]
    assert {chosen(context) for context in others} == {"paid-2"}


def test_what_the_event_has_chooses(load: Load, schema_of: SchemaOf) -> None:
    catalogue = load(
        {
            "server": matching(
                schema_of,
                {"type": "identify", "traits": {"isInstance": False}},
                type="identify",
                has="/traits/isInstance",
            ),
            "anybody": matching(schema_of, {"type": "identify"}, type="identify"),
        }
    )

    def chosen(traits: Any) -> str | None:
        return plan_of(catalogue, event(None, "identify", traits=traits))

    assert chosen({"isInstance": True}) == "server"
    assert chosen({"isInstance": None}) == "anybody"
    assert chosen([]) == "anybody"
    assert chosen(None) == "anybody"


def test_a_name_that_is_no_text_for_the_engine_fails_cleanly(specific: Catalogue) -> None:
    with pytest.raises(NotExaminableError) as caught:
        specific.match(event("\ud800 secret"))
    assert "secret" not in str(caught.value)


def test_names_are_no_patterns_by_accident(load: Load, schema_of: SchemaOf) -> None:
    odd = "Cmd+Click (1.0) [a] $x ^y {2} | # & ~ - é 🚀"
    catalogue = load(
        {
            "exact": matching(schema_of, {"event": odd}, event=odd),
            "glob": matching(schema_of, {"event": odd + "!"}, event=odd + "*"),
        }
    )
    assert plan_of(catalogue, event(odd)) == "exact"
    assert plan_of(catalogue, event(odd + " more")) == "glob"
    assert plan_of(catalogue, event(odd.replace("1.0", "1x0"))) is None
