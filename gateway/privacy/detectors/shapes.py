"""Forms that name no person by themselves. `keep` rules use them; nothing masks them by default."""

from __future__ import annotations

import re

from gateway.privacy.detectors.types import Span

_SHAPES = {
    "uuid": "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}",
    "object_id": "[0-9a-f]{24}",
    "sha256": "[0-9A-Fa-f]{64}",
    "hex_digest": "[0-9A-Fa-f]{32,128}",
    "timestamp": "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?",
}
_WHOLE = {
    name: re.compile(rf"(?<![0-9A-Za-z]){shape}(?![0-9A-Za-z])") for name, shape in _SHAPES.items()
}
# Words, products with versions, and comments in which no two numbers stand side by side.
_BROWSER = r"""Mozilla/5\.0\ (?:
    Mobile/[0-9]{2}[A-F][0-9]{2,4}
  | [A-Za-z]{1,24}+(?![A-Za-z])
      (?:/(?:20100101|[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}(?:(?<=\.0\.0)\.0|(?<=\.[0-9]{4})\.[0-9]{1,4})?)
        (?![0-9.]))?+
  | \((?:rv:|[A-Za-z;,\ /+_-]|[0-9]{1,4}(?:[._][0-9]{1,4}){0,2}(?=[;,\ /+_-]*[A-Za-z)]))*+\)
  | [ ]
  )*+"""
_BENIGN = re.compile(
    "(?:"
    + "|".join(
        (
            _SHAPES["timestamp"],
            _SHAPES["uuid"],
            "[0-9][0-9a-f]{23}",  # an ObjectId begins with a time; a lower-case IBAN with letters
            _SHAPES["hex_digest"],
            "(?:[a-z]{1,12}-){1,3}[0-9]{13}-" + _SHAPES["uuid"],  # a messageId of analytics.js
        )
    )
    + r")\Z"
)
_is_browser = re.compile(rf"(?:{_BROWSER})\Z", re.VERBOSE).match
_is_shape = _BENIGN.match


_browsers: set[str] = set()
"""User agents that were seen to be of that form."""
_MOST_BROWSERS = 1024
_LONGEST_BROWSER = 512


def is_benign(text: str) -> bool:
    """Whether the whole text is of a form in which no finder need look."""
    if not text.startswith("Moz"):
        return _is_shape(text) is not None
    if text in _browsers:
        return True
    if _is_browser(text) is None:
        return False
    if len(text) <= _LONGEST_BROWSER:
        if len(_browsers) >= _MOST_BROWSERS:
            _browsers.clear()
        _browsers.add(text)
    return True


def shapes(text: str, context: int) -> list[Span]:  # noqa: ARG001 (the shape of every finder)
    return [
        (*match.span(), name) for name, shape in _WHOLE.items() for match in shape.finditer(text)
    ]
