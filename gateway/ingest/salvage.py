"""What is whole in a malformed body is saved, item by item, and each piece that is not is counted.

Queue files of phones come with a comma before the first item, cut short, or as two that were
joined; proxies pad with zeros. A body that can be read as it is never comes here. An object is
looked for where an item can stand; behind a broken one it counts only if it is an event, since it
may be a part of what broke. All of it takes time linear in the body: what is behind the budget is
one lost piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import RequestError
from gateway.event import Message
from gateway.ingest.json_decode import decode


class _Lost:
    __slots__ = ()


LOST: Final = _Lost()
"""Stands in a list of items for a piece that cannot be read."""

_BUDGET, _LEAST = 6, 256 * 1024
"""How many times its own size a body may cost, beside what any may."""
_BRACKET, _STEP, _SEARCH, _ATTEMPT = 64, 160, 256, 512
"""Bytes that could be looked at in the time of each."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_step = re.compile(
    rb'[^"{}\[\]]*+(?:' + _STRING + rb'(?=\s*[,:}\]])[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL
).match
"""To the next bracket. A text that ends where no text can end is one that never ended."""
_gap = re.compile(rb"[\s,;\0\x1e\xef\xbb\xbf]*+").match
_member = re.compile(rb"(" + _STRING + rb")\s*:\s*", re.DOTALL).match
_scalar = re.compile(_STRING + rb"|[^\s,{}\[\]\"]+", re.DOTALL).match
_candidate = re.compile(rb'(\{)\s*"|"batch"\s*:\s*\[').search
_begins_envelope = re.compile(rb'\{\s*"batch"\s*:\s*\[').match
_write_key = re.compile(rb'"writeKey"\s*:\s*"([^"\\]{1,200})"').findall
_CLOSING = {b"{": b"}", b"[": b"]"}


def salvage_items(body: bytes, is_event: Callable[[Message], bool]) -> list[Any]:
    """The items of a list or of lines, `LOST` among them; empty where nothing is whole."""
    return [item for envelope in _read(body, is_event, batched=False) for item in envelope["batch"]]


def salvage_envelopes(body: bytes, is_event: Callable[[Message], bool]) -> list[Message]:
    """Segment's batches, each with its `batch`, `LOST` among it; empty where nothing is whole.

    One that has lost its write key has the last one that the body names.
    """
    envelopes = _read(body, is_event, batched=True)
    keys = _write_key(body)
    for envelope in envelopes:
        if keys and "writeKey" not in envelope:
            envelope["writeKey"] = keys[-1].decode(errors="replace")
    return envelopes


def _read(body: bytes, is_event: Callable[[Message], bool], *, batched: bool) -> list[Message]:
    reader = _Reader(body, is_event, batched)
    reader.read()
    found = [envelope for envelope in reader.envelopes if envelope["batch"]]
    has_whole = any(item is not LOST for envelope in found for item in envelope["batch"])
    return found if has_whole else []


class _BudgetSpentError(Exception):
    pass


