"""JSON as clients really write it is read into values that can always be written again.

What comes out holds no NaN, no infinity, no lone surrogate and no integer beyond 64 bits, and is
at most 1024 levels deep. Ordinary bodies pay for none of this.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import orjson

from gateway.errors import RequestError

_BOM = b"\xef\xbb\xbf"
INEXACT_FROM = 2**53
"""From here on two whole numbers may be the same float."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def decode(body: bytes) -> Any:
    """The JSON value of a body. Raises RequestError `invalid_json` or `too_deep`.

    Python's json module writes NaN and Infinity (the Segment and Mixpanel SDKs for Python do too);
    they and numbers out of range become null. Half a surrogate pair becomes U+FFFD.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _patiently(body)


def exact(body: bytes) -> Any:
    """The same value, in which whole numbers that a float cannot hold are texts of their digits.

    The body is one that `decode` can read. Raises RequestError `too_deep`.
    """
    text = body.decode("utf-8-sig")
    try:
        return json.loads(
            text, parse_constant=_nothing, parse_float=_digits, parse_int=_digits, strict=False
        )
    except RecursionError:
        raise RequestError("too_deep", "the JSON is nested too deeply") from None


def _digits(text: str) -> str | float | None:
    number = _float(text)
    if number is None or abs(number) < INEXACT_FROM:
        return number
    whole, _, fraction = format(Decimal(text), "f").partition(".")
    return number if fraction.strip("0") else whole


def is_deeper(value: Any, levels: int) -> bool:
    """Whether objects and arrays nest more than `levels` deep; `value` itself is the first."""
    level = [value]
    for _ in range(levels):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _patiently(body: bytes) -> Any:
    try:
        text = body.removeprefix(_BOM).decode()
        value = json.loads(
            text, parse_constant=_nothing, parse_float=_float, parse_int=_integer, strict=False
        )
        return _with_whole_letters(value) if _SURROGATE.search(text) else value
    except RecursionError:
        raise RequestError("too_deep", "the JSON is nested too deeply") from None
    except ValueError:
        raise RequestError("invalid_json", "the body is not JSON in UTF-8") from None


def _with_whole_letters(value: Any) -> Any:
    """Python's json module leaves half a pair as it is; in UTF-16 a half cannot hide."""
    halves = json.dumps(value, ensure_ascii=False).encode("utf-16-le", "surrogatepass")
    return orjson.loads(halves.decode("utf-16-le", "replace"))


def _nothing(_: str) -> None:
    return None


def _float(text: str) -> float | None:
    number = float(text)
    return number if abs(number) != float("inf") else None


def _integer(text: str) -> int | float | None:
    if len(text) <= 20:
        number = int(text)
        if -(2**63) <= number < 2**64:
            return number
    return _float(text)
