"""E-mail addresses, whole: nothing of the local part stays before the mask."""

from __future__ import annotations

import re

from gateway.privacy.detect.types import Span

_AT = re.compile("@|&#64;|&#x40;|&commat;", re.IGNORECASE)
_BEFORE_LOCAL = re.compile(r"""[\s<>()\[\]{},;:"=&?/\\|`]""")
_DOMAIN = re.compile(
    r"""\[?(?:
        [\w\-]+(?:\.[\w\-]+)*\.(?:xn--[\w\-]+|[^\W\d_]{2,63})  # a top-level domain is a word
      | (?:[0-9]{1,3}\.){3}[0-9]{1,3}
      | ipv6:[0-9a-f:.]+
    )\]?""",
    re.VERBOSE | re.IGNORECASE,
)
_QUOTED = re.compile(r'"[^"\s@]{0,64}(?: [^"\s@]{0,64}){0,4}"\Z')


def emails(text: str, context: int) -> list[Span]:  # noqa: ARG001 (the shape of every finder)
    if "@" not in text and "&" not in text:
        return []
    found: list[Span] = []
    since = 0
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        if domain is None:
            continue
        start = since
        for edge in _BEFORE_LOCAL.finditer(text, since, at.start()):
            start = edge.end()
        if start == at.start():
            quoted = _QUOTED.search(text[max(since, at.start() - 90) : at.start()])
            if quoted is None:
                continue
            start = at.start() - len(quoted[0])
        elif text[start] == "'":
            start += 1
        if start < at.start():
            found.append((start, domain.end(), "email"))
            since = domain.end()
    return found
