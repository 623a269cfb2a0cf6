"""E-mail addresses, whole: nothing of the local part stays before the mask."""

from __future__ import annotations

import re

from gateway.privacy.detectors.declaration import Certainty, Detector, Span
from gateway.privacy.detectors.triggers import characters

_AT = re.compile(
    r"@|&#64;|&#x40;|&commat;|[ ]?[(\[][ ]?at[ ]?[)\]][ ]?",
    re.IGNORECASE,
)
_BEFORE_LOCAL = re.compile(r"""[\s<>()\[\]{},;:"=&?/\\|`]""")
_DOMAIN = re.compile(
    r"""\[?(?:
        (?![0-9]+\.[0-9]|[0-9]x\.)  # react@18.2.0-rc.beta, logo@2x.png
        [\w\-]+(?:\.[\w\-]+)*\.(?:xn--[\w\-]+|[^\W\d_]{2,63})  # a top-level domain is a word
      | (?:[0-9]{1,3}\.){3}[0-9]{1,3}
      | ipv6:[0-9a-f:.]+
    )\]?""",
    re.VERBOSE | re.IGNORECASE,
)
_DOTS_IN_WORDS = re.compile(
    r"[\w\-]+(?:(?:[ ]?[(\[][ ]?dot[ ]?[)\]][ ]?|[ ]dot[ ]|\.)[\w\-]+){0,4}"
    r"(?:[ ]?[(\[][ ]?dot[ ]?[)\]][ ]?|[ ]dot[ ])[^\W\d_]{2,63}",
    re.IGNORECASE,
)
_NO_PERSON = frozenset(("git", "svn", "hg"))
"""Whom everybody is to a server of repositories."""
_quoted = re.compile(r'"[^"\s@]{0,64}(?: [^"\s@]{0,64}){0,4}"').fullmatch
_LONGEST_QUOTED = 90


def emails(text: str, context: int) -> list[Span]:  # noqa: ARG001 (the shape of every finder)
    if not ("@" in text or "&" in text or "(" in text or "[" in text):
        return []
    found: list[Span] = []
    since = looked = edge = 0  # end of the last address; how far edges are known; the last one
    for at in _AT.finditer(text):
        here = at.start()
        domain = _DOMAIN.match(text, at.end())
        if domain is None and len(at[0]) > 1:
            domain = _DOTS_IN_WORDS.match(text, at.end())
        if domain is None:
            continue
        for letter in _BEFORE_LOCAL.finditer(text, looked, here):
            edge = letter.end()
        looked = here
        start = max(since, edge)
        if start == here:
            start = _start_of_quoted(text, max(since, here - _LONGEST_QUOTED), here)
        elif text[start] == "'":
            start += 1
        if start < here and text[start:here] not in _NO_PERSON:
            found.append((start, domain.end(), "email"))
            since = looked = domain.end()
    return found


def _start_of_quoted(text: str, since: int, end: int) -> int:
    """Where the quoted text that ends at `end` begins; `end` if there is none."""
    if text[end - 1 : end] != '"':
        return end
    start = text.rfind('"', since, end - 1)
    return start if start >= 0 and _quoted(text, start, end) else end


DETECTORS = (
    Detector(
        name="email",
        meaning="an e-mail address, also percent-encoded or international",
        certainty=Certainty.WRITTEN,
        triggers=(characters("@&"), characters("(\\[", after="[ ]?[aA][tT]")),
        find=emails,
        examples=(
            "zoe.qvist+tag@mail.example.com",
            "ZOE_QVIST@EXAMPLE.ORG",
            "zoë.qvist@пример.рф",
            "zoe.qvist@xn--bcher-kva.example",
            "zoe.qvist%40example.com",
            "zoe.qvist%2540example.com",
            "zoe.qvist＠example.com",
            "zoe&#64;example.com",
            "zoe&commat;example.com",
            "zoe@[203.0.113.7]",
            "<«zoe@x.example»>, call her",
            '«"zoe qvist"@x.example»',
            "zoe(at)x.example",
            "zoe [at] x [dot] example",
        ),
        counterexamples=(
            "react@18.2.0",
            "@zoe",
            "zoe@",
            "a @ b.example",
            "Tom & Jerry",
            "git@github.example:x/y.git",
            "logo@2x.png",
            "react@18.2.0-rc.beta",
            "we meet at noon",
        ),
    ),
)
