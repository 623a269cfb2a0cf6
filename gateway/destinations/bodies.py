"""A body is read wholly, in the format that its destination declares, or not at all.

Whoever reads it here, the egress guard and `gateway explain`, sees what the vendor will see.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from gateway.destinations.contract import BodyFormat, Request
from gateway.errors import GatewayError

MAX_BYTES = 64 * 1024**2
"""Of an unpacked body. No vendor takes so much at once."""

_FORM = "application/x-www-form-urlencoded"
_FORMS = frozenset({BodyFormat.FORM_JSON, BodyFormat.FORM_BASE64})
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii"})
_JSON_SIGNS = tuple(
    (b"%%%02X" % sign, bytes([sign])) for sign in b'":,{}[]/ '
)  # none of them is a per cent sign, so nothing is unescaped twice


class UnreadableError(GatewayError):
    """A body that is not what its destination declares; the text holds nothing of it."""


def decoded(request: Request, body: BodyFormat) -> Any:
    """The values in a request's body: None where it is empty. Raises UnreadableError."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    raw = _unpacked(request.body, headers)
    if not raw:
        return None
    _check_type(headers.get("content-type", ""), body)
    match body:
        case BodyFormat.JSON:
            return _json(raw)
        case BodyFormat.JSON_LINES:
            return [_json(line) for line in raw.split(b"\n") if line]
        case BodyFormat.FORM_JSON:
            return _form(raw, _json)
        case BodyFormat.FORM_BASE64:
            return _form(raw, _base64)


def _unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise UnreadableError("its body has a transfer encoding of its own")
    match headers.get("content-encoding", "").strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzipped(body)
        case _:
            raise UnreadableError("its body has a content encoding that the guard does not know")


def _gunzipped(body: bytes) -> bytes:
    unpacked = b""
    while body:
        member = zlib.decompressobj(wbits=31)
        try:
            unpacked += member.decompress(body, MAX_BYTES + 1 - len(unpacked))
        except zlib.error:
            raise UnreadableError("its body is said to be gzip, and is not") from None
        if len(unpacked) > MAX_BYTES:
            raise UnreadableError("its body unpacks to more than the guard reads")
        if not member.eof:
            raise UnreadableError("its body breaks off")
        body = member.unused_data
    return unpacked


def _check_type(content_type: str, body: BodyFormat) -> None:
    """The vendor reads by the content type, so it must not say another thing than the format."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [part.partition("=")[2].strip('"') for part in parameters if "charset" in part]
    if not _CHARSETS.issuperset(charsets):
        raise UnreadableError("its body is in a character set that the guard does not know")
    if kind and (kind == _FORM) != (body in _FORMS):
        raise UnreadableError(f"its content type is not that of {body}")


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise UnreadableError("its body is not JSON, as its destination declares it") from None


def _base64(raw: bytes) -> Any:
    try:
        return _json(base64.b64decode(raw.replace(b" ", b"+"), validate=True))
    except ValueError:
        raise UnreadableError("its body is not base64, as its destination declares it") from None


def _form(raw: bytes, data: Callable[[bytes], Any]) -> list[dict[str, Any]]:
    """Each field with its value; what is in `data` must be there and be read."""
    fields: list[dict[str, Any]] = []
    for field in raw.split(b"&"):
        escaped_name, _, value = field.partition(b"=")
        name = _plain(escaped_name)
        fields.append({name: data(_unescaped(value)) if name == "data" else _plain(value)})
    if not any("data" in field for field in fields):
        raise UnreadableError("its body is not a form with `data`, as its destination declares it")
    return fields


def _plain(escaped: bytes) -> str:
    try:
        return _unescaped(escaped).decode()
    except UnicodeDecodeError:
        raise UnreadableError("its form is not UTF-8") from None


def _unescaped(value: bytes) -> bytes:
    """As `urllib.parse.unquote_plus`; the signs of JSON first, which are most of the escapes."""
    value = value.replace(b"+", b" ")
    for escape, sign in _JSON_SIGNS:
        value = value.replace(escape, sign)
    return unquote_to_bytes(value)
