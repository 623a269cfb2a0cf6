"""A row of the table reads and writes the same places, whichever way it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.event import Message
from gateway.timestamps import read_time, write_time
from gateway.translation import coerce
from gateway.translation.identifiers import insert_id


@dataclass(frozen=True, slots=True)
class Form:
    """How a value changes on its way; None from either function leaves the field out."""

    name: str
    to_mixpanel: Callable[[Any], Any]
    to_segment: Callable[[Any], Any]
    as_it_is: type | None = None  # values of this type do not change on the way to Mixpanel


@dataclass(frozen=True, slots=True)
class Field:
    """A row: where Segment keeps a value and which Mixpanel properties carry it."""

    segment: tuple[str, ...]
    mixpanel: tuple[str, ...]  # all are written, the first is read
    also: tuple[str, ...] = ()  # what Mixpanel's own SDKs call it; read, never written
    form: Form | None = None  # None: as it is
    is_read: bool = True  # False: a second source; on the way back it is the first that gets it


def timestamp(value: Any) -> str | None:
    """Mixpanel's `time`, in seconds or milliseconds, as Segment writes a timestamp."""
    moment = read_time(value)
    return None if moment is None else write_time(moment)


def _address(value: Any) -> Any:
    """`0.0.0.0` is Segment's word for "no address"."""
    return 0 if value == "0.0.0.0" else coerce.text(value)  # noqa: S104


def _no_address(value: Any) -> Any:
    return value if isinstance(value, str) and value not in ("", "0") else None


def _same(value: Any) -> Any:
    return value


def _truth(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


_ACTIONS = "Segment Actions: "


def _library(value: Any) -> Any:
    name = coerce.text(value)
    return f"{_ACTIONS}{name}" if name else None


def _own_library(value: Any) -> Any:
    if not isinstance(value, str):
        return None
    return value.removeprefix(_ACTIONS) if value.startswith(_ACTIONS) else f"mixpanel-{value}"


INSERT_ID = Form("a legal `$insert_id`", insert_id, str)
TIME = Form("milliseconds since 1970", read_time, timestamp)
ADDRESS = Form("0 where there is none", _address, _no_address)
TEXT = Form("text", coerce.text, _same, str)
NUMBER = Form("number", coerce.number, _same, int)
TRUTH = Form("true or false", coerce.truth, _same, bool)
TRUTH_AS_TEXT = Form("true or false as text", coerce.text, _truth, str)
LIBRARY = Form("`Segment Actions: ` before it", _library, _own_library)


_Written = tuple[str, tuple[str, ...], type | None, Callable[[Any], Any] | None]
"""A row on the way to Mixpanel: its last key, its properties, and its form."""


def _written(row: Field) -> _Written:
    form = row.form
    as_it_is, convert = (form.as_it_is, form.to_mixpanel) if form else (None, None)
    return row.segment[-1], row.mixpanel, as_it_is, convert


class Table:
    """Rows, sorted out for both directions: nobody pays for fields that an event does not have.

    Where two rows write one property, the first that has a value wins; so it does on the way back.
    """

    __slots__ = ("_named", "_sections", "_sources", "names", "rows", "shared")

    def __init__(self, *rows: Field) -> None:
        self.rows = rows
        sections: dict[tuple[str, ...], list[_Written]] = {}
        self._sources = tuple((*row.mixpanel[:1], *row.also) if row.is_read else () for row in rows)
        named: dict[str, list[int]] = {}
        for i, row in enumerate(rows):
            if row.mixpanel:
                sections.setdefault(row.segment[:-1], []).append(_written(row))
            for name in self._sources[i]:
                named.setdefault(name, []).append(i)
        self._sections = tuple((path, tuple(written)) for path, written in sections.items())
        self._named = named
        self.names = {row.segment[-1]: row.mixpanel[0] for row in rows if row.mixpanel}
        """The first property of each row by its last key, in order."""
        first = list(self.names.values())
        self.shared = frozenset(name for name in first if first.count(name) > 1)
        """Properties that more than one row writes."""

    def write(self, message: Message, properties: Message) -> None:
        """Add to `properties` what stands in a Segment message and is not there yet.

        Nothing empty, and nothing that is not of the row's type and cannot be made so.
        """
        for path, rows in self._sections:
            place = _at(message, path)
            if not isinstance(place, dict):
                continue
            for key, names, as_it_is, convert in rows:
                value = place.get(key)
                if value is None or value == "":
                    continue
                if convert is not None and type(value) is not as_it_is:
                    value = convert(value)
                    if value is None or value == "":
                        continue
                for name in names:
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
