"""Names and values in a text that no `=` joins: headers, YAML, XML, multipart, code, arguments.

What follows a name is its value as far as the spelling says: to the end of a header line, to the
closing quote or tag, else one word. A name is read here only where a rule on keys or a detector
knows it, so that prose with colons stays prose.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway.privacy.detectors.triggers import characters, pattern, word

Replace = Callable[[str, str], str | None]

_NAME = r"[^\W\d][\w\-$]{0,63}"
_TAG = re.compile(
    r"<(?:[\w\-]{1,32}:)?([\w.\-]{1,64})((?:[ \t\r\n][^<>]{0,256})?)>([^<>]{1,2048})(?=</)"
)
_TAG_NAME = re.compile(r"""\s(?:name|key|id)=["']([^"'<>]{1,64})["']""")
_PART = re.compile(
    r"""form-data;[ ]?name="([^"\r\n]{1,64})"[^\r\n]{0,256}(?:\r?\n[^\r\n]{1,256}){0,4}\r?\n\r?\n"""
    r"([^\r\n]{1,2048})"
)
_HEADER = re.compile(rf"^[ \t>]*(?:-H[ ]['\"]?)?({_NAME}):[ \t]*([^\r\n]{{1,4096}})", re.MULTILINE)
_IN_COMMAND = re.compile(rf"-H[ ]?(['\"])({_NAME}):[ ]?([^'\"\r\n]{{1,2048}})\1")
_QUOTED = re.compile(
    rf"""(?<![\w$\-"'])[:"']?({_NAME})["']?[ \t]{{0,3}}(?::|=>|=|,|[ ])[ \t]{{0,3}}"""
    r"""(?:(?<!\\)"((?:[^"\\\n]|\\.){1,2048})"|(?<!\\)'((?:[^'\\\n]|\\.){1,2048})')"""
)
_SERIALIZED = re.compile(
    r"""s:[0-9]{1,4}:\\?"([^"\\]{1,64})\\?";s:[0-9]{1,7}:\\?"([^"]{1,2048}?)\\?";"""
)
_WORD = re.compile(rf"(?<![\w$\-\"'/.:])({_NAME}):[ \t]{{0,2}}([^\s,;\"'{{}}\[\]()<>&:]{{1,512}})")
_ARGUMENT = re.compile(
    rf"(?<![\w\-])(?:--({_NAME})|ENV[ ]({_NAME}))[ ]([^\s\-\"'][^\s\"']{{0,512}})"
)
_WHOLE_LINES = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie"))
"""Headers whose values have words in them."""
_SAYS_NOTHING = re.compile(
    r"(?:[a-z]+(?:ed|ing|al|able|y|er)|must|should|is|are|was|has|not|no|null|none|nil|true|false|"
    r"empty|missing|invalid|string|number|text|the|a|an|of|for|too|cannot|please|unknown|n/a)[.!]?",
    re.IGNORECASE,
).fullmatch

_ENDS = [
    "word",
    "sswd",
    "cret",
    "oken",
    "_key",
    "-key",
    "tion",
    "okie",
    "name",
    "mail",
    "hone",
    "tial",
    "auth",
    "_ssn",
    "t_id",
    "r_id",
    "n_id",
]
_TELLING_END = "|".join(
    dict.fromkeys(
        form.replace("-", "\\-")
        for end in _ENDS
        for form in (end, end.upper(), f"{end[0]}{end[1:].title()}")
    )
)
"""How names end that a colon may follow; there is no other trace of such a field in a text."""
_LAST = "".join(sorted({form for end in _ENDS for form in (end[-1], end[-1].upper())}))
TRIGGERS = (
    characters(":", before=f"(?:{_TELLING_END})", after=rf"(?<=[{_LAST}]:)(?!//)[ \t]*\S"),
    characters("\n", after=r"[ \t]*[\w\-]{2,40}:"),
    word("</"),
    word("--", after="[A-Za-z]"),
    word("ENV "),
)
may_have_fields = re.compile(
    pattern(
        (
            *TRIGGERS,
            word("=>"),
            word(";s:"),
            characters("\"'", before=r"[\w:,] "),
            characters("\"'", before="[{,]", after="[A-Za-z]"),
            characters("\"'", before=r"[\w]:"),
        )
    )
).search
"""Matches a text that may have such a name and value."""


def rewrite_fields(text: str, replace: Replace) -> str:
    """The text with the values that `replace` takes away replaced."""
    if "</" in text:
        text = _TAG.sub(lambda match: _tag(match, replace), text)
    if "form-data" in text:
        text = _PART.sub(lambda match: _value(match, 1, 2, replace), text)
    if ";s:" in text:
        text = _SERIALIZED.sub(lambda match: _value(match, 1, 2, replace), text)
    if ":" in text:
        if "-H" in text:
            text = _IN_COMMAND.sub(lambda match: _value(match, 2, 3, replace), text)
        text = _HEADER.sub(lambda match: _header(match, replace), text)
    if '"' in text or "'" in text:
        text = _QUOTED.sub(
            lambda match: _value(match, 1, 2 if match[2] is not None else 3, replace), text
        )
    if ":" in text:
        text = _WORD.sub(lambda match: _word(match, replace), text)
    if "--" in text or "ENV " in text:
        text = _ARGUMENT.sub(
            lambda match: _value(match, 1 if match[1] is not None else 2, 3, replace), text
        )
    return text


def _value(match: re.Match[str], name: int, group: int, replace: Replace) -> str:
    value = match[group]
    new = replace(match[name], value)
    if new is None or new == value:
        return match[0]
    start, end = (at - match.start() for at in match.span(group))
    return match[0][:start] + new + match[0][end:]


def _tag(match: re.Match[str], replace: Replace) -> str:
    attribute = _TAG_NAME.search(match[2]) if match[2] else None
    for name in (match[1], attribute[1] if attribute else None):
        new = replace(name, match[3]) if name else None
        if new is not None and new != match[3]:
            return match[0][: match.start(3) - match.start()] + new
    return match[0]


def _header(match: re.Match[str], replace: Replace) -> str:
    """A line of headers; of YAML, if nothing but one word is the value."""
    value = match[2].strip()
    if match[1].lower() in _WHOLE_LINES:
        new = replace(match[1], value)
    elif " " in value or value[0] in "\"'{[" or _SAYS_NOTHING(value):
        return match[0]
    else:
        new = replace(match[1], value)
    return match[0] if new is None or new == value else match[0].replace(value, new)


def _word(match: re.Match[str], replace: Replace) -> str:
    return match[0] if _SAYS_NOTHING(match[2]) else _value(match, 1, 2, replace)
