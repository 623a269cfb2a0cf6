from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.contract import Catalogue, load_catalogue
from gateway.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The schemas that ship."""
    return load_catalogue(ROOT / "schemas")


@pytest.fixture
def load(tmp_path: Path) -> Callable[[dict[str, Any]], Catalogue]:
    """Loads a folder of schemas given by name, as text or as what the text would hold."""

    def load_files(files: dict[str, Any]) -> Catalogue:
        for name, schema in files.items():
            file = tmp_path / f"{name}.schema.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            text = schema if isinstance(schema, str) else json.dumps(schema, indent=1)
            file.write_text(text, "utf-8")
        return load_catalogue(tmp_path)

    return load_files


@pytest.fixture
def schema_of() -> Callable[..., dict[str, Any]]:
    """A small right schema for the track event of a name, with any part of it replaced."""

    def make(event: str = "Order Paid", **replaced: Any) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Order paid",
            "description": "A customer paid an order.",
            "x-telemetry": {
                "class": "optional",
                "match": {"protocol": "segment", "type": "track", "event": event},
            },
            "type": "object",
            "properties": {
                "properties": {
                    "type": "object",
                    "description": "The order.",
                    "required": ["amount"],
                    "properties": {
                        "amount": {
                            "type": "integer",
                            "description": "Price in cents.",
                            "minimum": 1,
                        },
                        "coupon": {"type": "string", "description": "Code of the discount."},
                    },
                }
            },
            "examples": [{"type": "track", "event": event, "properties": {"amount": 5}}],
        }
        return {**schema, **replaced}

    return make


@pytest.fixture
def mistakes(
    load: Callable[[dict[str, Any]], Catalogue], tmp_path: Path
) -> Callable[[dict[str, Any]], list[str]]:
    """What a folder is refused for."""

    def refused(files: dict[str, Any]) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            load(files)
        return [str(mistake).removeprefix(f"{tmp_path}/") for mistake in caught.value.mistakes]

    return refused
