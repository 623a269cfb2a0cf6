"""Text in a form, byte for byte as `urllib.parse.quote_plus` writes it, several times faster."""

from __future__ import annotations

import re
from urllib.parse import quote

_SAFE = "_.-~ "
_ESCAPED = tuple(
    (chr(code), f"%{code:02X}")
    # The per cent sign first: it would escape what was escaped before it.
    for code in (0x25, *(c for c in range(0x20, 0x7F) if c != 0x25))
    if not chr(code).isalnum() and chr(code) not in _SAFE
)
_REST = re.compile(r"[\x00-\x1f\x7f-\U0010ffff]+")


def quoted(text: str) -> str:
    """`text`, ready to stand for a value in `application/x-www-form-urlencoded`."""
    is_plain = text.isascii() and text.isprintable()
    for character, escape in _ESCAPED:
        if character in text:
            text = text.replace(character, escape)
    text = text.replace(" ", "+")
    return text if is_plain else _REST.sub(lambda found: quote(found[0]), text)
