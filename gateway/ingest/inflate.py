"""A compressed body is opened in time linear in its size and in what comes out, in bounded memory.

Members are walked by offset, in pieces, so that nothing behind a member is copied for it; their
number is bounded, and so is what they make together.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Collection

from gateway.errors import RequestError

MOST_MEMBERS = 256
"""Of one gzip body. Clients send one; block compressors, one for each 64 KiB."""

_GZIP, _ZLIB, _RAW = 31, zlib.MAX_WBITS, -zlib.MAX_WBITS
_PIECE = 16 * 1024
_SMALL_BODY, _SMALL_RESULT = 128 * 1024, 256 * 1024
"""What takes less than two milliseconds is opened on the event loop."""
_padding = re.compile(rb"\0*").match
_begins_plain = re.compile(
    rb'(?:\xef\xbb\xbf)?[\s\0]*(?:\{\s*["},]|\[\s*[\[{",\]]|"|[A-Za-z_$]+=|\Z)'
).match
"""JSON, a form, or nothing."""
_GZIP_MAGIC = b"\x1f\x8b\x08"
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})


def packing(body: bytes, named: Collection[str]) -> str | None:
    """How a body is packed, `gzip` or `deflate`; None: it is not. `named`: what its header says.

    Raises RequestError `unsupported_encoding` or `invalid_encoding` where it is something else.
    """
    if body.startswith(_GZIP_MAGIC):
        return "gzip"
    if not named:
        is_zlib = body[:1] == b"x" and body[1:2] in b"\x01\x9c\xda" and _has_zlib_header(body)
        return "deflate" if is_zlib else None
    if _begins_plain(body):
        return None
    if "deflate" in named or _has_zlib_header(body):
        return "deflate"
    if _GZIP_NAMES.issuperset(named):
        raise _corrupt()
    raise RequestError("unsupported_encoding", "send the body plain, as gzip or as deflate")


async def inflated(body: bytes, encoding: str, limit: int) -> bytes:
    """As `inflate`, in a thread where it would hold up the event loop."""
    if len(body) <= _SMALL_BODY:
        try:
            return inflate(body, encoding, min(limit, _SMALL_RESULT))
        except RequestError as error:
            if error.code != "payload_too_large" or limit <= _SMALL_RESULT:
                raise
    return await asyncio.to_thread(inflate, body, encoding, limit)


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """Decompress `gzip` or `deflate` (RFC 1950, and 1951 as some clients mean it).

    gzip may have several members, and zeros between and behind them. Never makes more than
    `limit` + 1 bytes. Raises RequestError.
    """
    made = bytearray()
    offset = members = 0
    window = _GZIP if encoding != "deflate" else _ZLIB if _has_zlib_header(body) else _RAW
    try:
        while offset < len(body):
            if members == (MOST_MEMBERS if window == _GZIP else 1):
                raise _corrupt()
            offset = _open_member(body, offset, window, made, limit)
            offset = _end_of_padding(body, offset)
            members += 1
    except zlib.error:
        raise _corrupt() from None
    return bytes(made)


def too_large(limit: int) -> RequestError:
    return RequestError("payload_too_large", f"the body is larger than {limit} bytes")


def _open_member(body: bytes, offset: int, window: int, made: bytearray, limit: int) -> int:
    """Add what the member at `offset` holds to `made`; where the member ends."""
    stream = zlib.decompressobj(window)
    view = memoryview(body)
    while offset < len(body):
        piece = view[offset : offset + _PIECE]
        offset += len(piece)
        made += stream.decompress(piece, limit + 1 - len(made))
        if len(made) > limit:
            raise too_large(limit)
        if stream.eof:
            return offset - len(stream.unused_data)
    raise _corrupt()


def _end_of_padding(body: bytes, offset: int) -> int:
    padding = _padding(body, offset)
    return padding.end() if padding else offset


def _has_zlib_header(body: bytes) -> bool:
    return body[:1] != b"" and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _corrupt() -> RequestError:
    return RequestError("invalid_encoding", "the body is not what its Content-Encoding says")
