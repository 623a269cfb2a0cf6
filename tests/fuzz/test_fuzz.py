"""A short run of each fuzz target. The long ones: `python -m tests.fuzz.run NAME 1000000`."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.fuzz.targets import SEEDS, TARGETS, run
from tests.marks import needs

ROOT = Path(__file__).parents[2]
ATHERIS = {
    f"{sysconfig.get_path('platlib')}/atheris": (
        ".venv/bin/pip install --require-hashes -r requirements/dev.lock"
    )
}
RUNS = 2_000


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_takes_the_seeds(name: str) -> None:
    for data in SEEDS:
        run(TARGETS[name], data)


@needs(ATHERIS)
@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run_finds_nothing(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", name, str(RUNS)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
