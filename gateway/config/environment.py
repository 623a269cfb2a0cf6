"""What the environment adds to the configuration: `${NAME}` in a file, and settings by their place.

A variable may also be the name of a file: where NAME is unset or empty, NAME_FILE names the file
that holds the value. No value is ever part of a message. Every setting of all three files can be
given as `GATEWAY__section__key`; a variable of this form that is no setting is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml

from gateway.errors import Mistake
from gateway.event import JsonPath

ENVIRONMENT = {
    "GATEWAY_LISTEN": ("listen",),
    "GATEWAY_ADMIN_LISTEN": ("admin", "listen"),
    "GATEWAY_DATA_DIR": ("data_dir",),
}
"""Variables that win over gateway.yaml."""

PREFIX = "GATEWAY__"
FILE = "_FILE"
_MOST_BYTES = 64 * 1024


def variable(environment: Mapping[str, str], name: str) -> str | None:
    """The value of a variable or of the file it names; None: unset. Raises ValueError."""
    value, file = environment.get(name), environment.get(name + FILE)
    if not file:
        return value
    if value:
        raise ValueError(f"{name} and {name}{FILE} are both set; keep one of them")
    return _content(name + FILE, FilePath(file))


def _content(name: str, file: FilePath) -> str:
    """The text of a file without the line break at its end."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"the file that {name} names is too large for a setting")
        text = content.decode()
    except OSError as error:
        raise ValueError(f"the file that {name} names cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file that {name} names is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def plain(text: str) -> Any:
    """What YAML takes an unquoted text for: a number, true, nothing, or the text itself."""
    if not text or text != text.strip():
        return text
    loader: Any = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    try:
        return loader.construct_object(yaml.ScalarNode(tag, text))
    except (ValueError, yaml.YAMLError):  # 2026-99-99 looks like a date
        return text


@dataclass(frozen=True, slots=True)
class Override:
    """A setting that the environment makes."""

    variable: str
    path: JsonPath
    value: Any
    text: str


def overrides(environment: Mapping[str, str], mistakes: list[Mistake]) -> list[Override]:
    """Every setting that the environment makes, the stronger behind the weaker."""
    found = [
        Override(name, path, text, text)
        for name, path in ENVIRONMENT.items()
        if (text := _text(environment, name, mistakes))
    ]
    named: dict[JsonPath, str] = {}
    for name in sorted(_names(environment)):
        path: JsonPath = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if path in named:
            mistakes.append(Mistake(name, 0, f"{named[path]} says the same; keep one of them"))
        named[path] = name
        if text := _text(environment, name, mistakes):
            found.append(Override(name, path, _value(text), text))
    return found


def _names(environment: Mapping[str, str]) -> set[str]:
    """The variables that are settings; `…_FILE` stands for the one without it."""
    return {name.removesuffix(FILE) for name in environment if name.startswith(PREFIX)}


def _text(environment: Mapping[str, str], name: str, mistakes: list[Mistake]) -> str | None:
    try:
        return variable(environment, name)
    except ValueError as error:
        mistakes.append(Mistake(name, 0, str(error)))
        return None


def _value(text: str) -> Any:
    """A list or a map is written as YAML."""
    try:
        loaded = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return text
    return loaded if isinstance(loaded, list | dict) else plain(text)


def with_value(value: Any, path: JsonPath, given: Any) -> dict[str, Any]:
    """A copy that has `given` at `path`. Raises TypeError where the path leads into a list."""
    if value is not None and not isinstance(value, dict):
        raise TypeError("no map")
    head, *rest = path
    inner = (value or {}).get(head)
    return {**(value or {}), str(head): with_value(inner, tuple(rest), given) if rest else given}


def paths(path: JsonPath, value: Any) -> Iterator[JsonPath]:
    """The path of a value and of all in it."""
    yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from paths((*path, str(key)), child)
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from paths((*path, i), child)
