"""The files of config/ as JSON Schemas, for editors: names, choices and meanings while one types.

    python -m gateway.config.json_schema config/schema

An editor finds the schema by the first line of a file, `# yaml-language-server: $schema=…`. It
refuses nothing that is written as the documents say, `${NAME}` in every place included; what
several settings must have in common only `gateway check` knows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, Union

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gateway.config import cases, destination_types, values
from gateway.config.model import Name
from gateway.config.privacy import Policy
from gateway.config.routing import Routing
from gateway.config.sections import settings_model


def _routing() -> type[BaseModel]:
    """With the settings of every type of destination that is installed."""
    types = [destination_types.declared(name).settings for name in destination_types.names()]
    of_a_type: Any = Annotated[Union[tuple(types)], Field(discriminator="type")]  # noqa: UP007
    fields: dict[str, Any] = {"destinations": (dict[Name, of_a_type], ...)}
    return create_model("Routing", __base__=Routing, __doc__=Routing.__doc__, **fields)


FILES: Final[Mapping[str, Callable[[], type[BaseModel]]]] = {
    "gateway": settings_model,
    "privacy": lambda: Policy,
    "routing": _routing,
    "test": lambda: cases.CaseFile,
}
_DIALECT = "http://json-schema.org/draft-07/schema#"  # the one that editors know
_FILLED = {"type": "string", "pattern": r"\$"}
"""What the environment fills in may become anything."""
_DURATION = {"type": "string", "examples": ["500ms", "30s", "5m", "2h", "7d"]}
_MAPS = ("properties", "definitions")  # by names of people's, not of JSON Schema's
_NOT_TEXT = ("integer", "number", "boolean")


class _Generator(GenerateJsonSchema):
    """Knows what a person may write where the typed settings hold something else."""

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        function = schema["function"]["function"]
        inner = self.generate_inner(schema["schema"])
        written: Mapping[Any, JsonSchemaValue] = {
            values._listen: {"type": "string", "examples": ["127.0.0.1:8080"]},  # noqa: SLF001
            values._network: {"type": "string"},  # noqa: SLF001
            values.seconds: {"anyOf": [inner, _DURATION]},
            values._many: {"anyOf": [inner, inner.get("items", {})]},  # noqa: SLF001
            cases.check: {"anyOf": [inner, {"not": {"type": "object"}}]},
        }
        return dict(written.get(function, inner))


def schema(name: str) -> dict[str, Any]:
    """The schema of `name`.yaml."""
    made = FILES[name]().model_json_schema(
        by_alias=True, ref_template="#/definitions/{model}", schema_generator=_Generator
    )
    if "$defs" in made:
        made["definitions"] = made.pop("$defs")
    return {"$schema": _DIALECT, **_loosened(made), "title": f"{name}.yaml"}


def _loosened(node: Any) -> Any:
    """The same, where a variable may stand for a number, a switch, a choice or a pattern."""
    if isinstance(node, list):
        return [_loosened(one) for one in node]
    if not isinstance(node, dict):
        return node
    loose = {
        key: {name: _loosened(one) for name, one in child.items()}
        if key in _MAPS
        else _loosened(child)
        for key, child in node.items()
        if not _is_noise(key, child)
    }
    is_narrow = loose.get("type") in _NOT_TEXT or {"enum", "pattern", "minLength"} & loose.keys()
    if "anyOf" not in loose and is_narrow:
        said = {key: loose.pop(key) for key in ("default", "description") if key in loose}
        return {"anyOf": [loose, _FILLED], **said}
    return loose


def _is_noise(key: str, child: Any) -> bool:
    """Titles and formats of pydantic's, discriminators, and defaults that are not written so."""
    if key == "default":
        return not isinstance(child, str | int | float)
    return key in ("title", "format", "discriminator")


def texts() -> Iterator[tuple[str, str]]:
    """The names of the files, and what they hold."""
    for name in FILES:
        text = json.dumps(schema(name), indent=1, ensure_ascii=False, default=str)
        yield f"{name}.json", text + "\n"


def main(folder: FilePath) -> None:
    """Write them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(FilePath(sys.argv[1]))
