"""Structure inside a text is read as structure: JSON, queries, forms and pairs in a message.

A parameter or member has a name, so rules on names reach it there as they do outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import orjson

Replace = Callable[[str, str], str | None]
"""Takes a decoded name and value; gives what stands for the value, or None to leave it."""

_PAIR = re.compile(
    r"""(?<![\w.\-$%\[\]])([\w.\-$%\[\]]{1,64})[ ]?=[ ]?(?:"([^"]*)"|'([^']*)'|([^&\#\s"'<>]*))"""
)
_MEMBER = re.compile(
    r"""(\\{0,31}["'])([^"'\\:{}\[\],]{1,64})\1\s*:\s*(?:(\\{0,31}["'])(.*?)(?:\3|\Z)|(-?[0-9][0-9.eE+\-]*))""",
    re.DOTALL,
)
SIGNS = '={"&'
"""Characters, for a class of a regular expression, without which no text has such structure."""
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
