"""What was seen since the last look, by the keys of events: one look-up for each event.

Bounded: so many sets of keys, each so large. What is over is counted and not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.contract import EventPlan
from gateway.event import Change, Decision, SeenFields
from gateway.fields.table import Place, Sighting
from gateway.pipeline.fields import (
    DROPPED,
    ITEM,
    LONGEST,
    NEW,
    Branch,
    Path,
    event_key,
    field_pointer,
    is_exempt,
    is_small,
    paths,
    tree,
)
from gateway.privacy import scrubbed_text, shape_of

MOST = 512
"""Sets of keys between two looks."""
_ITEMS = 20
"""Of an array that are looked into for shapes."""
_INDEX = re.compile(r"/\d+(?=/|$)")


@dataclass(slots=True)
class _Entry:
    first: float
    last: float
    library: str
    shapes: Mapping[Path, tuple[str, int]]
    held: Mapping[str, tuple[str, int]]
    """The shapes of what was taken out, by pointer."""
    count: int = 1


class Sightings:
    """Counted by the event loop, handed over as a whole."""

    def __init__(self) -> None:
        self._entries: dict[SeenFields, _Entry] = {}
        self.over = 0

    def add(self, decision: Decision) -> None:
        seen = decision.fields
        if seen is None or decision.event is None:
            return
        entry = self._entries.get(seen)
        if entry is not None:
            entry.count += 1
            entry.last = decision.received_at
            return
        if len(self._entries) >= MOST or not is_small(every := list(paths(seen.keys))):
            self.over += 1
            return
        message = decision.event.message
        self._entries[seen] = _Entry(
            first=decision.received_at,
            last=decision.received_at,
            library=_library(message),
            shapes=_shapes(message, every),
            held=_held(decision.changes),
        )

    def taken(self) -> tuple[Mapping[SeenFields, _Entry], int]:
        """Everything, which is then no longer here."""
        entries, over = self._entries, self.over
        self._entries, self.over = {}, 0
        return entries, over


def expanded(
    entries: Mapping[SeenFields, _Entry], plans: Mapping[str, EventPlan]
) -> Iterator[Sighting]:
    """The fields that were seen, less those that need no review."""
    for seen, entry in entries.items():
        plan = plans.get(seen.schema)
        for path in paths(seen.keys):
            if is_exempt(seen.protocol, plan, path):
                continue
            protocol, event = event_key(seen, path)
            place = field_pointer(path)
            shape = entry.shapes.get(path) or entry.held.get(place)
            yield Sighting(
                Place(protocol, event, place),
                entry.count, entry.first, entry.last, entry.library, shape,
            )  # fmt: skip


def _held(changes: tuple[Change, ...]) -> dict[str, tuple[str, int]]:
    return {
        _INDEX.sub(f"/{ITEM}", one.pointer): (one.kind, one.length)
        for one in changes
        if one.rule in (NEW, DROPPED)
    }


def _shapes(message: Any, every: Iterable[Path]) -> dict[Path, tuple[str, int]]:
    """What stands at each place, of arrays in the first items."""
    found: dict[Path, tuple[str, int]] = {}
    waiting: list[tuple[Any, Branch[Path]]] = [(message, tree((path, path) for path in every))]
    while waiting:
        node, branch = waiting.pop()
        if branch.value is not None:
            found.setdefault(branch.value, shape_of(node))
        if isinstance(node, list) and ITEM in branch.below:
            waiting += [(item, branch.below[ITEM]) for item in reversed(node[:_ITEMS])]
        elif isinstance(node, dict):
            below = branch.below
            waiting += [(value, below[key]) for key, value in node.items() if key in below]
    return found


def _library(message: Any) -> str:
    for way in (("context", "library", "name"), ("properties", "mp_lib")):
        found = message
        for key in way:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, str):
            return scrubbed_text(found[:LONGEST])
    return ""
