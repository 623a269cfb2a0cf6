"""An event can come in the query of a GET: as base64 JSON in `data`, or with dotted names.

Segment documents both: e-mail pixels write either; the JSONP of old browsers writes `data`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.errors import RequestError

_URL_SAFE = str.maketrans({"-": "+", "_": "/", " ": "+", "\n": None, "\r": None, "=": None})
_LEVELS = 8
"""Dots in a name that mean a level; further ones are part of the last key."""


def body_of(query: Mapping[str, str]) -> bytes:
    """The JSON text of the event. Raises RequestError `invalid_encoding`.

    Base64 may be of either alphabet, unpadded, and have spaces where it had `+`.
    """
    data = query.get("data")
    if data is None:
        return orjson.dumps(_nested(query))
    if data.lstrip().startswith("{"):
        return data.encode(errors="replace")
    text = data.translate(_URL_SAFE)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise RequestError("invalid_encoding", "`data` is not base64") from None


def _nested(query: Mapping[str, str]) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name, value in query.items():
        *path, last = name.split(".", _LEVELS)
        inner = event
        for key in path:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                break
        else:
            inner[last] = value
    return event
