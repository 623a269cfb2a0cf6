"""docs/mapping.md says what the translation does."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from gateway.destinations.mixpanel.settings import MixpanelSettings
from gateway.translation import page
from gateway.translation.project import Project

PAGE = Path(__file__).parent.parent.parent / "docs" / "mapping.md"


def test_the_page_is_what_the_code_makes_of_itself() -> None:
    assert PAGE.read_text("utf-8") == page.text(), (
        "write it: python -m gateway.translation.page docs/mapping.md"
    )


def test_every_setting_of_a_project_has_a_line() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    rows = [line.split("|")[1] for line in lines if line.startswith("| `")]
    for setting in fields(Project):
        if setting.name != "identity":
            assert any(f"`{setting.name}`" in row for row in rows), setting.name
            assert setting.name in MixpanelSettings.model_fields
