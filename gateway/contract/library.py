"""A `$ref` leads to a place inside the schemas folder, or the catalogue does not load.

`Library` holds every schema file and resolves references among them for the gateway's own walks;
both JSON Schema engines get the same files under the same addresses, and no network.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import referencing
from referencing.jsonschema import DRAFT7, DRAFT202012

from gateway.config.sentences import did_you_mean
from gateway.config.source import Document
from gateway.event import JsonPath

BASE = "https://schemas.invalid/"
"""Where the files stand for the engines: a host that cannot exist."""
SUFFIX = ".schema.json"
DRAFT_2020_12 = "https://json-schema.org/draft/2020-12/schema"
DRAFT_07 = "http://json-schema.org/draft-07/schema"
SCHEMA_MAPS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
)
"""Keywords that hold schemas by name."""
SCHEMA_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
SCHEMAS = frozenset(
    {
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "items",
        "additionalItems",
        "unevaluatedItems",
        "contains",
        "not",
        "if",
        "then",
        "else",
    }
)
"""Keywords that hold one schema."""
_SAME_VALUE = ("if", "then", "else")
_SAME_VALUE_LISTS = ("allOf", "anyOf", "oneOf")


class UnresolvedReferenceError(Exception):
    """A `$ref` that leads nowhere; the message is for the author of the schema."""


@dataclass(frozen=True, slots=True)
class Node:
    """One schema object, and where it stands."""

    name: str  # of its file
    path: JsonPath
    schema: Mapping[str, Any]

    def __truediv__(self, steps: JsonPath) -> Node | None:
        """The schema object at `steps` below this one; None where none is there."""
        value: Any = self.schema
        for step in steps:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return Node(self.name, (*self.path, *steps), value) if isinstance(value, dict) else None

    def children(self) -> Iterator[Node]:
        """Every schema object directly inside this one."""
        for keyword, value in self.schema.items():
            steps: list[JsonPath] = []
            if keyword in SCHEMA_MAPS and isinstance(value, dict):
                steps = [(keyword, key) for key in value]
            elif isinstance(value, list) and (keyword in SCHEMA_LISTS or keyword == "items"):
                steps = [(keyword, index) for index in range(len(value))]
            elif keyword in SCHEMAS:
                steps = [(keyword,)]
            yield from (child for step in steps if (child := self / step) is not None)


@dataclass(frozen=True, slots=True)
class Library:
    """All files of the folder by name: the path below it, without `.schema.json`."""

    documents: Mapping[str, Document]

    def root(self, name: str) -> Node:
        return Node(name, (), self.documents[name].value)

    def resolve(self, node: Node) -> Node | None:
        """Where the `$ref` of `node` leads. Raises UnresolvedReferenceError; None without one."""
        reference = node.schema.get("$ref")
        if not isinstance(reference, str):
            return None
        file, _, fragment = reference.partition("#")
        if "//" in file or ":" in file or file.startswith("/"):
            raise UnresolvedReferenceError(
                "a `$ref` must name a file of this folder by its relative path; nothing is fetched"
            )
        name = node.name
        if file:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(node.name), unquote(file)))
            name = path.removesuffix(SUFFIX)
            if not path.endswith(SUFFIX) or name not in self.documents:
                known = [known + SUFFIX for known in self.documents]
                raise UnresolvedReferenceError(
                    f"`$ref` names `{path}`, which is not in the folder{did_you_mean(path, known)}"
                )
        steps = [
            step.replace("~1", "/").replace("~0", "~") for step in unquote(fragment).split("/")[1:]
        ]
        if fragment and not fragment.startswith("/"):
            raise UnresolvedReferenceError("the part of a `$ref` after # must be a JSON Pointer")
        found = self._follow(name, steps)
        if found is None:
            raise UnresolvedReferenceError(f"`{reference}` leads to no schema")
        return found

    def _follow(self, name: str, steps: list[str]) -> Node | None:
        value: Any = self.documents[name].value
        path: JsonPath = ()
        for step in steps:
            key = int(step) if isinstance(value, list) and step.isdecimal() else step
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
            path = (*path, key)
        return Node(name, path, value) if isinstance(value, dict) else None

    def walk(self, root: Node) -> Iterator[Node]:
        """`root` and every schema below it or referred to from there, each once."""
        seen: set[tuple[str, JsonPath]] = set()
        pending = [root]
        while pending:
            node = pending.pop()
            if (node.name, node.path) in seen:
                continue
            seen.add((node.name, node.path))
            yield node
            pending += node.children()
            if (target := self.resolve(node)) is not None:
                pending.append(target)

    def is_whole(self, name: str) -> bool:
        """Whether every reference of a file, and of those that it refers to, leads somewhere."""
        try:
            return all(True for _ in self.walk(self.root(name)))
        except UnresolvedReferenceError:
            return False

    def only_refers(self, node: Node) -> bool:
        """Whether the words beside its `$ref` count for nothing, as draft-07 has it."""
        return "$ref" in node.schema and is_draft_07(self.documents[node.name].value)

    def expand(
        self, nodes: list[Node], *, branches: bool = True, all_words: bool = False
    ) -> list[Node]:
        """`nodes` and every schema that may apply to the same value: references and branches.

        Without `branches`, those that must apply. With `all_words`, what stands beside a `$ref`
        too, whatever the draft.
        """
        found: dict[tuple[str, JsonPath], Node] = {}
        pending = list(nodes)
        while pending:
            node = pending.pop(0)
            if (node.name, node.path) in found:
                continue
            found[node.name, node.path] = node
            lists = _SAME_VALUE_LISTS if branches else ("allOf",)
            steps: list[JsonPath] = [
                (keyword, index)
                for keyword in lists
                for index in range(len(node.schema.get(keyword, ())))
            ]
            if branches:
                steps += [(keyword,) for keyword in _SAME_VALUE]
                for keyword in ("dependentSchemas", "dependencies"):
                    steps += [(keyword, key) for key in node.schema.get(keyword, ())]
            if self.only_refers(node) and not all_words:
                steps = []
            pending += [child for step in steps if (child := node / step) is not None]
            if (target := self.resolve(node)) is not None:
                pending.append(target)
        return list(found.values())

    def address(self, name: str) -> str:
        return f"{BASE}{name}{SUFFIX}"

    def rust_registry(self) -> jsonschema_rs.Registry:
        """The files for the compiled engine."""
        return jsonschema_rs.Registry(
            [(self.address(name), document.value) for name, document in self.documents.items()]
        )

    def python_registry(self) -> referencing.Registry[Any]:
        """The files for `jsonschema`, which checks the examples and is the tests' oracle."""
        return referencing.Registry[Any]().with_resources(
            (
                self.address(name),
                (DRAFT7 if is_draft_07(document.value) else DRAFT202012).create_resource(
                    document.value
                ),
            )
            for name, document in self.documents.items()
        )


def is_draft_07(schema: Mapping[str, Any]) -> bool:
    """With or without `#` at its end; many write https."""
    return str(schema.get("$schema", "")).rstrip("#").replace("https:", "http:", 1) == DRAFT_07
