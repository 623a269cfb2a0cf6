"""What a member of a message cannot be, it is not: the event goes on without it, and says so.

Ids are texts, and numbers are written as texts. An empty array where an object is due is PHP's
empty object.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gateway.event import JsonPath, Message, Misfit
from gateway.ingest.json_decode import INEXACT_FROM

may_hold_empty_array = re.compile(rb"\[\s*\]").search

_NO_IDS = frozenset({dict, list, bool})
_TYPES = {dict: "object", list: "array", bool: "boolean", str: "string"}


class InexactIdError(Exception):
    """An id is a number that lost digits when it was read."""


def id_text(value: Any) -> str | None:
    """An id that is no text, as text; None where it can be none. Raises InexactIdError."""
    if type(value) is int:
        return str(value)
    if type(value) is float:
        if abs(value) >= INEXACT_FROM:
            raise InexactIdError
        return str(int(value)) if value.is_integer() else str(value)
    return None


def without_odd_ids(
    message: Message, keys: Iterable[str], misfits: list[Misfit], place: JsonPath = ()
) -> None:
    """Take out ids that are neither text nor number, in place. `place`: of the message.

    Raises InexactIdError.
    """
    for key in keys:
        value = message.get(key)
        if type(value) is str:
            continue
        if type(value) in _NO_IDS:
            del message[key]
            misfits.append(dropped_id((*place, key), value))
        elif type(value) is float and abs(value) >= INEXACT_FROM:
            raise InexactIdError


def restore_ids(messages: Iterable[Any], twins: Iterable[Any], keys: Iterable[str]) -> None:
    """Give ids their digits back, in place. `twins`: the same messages, read by `exact`."""
    for message, twin in zip(messages, twins, strict=True):
        if type(message) is not dict or type(twin) is not dict:
            continue
        for key in keys:
            value = message.get(key)
            if type(value) is float and abs(value) >= INEXACT_FROM:
                digits = twin.get(key)
                message[key] = digits if type(digits) is str else str(int(value))


def fill_empty_arrays(message: Message, keys: Iterable[str]) -> None:
    """Make them the objects that they were meant to be, in place."""
    for key in keys:
        if message.get(key) == []:
            message[key] = {}


def dropped_id(path: JsonPath, value: Any) -> Misfit:
    return Misfit(path, "drop", "wire:id", *_described(value))


def unread_time(path: JsonPath, value: Any) -> Misfit:
    """The time of the arrival stands for it."""
    return Misfit(path, "replace", "wire:time", *_described(value))


def _described(value: Any) -> tuple[str, int]:
    kind = _TYPES.get(type(value), "number")
    return kind, len(value) if hasattr(value, "__len__") else len(str(value))
