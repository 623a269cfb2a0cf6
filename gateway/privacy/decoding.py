"""Texts that stand encoded in a text: base64, hexadecimal, and compressed with gzip or zlib.

What is no text once it is decoded (an image, a digest, a key) is left alone. What a reader may
unpack is bounded, so that a small text cannot grow into a large one.
"""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

DEEPEST = 4
"""Layers of encodings that are taken off."""
SHORTEST_BLOB = 16
"""Characters under which nothing that is encoded is looked for."""
LONGEST = 64 * 1024
"""Characters that one encoded text may hold."""
_TEXT_IN_BASE64 = "[I-Za-f][C-HS-Xi-nyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][0-9A-Za-z+/_-]"
"""Four characters of base64 that stand for three of ASCII."""
_PACKED = "H4sI|eJ[wyxzt0-9A-Za-z]|eN[rqpos0-9A-Za-z]"
"""How gzip and zlib begin in base64."""
BEGINS_BASE64 = f"(?:(?:{_TEXT_IN_BASE64}){{4}}|{_PACKED})"
BEGINS_HEX = "(?:[2-7][0-9A-Fa-f]){9}"
_BLOB = re.compile(
    rf"(?<![0-9A-Za-z+/_-])(?:(?P<hex>{BEGINS_HEX}(?:[0-9A-Fa-f]{{2}})*+(?![0-9A-Za-z]))"
    rf"|{BEGINS_BASE64}[0-9A-Za-z+/_-]*+={{0,2}})"
)
_URL_SAFE = str.maketrans("-_", "+/")
_PRINTABLE = re.compile(r"[\t\n\r\x20-\x7e\u00a0-\uffff]*").fullmatch


class Blob(NamedTuple):
    """An encoded text, where it stands and what it says."""

    start: int
    end: int
    plain: str


_short_runs = re.compile("(?:[^0-9A-Za-z+/_-]*+[0-9A-Za-z+/_-]{0,15}+(?![0-9A-Za-z+/_-]))*+").match


def may_hold_blob(text: str) -> bool:
    """Whether a run of characters is long enough for an encoded text."""
    runs = _short_runs(text)
    return runs is not None and runs.end() < len(text)


def blobs(text: str) -> Iterator[Blob]:
    """The encoded texts in a text, in order."""
    for match in _BLOB.finditer(text):
        data = _hex(match[0]) if match["hex"] else _base64(match[0])
        plain = _text(data) if data is not None else None
        if plain:
            yield Blob(match.start(), match.end(), plain)


def _hex(text: str) -> bytes | None:
    try:
        return binascii.unhexlify(text)
    except ValueError:
        return None


def _base64(text: str) -> bytes | None:
    plain = text.rstrip("=").translate(_URL_SAFE)
    if len(plain) % 4 == 1:
        return None
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return None


def _text(data: bytes) -> str | None:
    if data[:2] == b"\x1f\x8b" or data[:1] == b"\x78":
        unpacked = _unpacked(data)
        if unpacked is None and data[:1] != b"\x78":
            return None
        data = data if unpacked is None else unpacked
    try:
        text = data[:LONGEST].decode()
    except UnicodeDecodeError:
        return None
    return text if _PRINTABLE(text) else None


def _unpacked(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj(wbits=47).decompress(data, LONGEST)
    except zlib.error:
        return None
