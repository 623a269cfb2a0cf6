"""What is remembered of user agents is bounded, and nothing a detector would find is among it."""

from __future__ import annotations

import importlib

import pytest

from gateway.privacy.detectors import Scanner, is_benign, suspicious

lookalikes = importlib.import_module("gateway.privacy.detectors.lookalikes")

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0"


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookalikes, "_browsers", set())


def test_a_browser_is_remembered_and_what_is_added_to_it_is_still_found() -> None:
    agent = AGENT.format(126)
    personal = f"{agent} jane@x.example"
    for _ in range(2):
        assert is_benign(agent)
        assert not suspicious(agent)
        assert not is_benign(personal)
        assert suspicious(personal)
        assert Scanner({"email"}).find(personal) == [(len(agent) + 1, len(personal), "email")]
    assert lookalikes._browsers == {agent}


def test_few_and_short_ones_are_remembered() -> None:
    for number in range(2000):
        assert is_benign(AGENT.format(number))
    assert len(lookalikes._browsers) <= lookalikes._MOST_BROWSERS
    assert is_benign(long := AGENT.format(1) + " Safari" * 100)
    assert long not in lookalikes._browsers
