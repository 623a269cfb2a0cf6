"""A page of an allowed origin can read every answer, refusals too: else its SDK tries forever.

The origin is always echoed and credentials always allowed, because a preflight does not tell
whether the request behind it will carry any. Nothing here is kept in cookies, and an answer tells
nothing about anybody, so a reader gains nothing by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.ingest.sources import Sources

_ORIGIN = re.compile(r"[\x21-\x7e]{1,300}")
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_ALWAYS = "Authorization, Content-Type, X-Retry-Count"


def readable(headers: Mapping[str, str], sources: Sources) -> dict[str, str]:
    """Headers that let the page behind a request read the answer; none for other callers."""
    origin = headers.get("Origin")
    if origin is None:
        return {}
    if not _ORIGIN.fullmatch(origin) or not sources.allows_origin(origin):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After, X-RateLimit-Reset",
        "Vary": "Origin",
    }


def preflight(headers: Mapping[str, str]) -> dict[str, str]:
    """What the answer to OPTIONS says beside `readable`.

    Every header a page asks for is allowed: SDKs let people add their own. `*` would not cover
    Authorization. Chromium keeps the answer for two hours at most.
    """
    asked = headers.get("Access-Control-Request-Headers", "")
    return {
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": (
            f"{_ALWAYS}, {asked}" if _NAMES.fullmatch(asked[:2000]) else _ALWAYS
        ),
        "Access-Control-Max-Age": "7200",
    }
