"""The corpus through the shipped policy: what is found of it does not become less."""

from __future__ import annotations

import pytest

from benchmarks.corpus import NOT_DETECTORS, score, shipped_rules
from gateway.pipeline.decide import Rules
from tests.privacy.corpus import lookalikes, personal


@pytest.fixture(scope="module")
def rules() -> Rules:
    return shipped_rules()


@pytest.mark.parametrize("unseen", [False, True], ids=["tuning", "unseen"])
def test_detectors_find_nearly_all(rules: Rules, unseen: bool) -> None:
    cases = [c for c in personal() if c.is_unseen is unseen and c.sort not in NOT_DETECTORS]
    total, good, failed = score(cases, rules)
    assert good.total() >= 0.95 * total.total(), [case.line for case in failed]


@pytest.mark.parametrize(
    ("sort", "least"), [("structure", 0.9), ("encoding", 0.85), ("person", 0.93)]
)
def test_what_is_nested_encoded_or_named_is_found(rules: Rules, sort: str, least: float) -> None:
    total, good, failed = score((c for c in personal() if c.sort == sort), rules)
    assert good.total() >= least * total.total(), [case.line for case in failed]


def test_lookalikes_stay(rules: Rules) -> None:
    total, _, eaten = score(lookalikes(), rules)
    assert len(eaten) <= 0.015 * total.total(), [case.line for case in eaten]
