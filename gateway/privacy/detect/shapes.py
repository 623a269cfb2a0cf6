"""Forms that name no person by themselves. `keep` rules use them; nothing masks them by default."""

from __future__ import annotations

import re

from gateway.privacy.detect.types import Span

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
is_benign = _BENIGN.match
"""Matches a whole text that no finder need look at."""


def shapes(text: str, context: int) -> list[Span]:  # noqa: ARG001 (the shape of every finder)
    return [
        (*match.span(), name) for name, shape in _WHOLE.items() for match in shape.finditer(text)
    ]
