"""No test is left out in silence: what could not run is listed at the end with what brings it.

A test says what it cannot do without, `@pytest.mark.needs("chromium", "apt-get install chromium")`:
a program on the PATH or, where the name holds a slash, a file of the repository. With REQUIRE_ALL=1
in the environment every skip is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MISSING = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MISSING] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        what, command = marker.args
        if not _is_here(what):
            item.config.stash[MISSING][what] = command
            pytest.skip(f"{what} is missing; `{command}` brings it")


def _is_here(what: str) -> bool:
    return (ROOT / what).exists() if "/" in what else shutil.which(what) is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    is_skip = report.skipped and not hasattr(report, "wasxfail")
    if is_skip and os.environ.get("REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_ALL=1, and this test was skipped: {call.excinfo}"
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    missing = config.stash[MISSING]
    if missing:
        terminalreporter.section("left out for want of")
        for what, command in sorted(missing.items()):
            terminalreporter.line(f"{what}: {command}")
