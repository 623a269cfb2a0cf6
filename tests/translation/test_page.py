"""docs/mapping.md says what the translation does."""

from __future__ import annotations

from pathlib import Path

from gateway.translation import page

PAGE = Path(__file__).parent.parent.parent / "docs" / "mapping.md"


def test_the_page_is_what_the_code_makes_of_itself() -> None:
    assert PAGE.read_text("utf-8") == page.text(), (
        "write it anew: python -m gateway.translation.page docs/mapping.md"
    )
