"""The catalogue loads whole and right, or not at all.

`load_catalogue` tells every mistake of every schema file, with its file and line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import jsonschema_rs
from referencing import Registry

from gateway.config.privacy import Action
from gateway.config.source import Document
from gateway.contract.catalogue import Catalogue
from gateway.contract.identifiers import by_path
from gateway.contract.library import SUFFIX, Library, Node
from gateway.contract.lint import is_common, notes_on, python_validator, review
from gateway.contract.plan import EventPlan, compile_plan, event_of
from gateway.contract.source import read
from gateway.errors import ConfigurationError, Mistake
from gateway.event import JsonPath, Message
from gateway.revisions import digest

_ANY_MEMBER = frozenset(
    {"patternProperties", "additionalProperties", "unevaluatedProperties"}
    | {"items", "prefixItems", "additionalItems", "contains"}
)


def load_catalogue(folder: FilePath, *, format_assertion: bool = False) -> Catalogue:
    """Read, check and compile every `*.schema.json` below `folder`.

    `format_assertion`: whether `format` is a rule for schemas that do not say. Raises
    ConfigurationError with every mistake found, each with its file and line.
    """
    documents: dict[str, Document] = {}
    mistakes: list[Mistake] = []
    for name, file in _files(folder, mistakes):
        try:
            documents[name] = read(file)
        except ConfigurationError as error:
            mistakes += error.mistakes
    notes = [note for document in documents.values() for note in notes_on(document)]
    documents = by_path(documents)
    library = Library(documents)
    found: dict[str, list[Mistake]] = {}
    for name in documents:
        found[name], more = review(name, library)
        mistakes += found[name]
        notes += more
    library = _sound(Library({name: documents[name] for name in documents if not found[name]}))
    plans = _plans(library, mistakes, format_assertion=format_assertion)
    mistakes += _claimed_twice(plans, library)
    annotations = {plan.name: _annotations(plan, library, mistakes) for plan in plans}
    said = {name: document.value for name, document in library.documents.items()}
    catalogue = Catalogue(plans, annotations, sorted(set(notes)), digest([format_assertion, said]))
    registry = library.python_registry()
    for plan in plans:
        mistakes += _examples(plan, catalogue, library, registry)
    if mistakes:
        raise ConfigurationError(mistakes)
    return catalogue


def _sound(library: Library) -> Library:
    """Without the files that refer to one that is not there, since it had mistakes of its own."""
    sound = {
        name: document for name, document in library.documents.items() if library.is_whole(name)
    }
    return library if len(sound) == len(library.documents) else _sound(Library(sound))


def _plans(library: Library, mistakes: list[Mistake], *, format_assertion: bool) -> list[EventPlan]:
    plans = []
    registry = library.rust_registry()
    for name, document in library.documents.items():
        if is_common(name):
            continue
        try:
            root = library.root(name)
            plan = compile_plan(root, library, registry, format_assertion=format_assertion)
            plans.append(plan)
        except jsonschema_rs.ValidationError as error:
            message = f"the schema cannot be compiled: {error.message}"
            mistakes.append(document.mistake((), message))
    return plans


def _files(folder: FilePath, mistakes: list[Mistake]) -> Iterator[tuple[str, FilePath]]:
    files = sorted(folder.rglob("*.json"))
    if not files:
        mistakes.append(Mistake(str(folder), 1, f"holds no *{SUFFIX} file"))
    for file in files:
        if file.name.endswith(SUFFIX):
            yield file.relative_to(folder).as_posix().removesuffix(SUFFIX), file
        else:
            mistakes.append(
                Mistake(str(file), 1, f"call it `{file.stem}{SUFFIX}`, or move it away")
            )


def _examples(
    plan: EventPlan, catalogue: Catalogue, library: Library, registry: Registry[Any]
) -> Iterator[Mistake]:
    """Every example must be right, by the reference implementation, and be the schema's own.

    Where that cannot read a pattern, and for formats, the engine's word counts.
    """
    document = library.documents[plan.name]
    schema = {**document.value, "$id": library.address(plan.name)}
    validator = python_validator(schema)(schema, registry=registry)
    for index, example in enumerate(schema.get("examples", ())):
        place: JsonPath = ("examples", index)
        if not isinstance(example, dict):
            yield document.mistake(place, "an example must be a whole event")
            continue
        try:
            broken = [
                ((*error.absolute_path,), error.message) for error in validator.iter_errors(example)
            ]
        except RecursionError:
            yield document.mistake((), "the schema refers to itself in a circle without end")
            return
        except re.error:
            broken = _broken(plan, example)
        if plan.asserts_formats and not broken:
            broken = _broken(plan, example)
        for path, message in broken:
            yield document.mistake((*place, *path), f"the example breaks the schema: {message}")
        matched = catalogue.match(event_of(example, plan.match))
        if matched is not plan:
            found = f"that of `{matched.name}`" if matched else "no schema's"
            yield document.mistake(place, f"the example is not this schema's event but {found}")


def _broken(plan: EventPlan, example: Message) -> list[tuple[JsonPath, str]]:
    return [(tuple(e.instance_path), e.message) for e in plan.engine.iter_errors(example)]


def _claimed_twice(plans: Sequence[EventPlan], library: Library) -> Iterator[Mistake]:
    owners: dict[tuple[Any, ...], str] = {}
    for plan in plans:
        match = plan.match
        claims = [
            (kind, "event", name) for kind in match.types for name in match.names + match.globs
        ]
        claims += [(kind, "pattern", match.pattern) for kind in match.types if match.pattern]
        claims = claims or [(kind, "type", kind) for kind in match.types]
        for kind, key, name in claims:
            claim = (match.protocol, kind, key, name, frozenset(match.has), plan.version)
            owner = owners.setdefault(claim, plan.name)
            if owner != plan.name:
                document = library.documents[plan.name]
                place: JsonPath = ("x-telemetry", "match", key)
                given = document.value["x-telemetry"]["match"][key]
                if isinstance(given, list):
                    place = (*place, given.index(name))
                yield document.mistake(place, f"`{name}` is claimed by `{owner}` already")


def _annotations(
    plan: EventPlan, library: Library, mistakes: list[Mistake]
) -> tuple[tuple[str, Action], ...]:
    """The `x-privacy` of one schema. A schema that contains itself has no end of places for it."""
    met = dict.fromkeys(_annotated([library.root(plan.name)], "", library, {}))
    loops = [pointer for pointer, action in met if action is None]
    found = tuple((pointer, action) for pointer, action in met if action is not None)
    for pointer, _ in found:
        if any(pointer.startswith(f"{loop}/") for loop in loops):
            message = (
                "`x-privacy` cannot protect what contains itself; write a rule in privacy.yaml"
            )
            mistakes.append(library.documents[plan.name].mistake((), f"{message} for {pointer}"))
    return found


def _annotated(
    nodes: list[Node],
    pointer: str,
    library: Library,
    above: Mapping[frozenset[tuple[str, JsonPath]], str],
) -> Iterator[tuple[str, Action | None]]:
    """The actions at and below `pointer`, and, without action, where a schema begins again."""
    expanded = library.expand(nodes, all_words=True)
    here = frozenset((node.name, node.path) for node in expanded)
    if here in above:
        yield above[here], None
        return
    below: defaultdict[str, list[Node]] = defaultdict(list)
    for node in expanded:
        if (action := node.schema.get("x-privacy")) is not None:
            yield pointer, action
        for child in node.children():
            keyword, *rest = child.path[len(node.path) :]
            if keyword == "properties":
                key = str(rest[0]).replace("~", "~0").replace("/", "~1")
                below[f"{pointer}/{key}"].append(child)
            elif keyword in _ANY_MEMBER:
                below[f"{pointer}/*"].append(child)
    for inner, children in below.items():
        yield from _annotated(children, inner, library, {**above, here: pointer})
