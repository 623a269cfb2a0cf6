"""Every value of a configuration file remembers the line it came from.

`load` composes the YAML itself, because an error without a line sends people searching. Values are
filled from the environment: `${NAME}` must be set, `${NAME:-default}` need not; `$$` is a `$`. What
is filled in is never read as YAML with a structure of its own, whatever characters it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, ClassVar

import yaml

from gateway.config.environment import PREFIX, Override, paths, plain, variable, with_value
from gateway.errors import ConfigurationError, Mistake
from gateway.event import JsonPath

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}|(?P<odd>\{))")


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration file: its plain value, and the line of everything in it."""

    file: str
    value: Any
    lines: Mapping[JsonPath, int]
    texts: Mapping[JsonPath, str] = field(default_factory=dict, repr=False)
    """Values that are numbers or the like only because what filled them in looks like it."""
    variables: Mapping[JsonPath, str] = field(default_factory=dict)
    """Which variable of the environment a value comes from that does not stand in the file."""

    def line(self, path: JsonPath) -> int:
        """The line of `path`, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def mistake(self, path: JsonPath, message: str) -> Mistake:
        while path and path not in self.lines and path not in self.variables:
            path = path[:-1]
        if path in self.variables:
            return Mistake(self.variables[path], 0, message)
        return Mistake(self.file, self.line(path), message)


class _DataLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as JSON has it: `on`, `12:30` and a date are texts."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", [*"-+0123456789"]),
    ("float", r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?", [*"-+0123456789"]),
):
    _DataLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first
    )


def load(file: FilePath, environment: Mapping[str, str] | None) -> Document:
    """Read a YAML file. Raises ConfigurationError for what is unreadable, ambiguous or unset.

    `environment` None: a file of data, in which nothing is filled in and types are those of JSON.
    """
    name = str(file)
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Mistake(name, 1, f"cannot be read: {error}")]) from None
    try:
        node = yaml.compose(text, Loader=_DataLoader if environment is None else yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark else 1
        raise ConfigurationError([Mistake(name, line, f"not YAML: {problem}")]) from None
    reader = _Reader(name, environment)
    value = {} if node is None else reader.value(node, ())
    if reader.mistakes:
        raise ConfigurationError(reader.mistakes)
    return Document(name, value, reader.lines, reader.texts)


def overridden(
    document: Document, several: Iterable[Override], mistakes: list[Mistake]
) -> Document:
    """The document with these settings in the place of its own."""
    value = document.value
    texts, variables = dict(document.texts), dict(document.variables)
    for one in several:
        head = one.path[0]
        try:
            value = with_value(value, one.path, one.value)
        except TypeError:
            message = f"`{head}` is no map that leads there; set it whole, as YAML: {PREFIX}{head}"
            mistakes.append(Mistake(one.variable, 0, message))
            continue
        texts[one.path] = one.text
        for end in range(1, len(one.path)):
            if one.path[:end] not in document.lines:
                variables.setdefault(one.path[:end], one.variable)
        variables.update((path, one.variable) for path in paths(one.path, one.value))
    return Document(document.file, value, document.lines, texts, variables)


class _Reader:
    """Builds plain values out of YAML nodes; tells on duplicate keys, which PyYAML lets pass."""

    def __init__(self, file: str, environment: Mapping[str, str] | None) -> None:
        self.file = file
        self.environment = environment
        self.lines: dict[JsonPath, int] = {}
        self.texts: dict[JsonPath, str] = {}
        self.mistakes: list[Mistake] = []
        self._scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, path: JsonPath) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: JsonPath) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in built:
                first = self.lines[(*path, key)]
                self._wrong(line, f"`{key}` is given twice, first on line {first}; keep one")
            self.lines[(*path, key)] = line
            built[key] = self.value(value_node, (*path, key))
        return built

    def _scalar(self, node: yaml.Node, path: JsonPath) -> Any:
        text = str(node.value)
        if self.environment is None or "$" not in text:
            return self._scalars.construct_object(node)
        environment = self.environment
        line = node.start_mark.line + 1

        def fill(match: re.Match[str]) -> str:
            if match["odd"]:
                self._wrong(
                    line, "`${` opens a variable that does not close; write ${NAME}, or $$ for $"
                )
            if not (name := match["name"]):
                return "$"
            try:
                given = variable(environment, name)
            except ValueError as error:
                self._wrong(line, str(error))
                return ""
            if given is None and match["default"] is None:
                self._wrong(line, f"${{{name}}} is not set; set it, or write ${{{name}:-default}}")
            return match["default"] or "" if given is None else given

        filled = _VARIABLE.sub(fill, text)
        if isinstance(node, yaml.ScalarNode) and node.style is None:
            # An unquoted ${PORT:-8080} means the number, as it would without the variable.
            self.texts[path] = filled
            return plain(filled)
        return filled

    def _wrong(self, line: int, message: str) -> None:
        self.mistakes.append(Mistake(self.file, line, message))
