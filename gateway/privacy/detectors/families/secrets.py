"""Credentials: tokens, keys and passwords that are recognised by their own form."""

from __future__ import annotations

import base64
import binascii
import re

from gateway.privacy.detectors.declaration import Certainty, Detector, Span
from gateway.privacy.detectors.triggers import pattern, word

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
_SHORTEST = 12
"""Characters that every secret here has, with its mark."""

_PEM = re.compile("-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile("-----END [A-Z0-9 ]{0,60}-----")
_AUTHORITY = re.compile(r"//([^\s/?#@\"'<>\\]+(?:@[^\s/?#@\"'<>\\]+)*)@")
_PASSWORD_WITH_SLASH = re.compile(r"//([^\s/?#@:]+:(?![0-9]{1,5}(?:[/?#\s]|\Z))[^\s@]{1,256})@")


def secrets(text: str, context: int) -> list[Span]:  # noqa: ARG001 (the shape of every finder)
    if len(text) < _SHORTEST or not _marked(text):
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


DETECTORS = (
    Detector(
        name="private_key",
        meaning="a PEM private key",
        certainty=Certainty.MARKED,
        triggers=(word("-----BEGIN"),),
        find=secrets,
        examples=(
            "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ",
            "key: «-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----»",
        ),
        counterexamples=("-----BEGIN PUBLIC KEY-----\nMIIBIj", "BEGIN PRIVATE KEY"),
    ),
    Detector(
        name="jwt",
        meaning="a JSON Web Token",
        certainty=Certainty.MARKED,
        triggers=(word("eyJ"),),
        find=secrets,
        examples=(
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzeW50aGV0aWMifQ.c3ludGhldGlj",
            "?t=«eyJhbGciOiJub25lIn0.e30.»",
        ),
        counterexamples=("eyJhbGciOiJIUzI1NiJ9", "hey.Jude"),
    ),
    Detector(
        name="bearer",
        meaning="the token after `Bearer`",
        certainty=Certainty.MARKED,
        triggers=(word("bearer", any_case=True),),
        find=secrets,
        examples=(
            "Bearer «q8Zk29fPaw7731Xc»",
            "bearer: «q8Zk29fPaw»",
            "bEaReR «q8Zk29fPaw7731Xc»",
            "Mozilla/5.0 Bearer «abcdefghijklmnopqrstuvwx»",
        ),
        counterexamples=("the bearer carries water", "Bearer of news"),
    ),
    Detector(
        name="basic",
        meaning="the credentials after `Basic`",
        certainty=Certainty.MARKED,
        triggers=(word("basic", any_case=True),),
        find=secrets,
        examples=("Basic «em9lOnMzY3IzdA==»", "authorization: BASIC «em9lOnMzY3IzdA==»"),
        counterexamples=("Basic features", "the basic subscription"),
    ),
    Detector(
        name="api_key",
        meaning="a key with a vendor's prefix: Stripe, Amazon, GitHub, Slack, Google, …",
        certainty=Certainty.MARKED,
        triggers=(
            word("sk_", "pk_", "rk_", after="(?:live|test|prod)"),
            word("whsec_", "github_", "hf_", "npm_", "rzp_", "lin_api_"),
            word("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "dop_v1_", "doo_v1_", "dor_v1_"),
            word("shpat_", "shpca_", "shppa_", "shpss_"),
            word("AKIA", "ASIA", "AROA", "AIDA", "AGPA", "ANPA", after="[A-Z0-9]{16}"),
            word("glpat-", "glptt-", "gldt-", "glrt-", "glsoat-", "glcbt-", "pypi-"),
            word("xapp-", "GOCSPX-", "AIza", "ya29.", "SG."),
            word("xox", after="[a-z]-"),
            word("sq0", after="[a-z]{3}-"),
            word("sk-", after=r"[\w-]{16}"),
            word("key-", "AC", "SK", after="[0-9a-f]{32}"),
        ),
        find=secrets,
        examples=(
            "sk_live_4eC39HqLyjWDarjtT1",
            "rk_prod_4eC39H",
            "whsec_MfKQ9r8GKYqrTwjUPD",
            "AKIAIOSFODNN7EXAMPLE",
            "AROAIOSFODNN7EXAMPLE",
            "AGPAIOSFODNN7EXAMPLE",
            "ANPAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
            "AIDAIOSFODNN7EXAMPLE",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "github_pat_11AAAAAAA0abcdefghijkl",
            "glpat-xxYYzz1122334455aabb",
            "glsoat-xxYYzz1122334455aabb",
            "xoxb-17653672481-19874698323",
            "xapp-1-A0123456789",
            "AIzaSyA1234567890abcdefghijklmnopqrstuv",
            "ya29.a0AfH6SMBx1234567",
            "GOCSPX-abcdefghijklmnop",
            "SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf",
            "sk-proj-abcdefghijklmnop",
            "sk-ant-1795421333741-2e2cadec-71f0-4a69-9ef0-20135507c5bd",
            "hf_abcdefghijklmnopqrstuv",
            "npm_abcdefghijklmnopqrstuv",
            "pypi-AgEIcHlwaS5vcmcCJGFi",
            "dop_v1_d41d8cd98f00b204e9800998ecf8427e",
            "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",
            "key-d41d8cd98f00b204e9800998ecf8427e",
            "ACd41d8cd98f00b204e9800998ecf8427e",
            "SKd41d8cd98f00b204e9800998ecf8427e",
            "sq0atp-abcdefghijklmnopqrstuv",
            "rzp_test_abcdefghij",
            "lin_api_abcdefghijklmnopqrstuv",
            "Mozilla/5.0 (X11; «sk_live_abcdefgh»)",
        ),
        counterexamples=(
            "sk_live_",
            "ask_test_me",
            "AKIA",
            "ghp_short",
            "SG.1.2",
            "key-value-pairs",
        ),
    ),
    Detector(
        name="url_credentials",
        meaning="user and password in a URL",
        certainty=Certainty.MARKED,
        triggers=(word("@"),),
        find=url_credentials,
        examples=(
            "https://«zoe:s3cr3t-pw»@git.example.com/x.git",
            "ssh://«git:t0ken»@host/x",
            "postgres://«zoe:p/w»@db.example/x",
        ),
        counterexamples=("https://x.example/@zoe", "https://[url_credentials]@x.example/", "//x"),
    ),
)

_marked = re.compile(
    pattern(trigger for found in DETECTORS if found.find is secrets for trigger in found.triggers)
).search
