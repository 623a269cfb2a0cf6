"""The reference pages say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.cli import reference


@pytest.mark.parametrize(
    ("page", "made"),
    [("configuration.md", reference.configuration), ("reference.md", reference.reference)],
)
def test_the_generated_pages_are_those_of_this_code(page: str, made: object) -> None:
    assert callable(made)
    written = Path("docs", page).read_text("utf-8")
    assert written == made(), "run `make docs`"


def test_every_setting_has_a_meaning() -> None:
    bare = [
        line
        for line in reference.configuration().splitlines()
        if line.startswith("| `") and line.endswith("|  |")
    ]
    assert [line for line in bare if not line.startswith("| `type`")] == []


def test_every_decision_is_in_the_index() -> None:
    index = Path("docs/decisions/README.md").read_text("utf-8")
    decisions = sorted(path.name for path in Path("docs/decisions").glob("0*.md"))
    assert [name for name in decisions if f"]({name})" not in index] == []


def test_every_link_between_the_pages_leads_somewhere() -> None:
    broken = [
        f"{page}: {target}"
        for page in [Path("README.md"), *Path("docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
