"""A value of the wrong type becomes one of the right type as at Segment, or is left out.

Segment's destinations coerce by JSON Schema (ajv, `coerceTypes: "array"`): `42` is the text `"42"`,
`"1024"` the number 1024, `"true"` the truth, and a list of one is its member. What cannot be
coerced has its whole event refused there; here it is None.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

_DECIMAL = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
_TOO_LONG = 400
"""No number that a double can hold is written with more characters than some 330."""
_SCIENTIFIC_FROM, _SCIENTIFIC_BELOW = 1e21, 1e-6
_EXACT = 2**53
"""Beyond it a double stands for several whole numbers, and JSON for none that fits 64 bits."""


def text(value: Any) -> str | None:
    """As JavaScript writes it."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value) if abs(value) < _SCIENTIFIC_FROM else text(float(value))
    if type(value) is float:
        return _written(value)
    return text(value[0]) if type(value) is list and len(value) == 1 else None


def number(value: Any) -> int | float | None:
    """Whole where it is whole."""
    if type(value) is int:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is bool:
        return int(value)
    if type(value) is str:
        return _read(value)
    return number(value[0]) if type(value) is list and len(value) == 1 else None


def integer(value: Any) -> int | None:
    found = number(value)
    if type(found) is float and abs(found) < _EXACT and found.is_integer():
        return int(found)
    return found if type(found) is int else None


def truth(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    if type(value) is int or type(value) is float:
        return bool(value) if value in (0, 1) else None
    if type(value) is str:
        return {"true": True, "false": False}.get(value)
    return truth(value[0]) if type(value) is list and len(value) == 1 else None


def _written(value: float) -> str | None:
    if not math.isfinite(value):
        return None
    if value == int(value) and abs(value) < _SCIENTIFIC_FROM:
        return str(int(value))
    shortest = repr(value)
    if "e" in shortest and _SCIENTIFIC_BELOW <= abs(value) < _SCIENTIFIC_FROM:
        return format(Decimal(shortest), "f")
    return re.sub(r"e([+-])0", r"e\1", shortest)


def _read(value: str) -> int | float | None:
    """A number in decimal; neither `Infinity` nor `NaN` nor an empty text is one."""
    if len(value) > _TOO_LONG or not _DECIMAL.fullmatch(value):
        return None
    found = float(value)
    if not math.isfinite(found):
        return None
    return int(found) if abs(found) < _EXACT and found == int(found) else found
