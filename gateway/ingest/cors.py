"""Every page can read every answer, refusals above all: else its SDK tries forever.

A source's `origins` decide whose events are taken, and a page of another origin gets that reason.
The origin is always echoed and credentials always allowed, because a preflight does not tell
whether the request behind it will carry any. Nothing here is kept in cookies, and an answer tells
nothing about anybody, so a reader gains nothing by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ORIGIN = re.compile(r"[\x21-\x7e]{1,300}")
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_ALWAYS = "Authorization, Content-Type, X-Retry-Count"


def readable(origin: str | None) -> dict[str, str]:
    """Headers that let the page behind a request read the answer; none for other callers."""
    if origin is None:
        return {}
    if not _ORIGIN.fullmatch(origin):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After, X-RateLimit-Reset",
        "Vary": "Origin",
    }


def of_unreadable(origin: str | None) -> dict[str, str]:
    """For the answer to what is no HTTP, whose Origin may be unreadable as well."""
    return readable(origin) or {"Access-Control-Allow-Origin": "*"}


def preflight(headers: Mapping[str, str]) -> dict[str, str]:
    """What the answer to OPTIONS says beside `readable`.

    Every header a page asks for is allowed: SDKs let people add their own. `*` would not cover
    Authorization. Chromium keeps the answer for two hours at most.
    """
    asked = headers.get("Access-Control-Request-Headers", "")
    return {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
        "Access-Control-Allow-Headers": (
            f"{_ALWAYS}, {asked}" if _NAMES.fullmatch(asked[:2000]) else _ALWAYS
        ),
        "Access-Control-Max-Age": "7200",
    }
