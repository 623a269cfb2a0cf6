"""A schema file is known by its path, whatever it calls itself.

Tracking plans come with `$id` and `$anchor`. Here they are taken out, and what refers to them is
made to refer to the file and the place where they stood, so that both engines and the gateway's own
walks read one kind of reference. Draft-07 is written with many spellings of its `$schema`.
"""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urldefrag, urljoin

from gateway.config.source import Document
from gateway.contract.library import BASE, DRAFT_07, SUFFIX, Node, is_draft_07
from gateway.event import JsonPath

_Places = dict[str, tuple[str, JsonPath]]
"""Where each address stands: the name of its file, and the path inside it."""


def by_path(documents: Mapping[str, Document]) -> dict[str, Document]:
    """The documents without identifiers of their own."""
    copies = {
        name: replace(document, value=copy.deepcopy(document.value))
        if isinstance(document.value, dict)
        else document
        for name, document in documents.items()
    }
    places: _Places = {_address(name): (name, ()) for name in copies}
    nodes = [
        (node, base)
        for name, document in copies.items()
        if isinstance(document.value, dict)
        for node, base in _based(Node(name, (), document.value), _address(name), document.value)
    ]
    for node, base in nodes:
        for address in _own_addresses(node.schema, base):
            places.setdefault(address, (node.name, node.path))
    for node, base in nodes:
        _rewrite(node, base, places)
    for document in copies.values():
        if isinstance(document.value, dict) and is_draft_07(document.value):
            document.value["$schema"] = f"{DRAFT_07}#"
    return copies


def identified(schema: Mapping[str, Any]) -> Iterator[str]:
    """The keywords of one schema that are taken out."""
    for keyword in ("$id", "$anchor"):
        if isinstance(schema.get(keyword), str):
            yield keyword


def _based(node: Node, base: str, root: Mapping[str, Any]) -> Iterator[tuple[Node, str]]:
    """Every schema of a file, and the address that its references are relative to."""
    given = node.schema.get("$id")
    if isinstance(given, str) and not given.startswith("#") and not _only_refers(node, root):
        base = urldefrag(urljoin(base, given)).url
    yield node, base
    for child in node.children():
        yield from _based(child, base, root)


def _own_addresses(schema: Mapping[str, Any], base: str) -> Iterator[str]:
    for keyword in identified(schema):
        if keyword == "$anchor":
            yield f"{base}#{schema[keyword]}"
        else:
            yield urljoin(base, schema[keyword]).rstrip("#")


def _only_refers(node: Node, root: Mapping[str, Any]) -> bool:
    return "$ref" in node.schema and is_draft_07(root)


def _rewrite(node: Node, base: str, places: _Places) -> None:
    schema: Any = node.schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        whole, fragment = urldefrag(urljoin(base, reference))
        named = places.get(f"{whole}#{fragment}") if fragment[:1] not in ("", "/") else None
        if named:
            schema["$ref"] = _reference(node.name, named, "")
        elif (found := places.get(whole)) and fragment[:1] in ("", "/"):
            schema["$ref"] = _reference(node.name, found, fragment)
    for keyword in [*identified(schema)]:
        del schema[keyword]


def _reference(here: str, target: tuple[str, JsonPath], fragment: str) -> str:
    name, path = target
    steps = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
    file = ""
    if name != here:
        file = posixpath.relpath(f"{name}{SUFFIX}", posixpath.dirname(here) or ".")
    return f"{file}#{steps}{fragment}"


def _address(name: str) -> str:
    return f"{BASE}{name}{SUFFIX}"
