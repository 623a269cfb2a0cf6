"""Every recipe of docs/privacy-recipes.md does what the page says, read from the page itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path as FilePath

import pytest

from gateway.config.privacy import Policy
from gateway.config.source import load
from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy
from gateway.privacy.policy.lint import Known, lint

Compile = Callable[..., CompiledPolicy]
MakeEvent = Callable[..., RawEvent]

PAGE = (FilePath(__file__).parents[2] / "docs" / "privacy-recipes.md").read_text()
_BLOCK = re.compile(r"```(yaml|json)\n(.*?)```", re.DOTALL)
RECIPES = {
    section.partition("\n")[0]: _BLOCK.findall(section) for section in PAGE.split("\n## ")[1:]
}


@pytest.mark.parametrize("title", RECIPES)
def test_recipe(title: str, compiled: Compile, event: MakeEvent, tmp_path: FilePath) -> None:
    (yaml, policy), *messages = RECIPES[title]
    assert yaml == "yaml"
    assert [form for form, _ in messages] == ["json", "json"]
    before, after = (json.loads(text) for _, text in messages)
    assert compiled(policy).scrub(event(before)).message == after
    file = tmp_path / "privacy.yaml"
    file.write_text(policy)
    document = load(file, {})
    assert not lint(Policy.model_validate(document.value), document, Known()).wrong


def test_every_block_belongs_to_a_recipe() -> None:
    assert len(RECIPES) >= 8
    assert all(len(blocks) == 3 for blocks in RECIPES.values())
    assert PAGE.count("```") == 6 * len(RECIPES)
