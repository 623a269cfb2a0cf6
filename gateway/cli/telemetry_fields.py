"""What becomes of a field is found by trying: the policy in force scrubs a probe in it."""

from __future__ import annotations

import copy
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.contract import EventPlan
from gateway.contract.library import Library, Node
from gateway.contract.plan import event_of, example_of
from gateway.event import Change, JsonPath, Message
from gateway.pipeline.decide import Rules

_WORD = "sample"
_URL = "https://host.example/path?query=sample"
_TEXT = "write to somebody@mail.example"
_DIGEST = hashlib.sha256(_WORD.encode()).hexdigest()
_PROBES: Mapping[str, Any] = {
    "integer": 4,
    "number": 4.5,
    "boolean": True,
    "object": {_WORD: _WORD},
    "array": [_WORD],
}
_WORDS = {
    "drop": "removed",
    "mask": "masked",
    "pseudonymize": "pseudonym",
    "truncate": "shortened",
    "strip_query": "URL without its query",
}
_ANY = "*"
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class DocumentedField:
    """One place of an event, as its schema describes it."""

    pointer: str  # `*` stands for any item or member
    type: str
    description: str
    required: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A field, and what becomes of it."""

    field: DocumentedField
    treatment: str


def rows(plan: EventPlan, root: Node, library: Library, rules: Rules) -> list[Row]:
    """Every field of a schema, with its treatment under the policy."""
    example = example_of(plan, root.schema)
    found = []
    for path, field in _fields([root], (), library, required=False):
        found.append(Row(field, _treatment(plan, example, path, field.type, rules)))
    return found


def _fields(
    nodes: list[Node], path: tuple[str, ...], library: Library, *, required: bool
) -> Iterator[tuple[tuple[str, ...], DocumentedField]]:
    expanded = library.expand(nodes)
    if path:
        yield (
            path,
            DocumentedField(
                "/" + "/".join(path), _type(expanded), _description(expanded), required
            ),
        )
    if len(path) == _DEEPEST:
        return
    certain = library.expand(nodes, branches=False)
    needed = {key for node in certain for key in node.schema.get("required", ())}
    below: defaultdict[str, list[Node]] = defaultdict(list)
    for node in expanded:
        for child in node.children():
            keyword, *rest = child.path[len(node.path) :]
            if keyword == "properties":
                below[str(rest[0])].append(child)
            elif keyword in ("items", "additionalProperties"):
                below[_ANY].append(child)
    for key, children in below.items():
        yield from _fields(children, (*path, key), library, required=key in needed)


def _type(nodes: list[Node]) -> str:
    for node in nodes:
        if kind := node.schema.get("type"):
            kinds = [kind] if isinstance(kind, str) else kind
            return " or ".join(one for one in kinds if one != "null")
    return "any"


def _description(nodes: list[Node]) -> str:
    return next((text for node in nodes if (text := node.schema.get("description"))), "")


def _treatment(
    plan: EventPlan, example: Message, path: tuple[str, ...], kind: str, rules: Rules
) -> str:
    kind = kind.partition(" or ")[0]
    if kind in _PROBES:
        change = _tried(plan, example, path, _PROBES[kind], rules)
        holds_others = change is None and kind in ("object", "array")
        return "by its content" if holds_others else _said(change)
    word = _tried(plan, example, path, _WORD, rules)
    digest = _said(_tried(plan, example, path, _DIGEST, rules))
    if word:
        return _said(word) if digest == _said(word) else f"a hash {digest}; else {_said(word)}"
    url, text = (_tried(plan, example, path, probe, rules) for probe in (_URL, _TEXT))
    parts = [_said(url)] if url else []
    if text:
        parts.append(f"scanned (`{_rule(text)}`)")
    return "; ".join(parts) or _said(None)


def _said(change: Change | None) -> str:
    if change is None:
        return "sent unchanged"
    return f"{_WORDS.get(change.action, change.action)} (`{_rule(change)}`)"


def _rule(change: Change) -> str:
    """Whichever schema it is, the page is about it."""
    return change.rule.partition(":")[0]


def _tried(
    plan: EventPlan, example: Message, path: tuple[str, ...], probe: Any, rules: Rules
) -> Change | None:
    """What the policy does to the probe at `path` of an event that is otherwise the example."""
    message = copy.deepcopy(example)
    real = _planted(message, path, copy.deepcopy(probe))
    raw = event_of(message, plan.match)
    changes = rules.policy.scrub(raw, plan.name).changes
    places = {rules.policy.pointer(real[:length]) for length in range(1, len(real) + 1)}
    return next((change for change in changes if change.pointer in places), None)


def _planted(message: Message, path: tuple[str, ...], probe: Any) -> JsonPath:
    """Put the probe at `path`; returns where that is in this message."""
    holder: Any = message
    real: list[str | int] = []
    for depth, key in enumerate(path):
        is_last = depth + 1 == len(path)
        following = path[depth + 1] if not is_last else ""
        new: Any = probe if is_last else ([] if following == _ANY else {})
        if isinstance(holder, list):
            holder.insert(0, new if is_last or not holder else copy.deepcopy(holder[0]))
            step: str | int = 0
        else:
            step = _WORD if key == _ANY else key
            if is_last or not isinstance(holder.get(step), dict | list):
                holder[step] = new
        real.append(step)
        holder = holder[step]
    return tuple(real)
