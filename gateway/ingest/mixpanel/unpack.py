"""Every way in which a Mixpanel SDK packs its events is opened by looking at the bytes alone.

    JSON, or lines of JSON            as it is
    data=<JSON> in a form             Python; the browser's JSON mode
    data=<base64> in a form           browser, Java, Android; escaped, or raw as Node's batches are
    ?data=<base64>                    Node's single calls; browsers that send GETs

A Content-Type says little: `sendBeacon` calls a form text, other clients call JSON a form.
Where a raw `+` of base64 was read as a space, it becomes a `+` again.
"""

from __future__ import annotations

import base64
import re
from binascii import unhexlify
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import RequestError
from gateway.event import Message
from gateway.ingest.json_decode import decode
from gateway.ingest.salvage import LOST, salvage_items

_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_OPENING = (b"{", b"[")
_FIELDS = 64
"""Of a form; what is behind is part of the last."""
_ALPHABET = bytes.maketrans(b" -_", b"++/")
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_BETWEEN_OBJECTS = re.compile(rb"\}[ \t\r]*\n\s*\{")
"""Never inside one JSON value: there a comma would be due."""
_OF_RECORDS = frozenset({"properties", "$token", "$distinct_id", "$group_key"})
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")
"""Never in UTF-8."""


@dataclass(slots=True)  # made for every request, and a frozen one takes three times as long
class Call:
    """What a request asks for, and its events still packed."""

    verbose: bool = False
    strict: bool | None = None  # None: the request does not say
    ip: bool | None = None  # whether the peer's address is the user's
    image: bool = False
    callback: str = field(default="", repr=False)
    keys: tuple[str, ...] = field(default=(), repr=False)  # what may name the source
    data: bytes | None = field(default=None, repr=False)
    is_bare: bool = False  # the body was the JSON itself


def open_call(query: str, body: bytes = b"") -> Call:
    """The parameters of query and form, which mean the same, and the events. Never raises.

    `query`: as it came, still escaped. The form's word wins.
    """
    fields = _fields(query.encode("utf-8", "surrogateescape"))
    start = body.removeprefix(_BOM).lstrip(_BLANK)
    is_bare = start.startswith(_OPENING)
    if start and not is_bare:
        fields |= _fields(start.rstrip(_BLANK))
    data = body if is_bare else fields.get("data")
    keys = (_text(fields, name) for name in ("api_key", "token", "project_id"))
    return Call(
        verbose=_is_on(fields, "verbose") or False,
        strict=_is_on(fields, "strict"),
        ip=_is_on(fields, "ip"),
        image=_is_on(fields, "img") or False,
        callback=_text(fields, "callback"),
        keys=tuple(filter(None, keys)),
        data=data if is_bare or data is None else _unescaped(data),
        is_bare=is_bare,
    )


def json_text(data: bytes | None) -> bytes:
    """The events as JSON in UTF-8. Raises RequestError `no_data` or `invalid_encoding`."""
    text = (data or b"").removeprefix(_BOM).strip(_BLANK)
    if not text:
        raise RequestError("no_data", "send the events as `data` of a form or query, or as JSON")
    if not text.startswith(_OPENING):
        text = _from_base64(text)
    return _paired(text) if _SURROGATE.search(text) else text


def items(text: bytes, most: int) -> list[Any]:
    """One item for each event; `LOST` for what cannot be read, or is a line behind `most` others.

    Raises RequestError `invalid_json`, `too_deep` or `not_an_object`.
    """
    try:
        value = decode(text)
    except RequestError:
        lines = _lines(text, most) if _BETWEEN_OBJECTS.search(text) else []
        if lines and LOST not in lines[:most]:
            return lines
        saved = salvage_items(text, _may_be_one)
        if not saved and len(lines) == lines.count(LOST):
            raise
        return max(lines, saved, key=lambda found: len(found) - found.count(LOST))
    if type(value) is list:
        return value
    if type(value) is not dict:
        raise RequestError("not_an_object", "the events must be JSON objects")
    return [value]


def _lines(text: bytes, most: int) -> list[Any]:
    lines = [line for line in text.split(b"\n") if line.strip(_BLANK)]
    return [_line(line) for line in lines[:most]] + [LOST] * (len(lines) - most)


def _may_be_one(value: Message) -> bool:
    return not _OF_RECORDS.isdisjoint(value)


def _line(line: bytes) -> Any:
    try:
        return decode(line)
    except RequestError:
        return LOST


def _fields(form: bytes) -> dict[str, bytes]:
    """The first of each name wins, as a query's does. Values are still escaped."""
    fields: dict[str, bytes] = {}
    for part in form.split(b"&", _FIELDS):
        name, _, value = part.partition(b"=")
        fields.setdefault(name.decode("ascii", "replace"), value)
    return fields


def _unescaped(value: bytes) -> bytes:
    if b"%" not in value:
        return value.replace(b"+", b" ")
    return _ESCAPES.sub(_bytes, value.replace(b"+", b" "))


def _bytes(escapes: re.Match[bytes]) -> bytes:
    return unhexlify(escapes[0].replace(b"%", b""))


def _text(fields: Mapping[str, bytes], name: str) -> str:
    value = fields.get(name)
    return _unescaped(value).decode("utf-8", "replace") if value else ""


def _is_on(fields: Mapping[str, bytes], name: str) -> bool | None:
    """Any value but 0 and nothing; `verbose` has several."""
    if name not in fields:
        return None
    return fields[name].lower() not in (b"", b"0", b"false")


def _from_base64(text: bytes) -> bytes:
    """Of either alphabet, padded or not, broken into lines or not."""
    text = text.translate(_ALPHABET, b"\r\n\t=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise RequestError("invalid_encoding", "`data` is neither JSON nor base64") from None


def _paired(text: bytes) -> bytes:
    """CESU-8 as UTF-8: browsers' base64 encodes each half of a surrogate pair on its own.

    A half without its other half, where an SDK cut a string at 255 units, becomes U+FFFD.
    """
    try:
        halves = text.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
    except ValueError:
        return text
    return halves.decode("utf-16-le", "replace").encode()
