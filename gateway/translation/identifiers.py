"""An id that Mixpanel would refuse never reaches it, and equal ids stay equal.

Mixpanel's rules: `$insert_id` has at most 36 characters out of [A-Za-z0-9-]; some values of it and
of a distinct_id stand for "nobody" and are refused (docs.mixpanel.com, import events).
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from gateway.translation import coerce

DEVICE = "$device:"
"""How Mixpanel marks an id that belongs to a device and not to a person."""

BLOCKED = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",
        "anon",
        "anonymous",
        "nil",
        "none",
        "null",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "<nil>",
        "0",
        "-1",
        "true",
        "false",
        "[]",
        "{}",
    }
)

_NOBODY = BLOCKED | {""}
_LEGAL = re.compile(r"[A-Za-z0-9-]{1,36}")


def insert_id(message_id: Any) -> str:
    """The `$insert_id` of a message: its own id where legal, else 36 digits of its hash."""
    text = str(message_id)
    if _LEGAL.fullmatch(text) and text.lower() not in BLOCKED:
        return text
    return hashed(text)


def hashed(text: str) -> str:
    """A legal `$insert_id` that stands for any text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=18).hexdigest()


def group(value: Any) -> str | None:
    """A group's id; what is nobody's id may well be a group's."""
    return coerce.text(value) or None


def usable(value: Any) -> str | None:
    """An id as Mixpanel takes it; None for one that is absent, empty or blocked."""
    if type(value) is int:
        value = str(value)
    elif type(value) is not str:
        return None
    return None if not value or value.removeprefix(DEVICE).lower() in _NOBODY else value
