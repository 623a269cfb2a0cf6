"""Structure inside a text is read as structure: JSON, queries, forms and pairs in a message.

A parameter or member has a name, so rules on names reach it there as they do outside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import orjson

from gateway.privacy import text_fields
from gateway.privacy.detectors.triggers import characters

Replace = Callable[[str, str], str | None]
"""Takes a decoded name and value; gives what stands for the value, or None to leave it."""

_PAIR = re.compile(
    r"""(?<![\w.\-$%\[\]])([\w.\-$%\[\]]{1,64})[ ]?=[ ]?(?:"([^"]*)"|'([^']*)'"""
    # To the next sign of a query, or to a sign that ends a pair because another pair follows.
    r"""|((?:[^&\#\s"'<>;,|]++|[;,|](?![ ]?[\w.\-$%\[\]][\w.\-$%\[\] ]{0,40}=))*+))"""
)
_MEMBER = re.compile(
    r"""(\\{0,31}["'])([^"'\\:{}\[\],]{1,64})\1\s*:\s*(?:(\\{0,31}["'])(.*?)(?:(?<!\\)\3|\Z)|(-?[0-9][0-9.eE+\-]*))""",
    re.DOTALL,
)
TRIGGERS = (characters('={"&'), *text_fields.TRIGGERS)
"""What is in every text that has such structure."""
_DECODER = json.JSONDecoder()
_MOST_PIECES = 4
_MAY_BEGIN_JSON = re.compile(r"""\{\s*"|\[\s*[\[{"]""")
_READABLE = "[]{}:/@,$ "


def json_container(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or array that the text is, if it is one."""
    trimmed = text.strip()
    if trimmed[:1] + trimmed[-1:] not in ("{}", "[]"):
        return None
    try:
        value = orjson.loads(trimmed)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict | list) else None


may_have_structure = re.compile("""[={"&]|[%\\\\]|[\\w-]{2}:[ \\t]""").search
"""Matches a value that may have names and values of its own."""


def json_pieces(text: str) -> Iterator[tuple[int, int, dict[str, Any] | list[Any]]]:
    """Objects and arrays with other text around them: start, end, value."""
    since = 0
    for _ in range(_MOST_PIECES):
        begins = _MAY_BEGIN_JSON.search(text, since)
        if begins is None:
            return
        start = begins.start()
        try:
            value, since = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            since = begins.end()
            continue
        yield start, since, value


def rewrite_pairs(text: str, replace: Replace) -> str:
    """The text with the values that `replace` takes away replaced, in pairs of every form."""
    if "=" in text:
        text = _PAIR.sub(lambda match: _pair(match, replace), text)
    if '"' in text or "'" in text:
        text = _MEMBER.sub(lambda match: _member(match, replace), text)
    return text


def _pair(match: re.Match[str], replace: Replace) -> str:
    group = match.lastindex or 4
    raw = match[group] or ""
    value = unquote_plus(raw) if group == 4 else raw
    new = replace(unquote_plus(match[1]), value)
    if new is None or new == value:
        return match[0]
    start = match.start(group) - match.start()
    encoded = quote_plus(new, safe=_READABLE) if group == 4 and raw != value else new
    return match[0][:start] + encoded + match[0][start + len(raw) :]


def _member(match: re.Match[str], replace: Replace) -> str:
    group = match.lastindex or 4
    new = replace(match[2].strip(), match[group])
    if new is None or new == match[group]:
        return match[0]
    start = match.start(group) - match.start()
    return match[0][:start] + new + match[0][start + len(match[group]) :]
