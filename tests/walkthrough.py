"""A walk-through of CONTRIBUTING.md, done: its files are written into a copy of the gateway.

A code block under a line that is nothing but a path is that file, whole. So what the document says
is what is tried, and a walk-through that touches more than it says fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_FILE = re.compile(r"^`(?P<path>[^`\n]+)`\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def files_of(heading: str) -> dict[str, str]:
    """The files that a chapter of CONTRIBUTING.md writes."""
    document = (ROOT / "CONTRIBUTING.md").read_text()
    chapter = document.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {found["path"]: found["text"] for found in _FILE.finditer(chapter)}


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the gateway with the files of a walk-through in it."""

    root: Path

    @classmethod
    def of(cls, heading: str, root: Path) -> Copy:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules", "target")
        for folder in ("gateway", "config", "schemas"):
            shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
        for name in ("pyproject.toml", "CONTRIBUTING.md"):
            shutil.copy(ROOT / name, root / name)
        (root / "tests").symlink_to(ROOT / "tests")
        for path, text in files_of(heading).items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return cls(root)

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a line of a file that is there already."""
        file = self.root / path
        text = file.read_text()
        assert text.count(old) == 1, f"{path} changed; correct the walk-through and its test"
        file.write_text(text.replace(old, new))

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """`python -m …`, in which `gateway` is this copy."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONSAFEPATH": "1"}
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.root,
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
