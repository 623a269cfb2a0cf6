"""Appsmith's settings say what is wrong with them, and the ready-made files are right."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway.config import load
from gateway.config.routing import Routing
from gateway.event import CleanMessage, CleanText, Reason
from gateway.extensions.appsmith.settings import Appsmith, appsmith
from gateway.pipeline.routing import RoutingFacts, compile_routes
from tests.config.test_load import GATEWAY, mistakes, write

ROOT = Path(__file__).parents[3]
READY = ROOT / "config" / "appsmith"


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ("cloud_services: {prefix: cs/}", "write a path such as /cs"),
        ("cloud_services: {upstream: cs.appsmith.com}", "write an address such as"),
        ("cloud_services: {timout: 1s}", "did you mean `timeout`?"),
        ("user_header: 'X Mail'", "write the name of a header"),
        ("instances: [{id: 'a b'}]", "write letters, digits"),
        ("instances: [{id: a}, {id: a}]", "two instances have the same id"),
        (
            "instances: [{id: a, hosts: [A.example]}, {id: b, hosts: [a.example]}]",
            "a host in common",
        ),
        ("instances: [{id: a, paying: true}, {id: b}]", "a paying instance needs its `hosts`"),
        ("source: 'No Name'", "source"),
        ("ping_interval: 0", "greater than 0"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, settings: str, mistake: str) -> None:
    file = write(tmp_path, f"{GATEWAY}appsmith:\n  {settings}\n")
    [told] = mistakes(file)
    assert told.startswith("gateway.yaml:")
    assert mistake in told


def test_a_route_may_name_the_source_of_this_traffic(tmp_path: Path) -> None:
    routing = (
        "destinations:\n  cloud: {type: cloud, license_key: k, interval: 30m}\n"
        "routes:\n  - {name: bills, match: {source: appsmith}, to: cloud}\n"
    )
    told = load(write(tmp_path, routing=routing), {})
    assert told.routing.destinations["cloud"].type == "cloud"
    assert appsmith(told.gateway) == Appsmith()
    assert "license_key" not in repr(told.routing)


def test_the_ready_made_policy_has_every_rule_of_the_shipped_one() -> None:
    shipped = yaml.safe_load((ROOT / "config" / "privacy.yaml").read_text("utf-8"))
    ready = yaml.safe_load((READY / "privacy.yaml").read_text("utf-8"))
    rules = {rule["id"]: rule for rule in ready["rules"]}
    assert [rule for rule in shipped["rules"] if rules.get(rule["id"]) != rule] == []


def test_the_stop_list_keeps_its_events_from_every_destination() -> None:
    routes = compile_routes(
        Routing.model_validate(yaml.safe_load((READY / "routing.yaml").read_text("utf-8")))
    )

    def led(name: str) -> tuple[tuple[str, ...], dict[str, Reason]]:
        facts = RoutingFacts(
            "appsmith", "segment", "track", CleanText(name), "s", "optional", CleanText("u")
        )
        to, filtered = routes.lead(facts, CleanMessage({}))
        return to, dict(filtered)

    for name in (
        "ROUTE_CHANGE",
        "PAGE_LOAD",
        "CANVAS_HOVER",
        "view_NEWPAGE",
        "unit_execution_time",
    ):
        assert led(name) == ((), {"local": Reason.NO_ROUTE})
    for name in ("EDITOR_OPEN", "execute_ACTION_TRIGGERED", "PAGE_LOADED"):
        assert led(name) == (("local",), {})
    assert (
        len(routes.routes[1].not_event.pattern.split("|") if routes.routes[1].not_event else [])
        == 39
    )
