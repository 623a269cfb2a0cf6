"""`make` says what is missing before it makes anything, and makes again what is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wire.running import ROOT

PIP = """#!/bin/sh
# The environment of a test: what pip is told is written down.
case "$*" in
  *"-m pip"*) echo "$*" >> "{record}" ;;
  *) exec {python} "$@" ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `make` reads, with a `gateway` to start that only says so."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "__init__.py").write_text("")
    for file in ("Makefile", "pyproject.toml", "requirements/runtime.lock"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "PYTHON"))}
    return subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env=environment | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def program(file: Path, text: str) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


def python(clone: Path) -> str:
    """A Python whose new environments hold a pip that only writes down what it is told."""
    maker = f"""#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
  echo made >> "{clone}/record"
  mkdir -p "$3/bin"
  cp "{clone}/venv-python" "$3/bin/python"
  printf '#!/bin/sh\\necho started\\n' > "$3/bin/gateway"
  chmod +x "$3/bin/gateway"
else
  exec {sys.executable} "$@"
fi
"""
    program(clone / "venv-python", PIP.format(record=clone / "record", python=sys.executable))
    return program(clone / "maker", maker)


def record(clone: Path) -> list[str]:
    file = clone / "record"
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.parametrize(
    "old", ['#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.13; exit 1\n', None]
)
def test_a_python_that_is_too_old_or_missing_is_named_before_anything_is_made(
    clone: Path, old: str | None
) -> None:
    named = str(clone / "no-python") if old is None else program(clone / "old", old)
    ran = make(clone, "run", f"PYTHON={named}")
    assert ran.returncode != 0
    assert "needs Python 3.11 or newer" in ran.stderr
    assert not (clone / ".venv").exists()


def test_it_installs_once_and_starts(clone: Path) -> None:
    for _ in range(2):
        ran = make(clone, "run", f"PYTHON={python(clone)}")
        assert ran.stdout.endswith("started\n"), ran.stderr
    assert record(clone) == ["made", "-m", "-m"]


@pytest.mark.parametrize("broken", ["python is gone", "python is too old", "installed by halves"])
def test_a_broken_environment_is_made_again(clone: Path, broken: str) -> None:
    assert make(clone, "run", f"PYTHON={python(clone)}").returncode == 0
    interpreter = clone / ".venv" / "bin" / "python"
    if broken == "python is gone":
        interpreter.unlink()
        interpreter.symlink_to("/nowhere/python3.11")
    elif broken == "python is too old":
        program(interpreter, "#!/bin/sh\nexit 1\n")
    else:
        (clone / ".venv" / "runtime").unlink()
    ran = make(clone, "run", f"PYTHON={python(clone)}")
    assert ran.stdout.endswith("started\n"), ran.stderr
    again = ["-m", "-m"] if broken == "installed by halves" else ["made", "-m", "-m"]
    assert record(clone) == ["made", "-m", "-m", *again]
