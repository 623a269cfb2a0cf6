"""What opens a door: tokens, keys and passwords that can be told by their own form."""

from __future__ import annotations

import base64
import binascii
import re

from gateway.privacy.detectors.types import Span

_JWT_LIKE = re.compile(r"[\w-]+(?:\.[\w-]*)*")
_BEARER = re.compile(r"bearer[\s:=+\"']{1,4}([\w.~+/=-]{6,})", re.IGNORECASE)
_BASIC = re.compile(r"basic[\s+:=]{1,3}([A-Za-z0-9+/_-]{6,}={0,2})", re.IGNORECASE)
_API_KEY = re.compile(
    r"""
      (?:sk|pk|rk)_(?:live|test|prod)_[0-9A-Za-z]{6,}             # Stripe
    | whsec_[0-9A-Za-z+/=]{10,}
    | (?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{16}               # Amazon
    | gh[pousr]_[0-9A-Za-z]{16,} | github_pat_\w{20,}
    | glpat-[\w-]{16,} | gl(?:ptt|dt|rt|soat|cbt)-[\w-]{16,}
    | xox[a-z]-[\w-]{8,} | xapp-[\w-]{10,}                        # Slack
    | AIza[\w-]{20,} | ya29\.[\w-]{16,} | GOCSPX-[\w-]{16,}       # Google
    | SG\.[\w-]{10,}\.[\w-]{10,}                                  # SendGrid
    | sk-(?:ant-|proj-|or-)?[0-9A-Za-z_-]{16,}                    # model providers
    | hf_[0-9A-Za-z]{20,} | npm_[0-9A-Za-z]{20,} | pypi-[\w-]{20,}
    | do[opr]_v1_[0-9a-f]{32,} | shp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}
    | key-[0-9a-f]{32} | (?:AC|SK)[0-9a-f]{32}                    # Mailgun, Twilio
    | sq0[a-z]{3}-[\w-]{20,} | rzp_(?:live|test)_\w{10,} | lin_api_\w{20,}
    """,
    re.VERBOSE,
)
# Every branch begins with a rare letter, so that the engine skips over plain text at once.
_MARK = re.compile(
    r"""
      -(?:----BEGIN|(?<=gl[a-z]{3}-)|(?<=gldt-|glrt-)|(?<=GOCSPX-|glsoat-)|(?<=xox[a-z]-)
         |(?<=xapp-|pypi-)|(?<=sk-|ey-)[\w-]{16}|(?<=sq0[a-z]{3}-))
    | _(?:(?<=[spr]k_)(?:live|test|prod)|(?<=gh[pousr]_)|(?<=hf_)|(?<=npm_|rzp_)|(?<=whsec_)
         |(?<=shp[a-z]{2}_)|(?<=github_)|(?<=lin_api_)|(?<=do[opr]_))
    | J(?<=eyJ) | S(?<=AS)IA | R(?<=AR)OA | N(?<=AN)PA | 9(?<=ya29)\. | I(?<=AI)(?:DA|za)
    | G(?:(?<=AG)PA|(?<=SG)\.) | K(?:(?<=AK)IA|(?<=SK)[0-9a-f]{32}) | C(?<=AC)[0-9a-f]{32}
    | b(?:earer|asic) | B(?:earer|asic|EARER|ASIC)
    """,
    re.VERBOSE,
)
marked = _MARK.search
"""Matches a text in which `secrets` could find something."""
SHORTEST = 12
"""Characters that every secret here has, with its mark."""

_PEM = re.compile("-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile("-----END [A-Z0-9 ]{0,60}-----")
_AUTHORITY = re.compile(r"//([^\s/?#@\"'<>\\]+(?:@[^\s/?#@\"'<>\\]+)*)@")
_PASSWORD_WITH_SLASH = re.compile(r"//([^\s/?#@:]+:(?![0-9]{1,5}(?:[/?#\s]|\Z))[^\s@]{1,256})@")


def secrets(text: str, context: int) -> list[Span]:  # noqa: ARG001 (the shape of every finder)
    if len(text) < SHORTEST or not marked(text):
        return []
    found: list[Span] = []
    if "-----BEGIN" in text:
        found += _private_keys(text)
    if "eyJ" in text:
        found += _jwts(text)
    found += [(*match.span(1), "bearer") for match in _BEARER.finditer(text) if _is_token(match[1])]
    found += [(*match.span(1), "basic") for match in _BASIC.finditer(text) if _is_basic(match[1])]
    found += [(*match.span(), "api_key") for match in _API_KEY.finditer(text)]
    return found


def url_credentials(text: str, context: int) -> list[Span]:  # noqa: ARG001 (as above)
    if "@" not in text or "//" not in text:
        return []
    found = [(*match.span(1), "url_credentials") for match in _AUTHORITY.finditer(text)]
    if not found:
        found = [
            (*match.span(1), "url_credentials") for match in _PASSWORD_WITH_SLASH.finditer(text)
        ]
    return [span for span in found if text[span[0] : span[1]] != "[url_credentials]"]


def _private_keys(text: str) -> list[Span]:
    found: list[Span] = []
    until = 0
    for match in _PEM.finditer(text):
        if match.start() < until:
            continue
        end = _PEM_END.search(text, match.end())
        until = end.end() if end else len(text)
        found.append((match.start(), until, "private_key"))
    return found


def _jwts(text: str) -> list[Span]:
    found: list[Span] = []
    for match in _JWT_LIKE.finditer(text):
        start = match[0].find("eyJ")
        if start >= 0 and "." in match[0][start:] and len(match[0]) - start > 16:
            found.append((match.start() + start, match.end(), "jwt"))
    return found


def _is_token(text: str) -> bool:
    """`Bearer` is a word, too: what follows must not be one."""
    return len(text) >= 20 or not text.isalpha() or not text[1:].islower()


def _is_basic(text: str) -> bool:
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=None)
    except (binascii.Error, ValueError):
        return False
    return b":" in plain
