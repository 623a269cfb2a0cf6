"""What a schema lists is known beforehand: one look-up a member tells the planned from the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import jsonschema_rs

from gateway.contract.library import Library, Node
from gateway.event import JsonPath, Protocol
from gateway.protocols import PROTOCOLS


@dataclass(frozen=True, slots=True)
class Shape:
    """The members that a schema lists for an object, and for the objects inside it."""

    members: Mapping[str, Shape | None]  # None: nothing inside it can be unplanned
    closed: bool  # lists members and does not say that others may come
    items: Shape | None = None  # of an array
    others: Shape | None = None  # of members that are not listed
    patterns: tuple[jsonschema_rs.Validator, ...] = ()  # of names that are listed so


def shapes(root: Node, protocol: Protocol, library: Library) -> tuple[tuple[JsonPath, Shape], ...]:
    """The shape of each ground that clients fill with what they like."""
    found: list[tuple[JsonPath, Shape]] = []
    spec = PROTOCOLS[protocol]
    for path in spec.free_form:
        nodes = [root]
        for step in path:
            expanded = library.expand(nodes)
            nodes = [child for node in expanded if (child := node / ("properties", step))]
        if (shape := _shape(nodes, library, frozenset())) is not None:
            essential = dict.fromkeys(spec.essential_properties)
            shape = replace(shape, members={**essential, **shape.members})
            found.append((path, shape))
    return tuple(found)


def watched(shape: Shape | None) -> Shape | None:
    """The same without the parts in which nothing can be unplanned; None if that is all of it."""
    if shape is None:
        return None
    members = {key: watched(inner) for key, inner in shape.members.items()}
    items, others = watched(shape.items), watched(shape.others)
    if not (shape.closed or items or others or any(members.values())):
        return None
    return replace(shape, members=members, items=items, others=others)


def names(shape: Shape, path: JsonPath) -> bool:
    """Whether it lists the member at `path`, or something around it and nothing inside that.

    `*` is any item of an array.
    """
    here: Shape | None = shape
    for depth, step in enumerate(path):
        if here is None or (depth and not (here.members or here.items)):
            return True
        if step == "*" and here.items is not None:
            here = here.items
        elif step in here.members:
            here = here.members[str(step)]
        else:
            return False
    return True


def _shape(
    nodes: list[Node], library: Library, above: frozenset[frozenset[tuple[str, JsonPath]]]
) -> Shape | None:
    """What `nodes`, all schemas of one value, list together; None if there are none.

    A schema that contains itself is followed once; what repeats inside it counts as open.
    """
    here = frozenset((node.name, node.path) for node in nodes)
    if not nodes or here in above:
        return None
    expanded = library.expand(nodes)
    inner: dict[str, list[Node]] = {}
    items: list[Node] = []
    others: list[Node] = []
    patterns: list[str] = []
    listed = open_ended = False
    for node in expanded:
        if library.only_refers(node):
            continue
        properties = node.schema.get("properties", {})
        listed = listed or bool(properties)
        for key in properties:
            inner.setdefault(key, [])
            if (child := node / ("properties", key)) is not None:
                inner[key].append(child)
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            open_ended = open_ended or keyword in node.schema
            others += _at(node, (keyword,))
        for pattern in node.schema.get("patternProperties", ()):
            patterns.append(pattern)
            others += _at(node, ("patternProperties", pattern))
        items += _at(node, ("items",)) + _at(node, ("additionalItems",))
        for keyword in ("items", "prefixItems"):
            if isinstance(listing := node.schema.get(keyword), list):
                for index in range(len(listing)):
                    items += _at(node, (keyword, index))
    following = above | {here}
    return Shape(
        members={key: _shape(children, library, following) for key, children in inner.items()},
        closed=listed and not open_ended,
        items=_shape(items, library, following),
        others=_shape(others, library, following),
        patterns=tuple(_pattern(pattern) for pattern in patterns),
    )


def _at(node: Node, path: JsonPath) -> list[Node]:
    return [] if (child := node / path) is None else [child]


def _pattern(pattern: str) -> jsonschema_rs.Validator:
    options = jsonschema_rs.RegexOptions()
    return jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=options)