@dataclass(slots=True)
class _Reader:
    body: bytes
    is_event: Callable[[Message], bool]
    batched: bool
    envelopes: list[Message] = field(default_factory=lambda: [{"batch": []}])
    is_inside: bool = False  # a batch
    left: int = 0

    def read(self) -> None:
        self.left = _BUDGET * len(self.body) + _LEAST
        place = 0
        try:
            while (place := self._skip(place)) < len(self.body):
                place = self._read_one(place) or self._find_next(place)
        except _BudgetSpentError:
            self._add(LOST)
        if not self.envelopes[-1]["batch"] and self.is_event(self.envelopes[-1]):
            self._add(LOST)  # an event beside the batches, cut short

    def _skip(self, place: int) -> int:
        gap = _gap(self.body, place)
        return gap.end() if gap else place

    def _read_one(self, place: int) -> int:
        """Where what begins at `place` ends, if it is what may stand there; else 0."""
        self._spend(_STEP)
        letter = self.body[place : place + 1]
        is_outside = self.batched and not self.is_inside
        if letter == b"{":
            if not is_outside and not (self.batched and _begins_envelope(self.body, place)):
                end, value = self._whole(place)
                if value is not None:
                    self._add(value)
                return end
            self._end_envelope()
        elif letter == b"}":
            self._end_envelope()
        elif letter == b'"' and is_outside:
            return self._read_member(place)
        elif letter == b"]":
            self.is_inside = False
        elif letter != b"[":
            return 0
        return place + 1

    def _end_envelope(self) -> None:
        """What has no batch may be an event that stands beside the batches."""
        self.is_inside = False
        envelope = self.envelopes[-1]
        if not envelope["batch"] and self.is_event(envelope):
            del envelope["batch"]
            self.envelopes[-1] = {"batch": [envelope]}
        if len(envelope) > 1 or self.envelopes[-1]["batch"]:
            self.envelopes.append({"batch": []})

    def _read_member(self, place: int) -> int:
        """Of a batch: its items come next, or what it says for all of them."""
        name = _member(self.body, place)
        if name is None:
            return 0
        self._spend(_ATTEMPT + name.end() - place)
        place = name.end()
        if name[1] == b'"batch"' and self.body[place : place + 1] == b"[":
            self.is_inside = True
            return place + 1
        if self.body[place : place + 1] in _CLOSING:
            end = self._end_of(place)
        else:
            value = _scalar(self.body, place)
            end = value.end() if value else 0
        if not end:
            return 0
        try:
            key, found = decode(b"[%b,%b]" % (name[1], self.body[place:end]))
        except RequestError:
            return 0
        self.envelopes[-1].setdefault(key, found)
        return end

    def _find_next(self, place: int) -> int:
        """Behind what is broken at `place`: where reading can go on."""
        self._spend(_SEARCH)
        if self.is_inside or not (self.batched and self.envelopes[-1]["batch"]):
            self._add(LOST)  # what follows a batch tells of it, and is no item
        place += 1
        while found := _candidate(self.body, place):
            self._spend(_SEARCH + found.end() - place)
            if found[1] is None:
                self.is_inside = self.batched
                place = found.end()
                continue
            end, value = self._whole(found.start())
            if value is not None and (self.is_event(value) or self._is_envelope(value)):
                self._add(value)
                self.is_inside = self.is_inside or not self._is_envelope(value)
                return end
            place = found.start() + 1
        return len(self.body)

    def _whole(self, place: int) -> tuple[int, Message | None]:
        """Where the object at `place` ends, 0 if nowhere, and its value, if it can be read."""
        end = self._end_of(place)
        if not end:
            return 0, None
        self._spend(_ATTEMPT + end - place)
        try:
            value: Message = decode(self.body[place:end])
        except RequestError:
            return 0, None
        return end, value

    def _end_of(self, start: int) -> int:
        """The place behind what the bracket at `start` opens; 0 where it is not closed."""
        body, place, left = self.body, start, self.left
        closing: list[bytes] = []
        while (step := _step(body, place)) and left > 0:
            left -= _BRACKET + step.end() - place
            place = step.end()
            bracket = step[1]
            if bracket in _CLOSING:
                closing.append(_CLOSING[bracket])
            elif closing.pop() != bracket:
                break
            if not closing:
                self.left = left
                return place
        self.left = left
        self._spend(_BRACKET)
        return 0

    def _add(self, item: Any) -> None:
        batch = self.envelopes[-1]["batch"]
        if item is LOST and batch and batch[-1] is LOST:
            return
        if type(item) is dict and self._is_envelope(item):
            self.envelopes += [item, {**self.envelopes[-1], "batch": []}]
        else:
            batch.append(item)

    def _is_envelope(self, value: Message) -> bool:
        batch = value.get("batch") if self.batched else None
        if type(batch) is not list or self.is_event(value):
            return False
        return any(type(item) is dict and self.is_event(item) for item in batch)

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise _BudgetSpentError
