"""The table of fields as people and scripts see it: shapes and counts, and what people decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.fields.table import FieldTable, Place, Row
from gateway.pipeline.fields import FieldRules
from gateway.timestamps import timestamp


@dataclass(frozen=True, slots=True)
class Listing:
    """A look at it."""

    new_fields: str
    """What becomes of new ones, as configured."""
    learning_until: str
    over: int
    """Sightings that were not kept, because there were too many different fields."""
    fields: list[dict[str, Any]]

    @classmethod
    def of(cls, table: FieldTable, rules: FieldRules) -> Listing:
        return cls(
            new_fields=rules.mode,
            learning_until=timestamp(table.since + rules.learn_for),
            over=table.over,
            fields=[_field(place, row) for place, row in sorted(table.rows.items(), key=_first)],
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "new_fields": self.new_fields,
            "learning_until": self.learning_until,
            "over": self.over,
            "fields": self.fields,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Listing:
        return cls(value["new_fields"], value["learning_until"], value["over"], value["fields"])


def places(given: Iterable[Any]) -> list[Place]:
    """The fields that a request names. Raises ValueError for what names none."""
    found = []
    for one in given:
        try:
            found.append(Place(str(one["protocol"]), str(one["event"]), str(one["pointer"])))
        except (KeyError, TypeError):
            raise ValueError("a field has `protocol`, `event` and `pointer`") from None
    return found


def _first(one: tuple[Place, Row]) -> Place:
    return one[0]


def _field(place: Place, row: Row) -> dict[str, Any]:
    return {
        **place._asdict(),
        "state": row.state,
        "shapes": row.shown(),
        "count": row.count,
        "first_seen": timestamp(row.first_seen),
        "last_seen": timestamp(row.last_seen),
        "library": row.library or None,
    }
