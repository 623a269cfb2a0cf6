"""Every value of a schema file knows its line, so that every mistake can name it.

`read` is strict JSON: no comments, no NaN, and no key twice.
"""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, NoReturn

from gateway.config.source import Document
from gateway.errors import ConfigurationError, Mistake
from gateway.event import JsonPath

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


def read(file: FilePath) -> Document:
    """Read a JSON file. Raises ConfigurationError for what is unreadable or ambiguous."""
    name = str(file)
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Mistake(name, 1, f"cannot be read: {error}")]) from None
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        problem = error.msg[:1].lower() + error.msg[1:]
        raise ConfigurationError([Mistake(name, error.lineno, f"not JSON: {problem}")]) from None
    except ValueError as error:  # NaN, a number beyond all floats, or half a surrogate pair
        raise ConfigurationError([Mistake(name, 1, f"not JSON: {error}")]) from None
    except RecursionError:
        raise ConfigurationError([Mistake(name, 1, "is nested too deeply")]) from None
    reader = _Lines(name, text)
    reader.value(())
    if reader.mistakes:
        raise ConfigurationError(reader.mistakes)
    return Document(name, value, reader.lines)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


class _Lines:
    """Walks the tokens of a text already known to be JSON and notes where each value stands."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines: dict[JsonPath, int] = {}
        self.mistakes: list[Mistake] = []
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._tokens: Iterator[re.Match[str]] = _TOKEN.finditer(text)

    def value(self, path: JsonPath) -> None:
        self._value(next(self._tokens), path)

    def _value(self, token: re.Match[str], path: JsonPath) -> None:
        self.lines.setdefault(path, self._line(token))
        if token[0] == "{":
            self._members(path)
        elif token[0] == "[":
            self._items(path)

    def _members(self, path: JsonPath) -> None:
        while (token := next(self._tokens))[0] != "}":
            if token[0] == ",":
                continue
            key: Any = json.loads(token[0], strict=False)
            line = self._line(token)
            if (first := self.lines.get((*path, key))) is not None:
                message = f"`{key}` is given twice, first on line {first}; keep one"
                self.mistakes.append(Mistake(self.file, line, message))
            self.lines[(*path, key)] = line
            next(self._tokens)
            self.value((*path, key))

    def _items(self, path: JsonPath) -> None:
        index = 0
        while (token := next(self._tokens))[0] != "]":
            if token[0] != ",":
                self._value(token, (*path, index))
                index += 1

    def _line(self, token: re.Match[str]) -> int:
        return bisect(self._ends, token.start()) + 1
