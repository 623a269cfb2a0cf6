"""A row of the table reads and writes the same places, whichever way it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.event import Message
from gateway.timestamps import read_time, write_time
from gateway.translation.identifiers import insert_id


@dataclass(frozen=True, slots=True)
class Form:
    """How a value changes on its way; None from either function leaves the field out."""

    name: str
    to_mixpanel: Callable[[Any], Any]
    to_segment: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A row: where Segment keeps a value and which Mixpanel properties carry it."""

    segment: tuple[str, ...]
    mixpanel: tuple[str, ...]  # all are written, the first is read
    also: tuple[str, ...] = ()  # what Mixpanel's own SDKs call it; read, never written
    form: Form | None = None  # None: as it is


def timestamp(value: Any) -> str | None:
    """Mixpanel's `time`, in seconds or milliseconds, as Segment writes a timestamp."""
    moment = read_time(value)
    return None if moment is None else write_time(moment)


def _address(value: Any) -> Any:
    return 0 if value in ("", "0.0.0.0") else value  # noqa: S104 (Segment's word for "no address")


def _no_address(value: Any) -> Any:
    return value if isinstance(value, str) and value not in ("", "0") else None


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _truth(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


_ACTIONS = "Segment Actions: "


def _library(value: Any) -> Any:
    return f"{_ACTIONS}{value}"


def _own_library(value: Any) -> Any:
    if not isinstance(value, str):
        return None
    return value.removeprefix(_ACTIONS) if value.startswith(_ACTIONS) else f"mixpanel-{value}"


INSERT_ID = Form("a legal `$insert_id`", insert_id, str)
TIME = Form("milliseconds since 1970", read_time, timestamp)
ADDRESS = Form("0 where there is none", _address, _no_address)
TEXT = Form("as text", _text, _truth)
LIBRARY = Form("`Segment Actions: ` before it", _library, _own_library)


class Table:
    """Rows, sorted out for both directions: nobody pays for fields that an event does not have.

    Where two rows write one property, the first that has a value wins; so it does on the way back.
    """

    __slots__ = ("_named", "_sections", "_sources", "rows")

    def __init__(self, *rows: Field) -> None:
        self.rows = rows
        sections: dict[tuple[str, ...], list[Field]] = {}
        self._sources = tuple((*row.mixpanel[:1], *row.also) for row in rows)
        named: dict[str, list[int]] = {}
        for i, row in enumerate(rows):
            if row.mixpanel:
                sections.setdefault(row.segment[:-1], []).append(row)
            for name in self._sources[i]:
                named.setdefault(name, []).append(i)
        self._sections = tuple(sections.items())
        self._named = named

    def write(self, message: Message, properties: Message) -> None:
        """Add to `properties` what stands in a Segment message and is not there yet."""
        for path, rows in self._sections:
            place = _at(message, path)
            if not isinstance(place, dict):
                continue
            for row in rows:
                value = place.get(row.segment[-1])
                if value is not None and row.form is not None:
                    value = row.form.to_mixpanel(value)
                if value is not None:
                    for name in row.mixpanel:
                        properties.setdefault(name, value)

    def read(self, properties: Message, message: Message) -> None:
        """Move from Mixpanel properties into `message` what has a place there."""
        there = {i for name in properties.keys() & self._named.keys() for i in self._named[name]}
        for i in sorted(there):
            row = self.rows[i]
            for name in self._sources[i]:
                if properties.get(name) is not None:
                    found = properties.pop(name)
                    break
            else:
                continue
            for other in row.mixpanel[1:]:
                if properties.get(other) == found:
                    del properties[other]
            value = found if row.form is None else row.form.to_segment(found)
            if value is not None:
                _put(message, row.segment, value)


def _at(message: Message, path: tuple[str, ...]) -> Any:
    value: Any = message
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _put(message: Message, path: tuple[str, ...], value: Any) -> None:
    *parents, last = path
    for key in parents:
        message = message.setdefault(key, {})
    message[last] = value
