"""The fields that events were seen with: names, shapes and counts, never a value.

Bounded whatever clients send: so many fields, so many of one event, so long a name. What is over is
counted and not kept. What people accepted or dropped is never crowded out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from gateway.pipeline.fields import LONGEST, EventKey

State = Literal["known", "new", "accepted", "dropped"]
"""known: seen while learning. new: seen first since then. The others are people's word."""

MOST = 5000
"""Fields in all."""
MOST_OF_AN_EVENT = 200
MOST_SHAPES = 6


class Place(NamedTuple):
    """A field of an event."""

    protocol: str
    event: str
    pointer: str


@dataclass(slots=True)
class Row:
    """What is known of a field."""

    state: State
    count: int = 0
    first_seen: float = 0.0
    last_seen: float = 0.0
    library: str = ""
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """What its values are, with the least and the greatest length."""

    def shown(self) -> list[str]:
        """Such as `string(3-17)`, `email` and `number`."""
        return [
            (f"{kind}({least})" if least == most else f"{kind}({least}-{most})")
            if kind == "string"
            else kind
            for kind, (least, most) in sorted(self.shapes.items())
        ]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A field that was seen a number of times."""

    place: Place
    count: int
    first: float
    last: float
    library: str
    shape: tuple[str, int] | None


@dataclass(slots=True)
class FieldTable:
    """All of them."""

    since: float
    """When learning began."""
    over: int = 0
    """Sightings that were not kept, because there are too many different fields."""
    rows: dict[Place, Row] = field(default_factory=dict)

    def add(self, seen: Iterable[Sighting], learn_for: float) -> None:
        per_event: dict[EventKey, int] = {}
        for place in self.rows:
            key = (place.protocol, place.event)
            per_event[key] = per_event.get(key, 0) + 1
        for one in seen:
            row = self.rows.get(one.place)
            key = (one.place.protocol, one.place.event)
            if row is None:
                full = len(self.rows) >= MOST or per_event.get(key, 0) >= MOST_OF_AN_EVENT
                if full or len(one.place.pointer) > LONGEST:
                    self.over += one.count
                    continue
                is_learning = one.first < self.since + learn_for
                row = self.rows[one.place] = Row("known" if is_learning else "new")
                row.first_seen = one.first
                per_event[key] = per_event.get(key, 0) + 1
            row.count += one.count
            row.first_seen = min(row.first_seen or one.first, one.first)
            row.last_seen = max(row.last_seen, one.last)
            row.library = one.library or row.library
            if one.shape is not None:
                _widen(row.shapes, *one.shape)

    def judge(self, places: Iterable[Place], state: State) -> None:
        """Raises KeyError for what was never seen, and then nothing has changed."""
        for row in [self.rows[place] for place in places]:
            row.state = state

    def of_state(self, *states: State) -> Mapping[EventKey, frozenset[str]]:
        found: dict[EventKey, set[str]] = {}
        for place, row in self.rows.items():
            if row.state in states:
                found.setdefault((place.protocol, place.event), set()).add(place.pointer)
        return {key: frozenset(pointers) for key, pointers in found.items()}

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "version": 1,
            "since": self.since,
            "over": self.over,
            "fields": [{**place._asdict(), **asdict(row)} for place, row in self.rows.items()],
        }

    @classmethod
    def from_json(cls, value: Any) -> FieldTable:
        """Raises KeyError, TypeError or ValueError for what was not written by `as_json`."""
        if value["version"] != 1:
            raise ValueError("it is of another version")
        table = cls(float(value["since"]), int(value["over"]))
        for one in value["fields"]:
            place = Place(one.pop("protocol"), one.pop("event"), one.pop("pointer"))
            one["shapes"] = {kind: (pair[0], pair[1]) for kind, pair in one["shapes"].items()}
            table.rows[place] = Row(**one)
        return table


def _widen(shapes: dict[str, tuple[int, int]], kind: str, length: int) -> None:
    if kind in shapes:
        least, most = shapes[kind]
        shapes[kind] = min(least, length), max(most, length)
    elif len(shapes) < MOST_SHAPES:
        shapes[kind] = length, length
