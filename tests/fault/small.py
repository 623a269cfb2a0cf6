"""A folder of one schema, so that a start or a reload takes milliseconds."""

from __future__ import annotations

from pathlib import Path

_SCHEMA = """{
  "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Moved", "description": "d",
  "type": "object", "required": ["event"],
  "properties": {"event": {"const": "Moved", "description": "d"}},
  "examples": [{"type": "track", "event": "Moved"}],
  "x-telemetry": {"class": "optional", "match": {"protocol": "segment", "type": "track",
    "event": "Moved"}}
}"""


def write_schema(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "moved.schema.json").write_text(_SCHEMA)
