"""No test is left out in silence: what could not run is listed at the end with what brings it.

A test says what it cannot do without, `@pytest.mark.needs("chromium", "apt-get install chromium")`:
a program on the PATH or, where the name holds a slash, a file of the repository. With REQUIRE_ALL=1
in the environment every skip is a failure.

And no test fails because the machine is busy: how long Hypothesis takes is not what it looks for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
MISSING = "what is missing, and the command that brings it"

settings.register_profile(
    "busy machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        what, command = marker.args
        if not _is_here(what):
            item.user_properties.append((MISSING, f"{what}: {command}"))
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Reports come here from every worker; what else a worker remembers does not."""
    missing = {
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        for name, value in report.user_properties
        if name == MISSING
    }
    if missing:
        terminalreporter.section("left out for want of")
        for line in sorted(map(str, missing)):
            terminalreporter.line(line)
