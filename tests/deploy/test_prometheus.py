"""Alert rules and dashboard load, fire when they should, and name what the gateway measures."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.admin.metrics import METRICS
from gateway.process.watchdog import BOUNDS
from tests.wire.running import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text())
RULES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"][0][
    "rules"
]
WITH_PROMTOOL = pytest.mark.needs("promtool", "apt-get install prometheus")

LABELS = {metric.name: set(metric.labels) for metric in METRICS} | {
    f"{metric.name}_{part}": {*metric.labels, *({"le"} if part == "bucket" else ())}
    for metric in METRICS
    if metric.kind == "histogram"
    for part in ("bucket", "count", "sum")
}
OF_PROMETHEUS = {"instance", "job", "le"}


def expressions() -> Iterator[str]:
    """Every query of the dashboard, as Grafana would send it."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")


def promtool(*arguments: str | Path) -> None:
    ran = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@WITH_PROMTOOL
def test_the_rules_do_what_their_tests_say() -> None:
    promtool("check", "rules", PROMETHEUS / "alerts.yaml")
    promtool("test", "rules", PROMETHEUS / "alerts.test.yaml")


def test_every_rule_is_seen_firing_and_silent_in_those_tests() -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts.test.yaml").read_text())["tests"]
    firing = {
        name
        for test in tests
        for one in test.get("promql_expr_test", ())
        for sample in one["exp_samples"]
        for name in re.findall(r'alertname="(\w+)"', sample["labels"])
    }
    silent = {one["alertname"] for test in tests for one in test.get("alert_rule_test", ())}
    assert firing == silent == {rule["alert"] for rule in RULES}


@WITH_PROMTOOL
def test_every_query_of_the_dashboard_can_be_parsed(tmp_path: Path) -> None:
    rules = [{"record": f"panel_{i}", "expr": one} for i, one in enumerate(expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", "--lint=none", file)


def test_they_ask_for_nothing_that_is_not_measured() -> None:
    asked = [*expressions(), *(rule["expr"] for rule in RULES)]
    for expression in asked:
        names = re.findall(r"\bgateway_\w+", expression)
        assert names, expression
        for name in names:
            assert name in LABELS, f"{name} in {expression}"
        known = OF_PROMETHEUS.union(*(LABELS[name] for name in names))
        grouped = [
            label.strip()
            for labels in re.findall(r"by \(([^)]*)\)", expression)
            for label in labels.split(",")
        ]
        matched = re.findall(r'(\w+)\s*=~?"', expression)
        assert {*grouped, *matched} <= known, expression


def test_every_metric_that_is_no_product_s_own_is_on_the_dashboard() -> None:
    seen = set(re.findall(r"\bgateway_\w+", " ".join(expressions())))
    own = {"gateway_instances", "gateway_usage_reports", "gateway_forward_proxy_connections_total"}
    left_out = {
        "gateway_destination_discarded_total",
        "gateway_destination_expired_total",
        "gateway_files_expired_total",
        "gateway_destination_next_try_seconds",
        "gateway_log_lines_dropped_total",
    }
    assert {metric.name for metric in METRICS} - own - left_out <= seen | {
        name.removesuffix("_bucket") for name in seen
    }


def test_the_bound_of_a_stall_is_one_that_is_counted() -> None:
    (bound,) = re.findall(r'le="([\d.]+)"', " ".join(rule["expr"] for rule in RULES))
    assert bound in map(str, BOUNDS)


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    page, _, anchor = annotations["runbook"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
    assert anchor in anchors


def test_the_dashboard_has_the_shape_that_grafana_imports() -> None:
    panels = DASHBOARD["panels"]
    assert {"uid", "title", "schemaVersion", "templating", "time"} <= DASHBOARD.keys()
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] in ("timeseries", "stat")
        assert panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0
    variables = {one["name"] for one in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w+)", json.dumps(panels)))
    assert used == variables
