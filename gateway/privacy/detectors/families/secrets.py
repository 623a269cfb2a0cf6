"""Credentials: tokens, keys and passwords that are recognised by their own form."""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from gateway.privacy.detectors.declaration import Certainty, Detector, Span
from gateway.privacy.detectors.triggers import SEVEN_DIGITS, Trigger, characters, pattern, word
from gateway.privacy.detectors.vendors import UUID_EXAMPLE, VENDORS, Check

_JWT_LIKE = re.compile(r"[\w-]+(?:\.[\w-]*)*")
_BEARER = re.compile(r"bearer[\s:=+\"']{1,4}([\w.~+/=-]{6,})", re.IGNORECASE)
_BASIC = re.compile(r"basic[\s+:=]{1,3}([A-Za-z0-9+/_-]{6,}={0,2})", re.IGNORECASE)
_BY_BEGINNING: defaultdict[str, list[tuple[re.Pattern[str], Check | None]]] = defaultdict(list)
"""The vendors whose marks begin with two characters."""
for _vendor in VENDORS:
    _marks = _vendor.prefixes.split()
    _pattern = re.compile(f"(?:{'|'.join(map(re.escape, _marks))}){_vendor.body}")
    for _beginning in dict.fromkeys(mark[:2] for mark in _marks):
        _BY_BEGINNING[_beginning].append((_pattern, _vendor.check))
_START = re.compile(r"[0-9A-Za-z]+|[.:/](?=[0-9A-Za-z])")
_ESCAPED = {"\\": 1, "%": 2}
"""Characters after which so many belong to an escape, as in `\\nghp_…` and `%0Aghp_…`."""
_FORMS = re.compile(
    r"""
      # Mailgun, Mailchimp
      (?<![0-9a-f])[0-9a-f]{32}-(?:[0-9a-f]{8}-[0-9a-f]{8}|us[0-9]{1,2})(?![0-9A-Za-z-])
    | (?<![0-9])[0-9]{8,10}:A[\w-]{34}                                # Telegram
    | (?<![0-9])[0-9]{17,20}/[\w-]{60,}                                # a webhook of Discord
    | (?<![0-9A-Za-z])[MNO][\w-]{22,40}\.[\w-]{6}\.[\w-]{27,}           # a bot of Discord
    | (?<![0-9/])1/[0-9]{15,17}:[0-9a-f]{32}                           # Asana
    | (?<![0-9A-Za-z])pat[0-9A-Za-z]{14}\.[0-9a-f]{64}                 # Airtable
    | (?<=AccountKey=)[0-9A-Za-z+/]{40,}={0,2}                         # Azure
    | (?<=webhookb2/)[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9A-Za-z/-]{32,}  # Teams
    """,
    re.VERBOSE,
)
_FORM_TRIGGERS = (
    SEVEN_DIGITS,
    characters("-", before="[0-9a-f]{5}", after="(?:[0-9a-f]{8}-[0-9a-f]{8}|us[0-9])"),
    characters(".", after=r"[\w-](?:[\w-]{5}\.[\w-]{27}|[0-9a-f]{63})"),
    word("AccountKey="),
    characters("@", after="[0-9a-f]{8}-"),
)
_has_form = re.compile(
    pattern(
        (
            *(trigger for trigger in _FORM_TRIGGERS if trigger is not SEVEN_DIGITS),
            characters("0-9", after=r"(?::(?:A[\w-]{34}|[0-9a-f]{32})|/[\w-]{60})"),
        )
    )
).search
_SHORTEST = 12
"""Characters that every secret here has, with its mark."""
_SHORTEST_FORM = 35

_PEM = re.compile("-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile("-----END [A-Z0-9 ]{0,60}-----")
_AUTHORITY = re.compile(r"//([^\s/?#@\"'<>\\]+(?:@[^\s/?#@\"'<>\\]+)*)@")
_NO_SECRET = frozenset(("[url_credentials]", "git", "svn", "hg"))
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
    return [*found, *_api_keys(text)]


def _api_keys(text: str) -> Iterator[Span]:
    """None begins inside a word."""
    until = 0
    for word_start in _START.finditer(text):
        start = word_start.start()
        if start < until:
            continue
        end = _end_of_key(text, start)
        if not end and start and (escaped := _ESCAPED.get(text[start - 1])):
            start += escaped
            end = _end_of_key(text, start)
        if end:
            until = end
            yield start, end, "api_key"


def _end_of_key(text: str, start: int) -> int:
    for mark, check in _BY_BEGINNING.get(text[start : start + 2], ()):
        match = mark.match(text, start)
        if match is not None and (check is None or check(match[0])):
            return match.end()
    return 0


def keys_by_form(text: str, context: int) -> list[Span]:  # noqa: ARG001 (as above)
    if len(text) < _SHORTEST_FORM or not _has_form(text):
        return []
    return [(*match.span(), "access_key") for match in _FORMS.finditer(text)]


def url_credentials(text: str, context: int) -> list[Span]:  # noqa: ARG001 (as above)
    if "@" not in text or "//" not in text:
        return []
    found = [(*match.span(1), "url_credentials") for match in _AUTHORITY.finditer(text)]
    if not found:
        found = [
            (*match.span(1), "url_credentials") for match in _PASSWORD_WITH_SLASH.finditer(text)
        ]
    return [span for span in found if text[span[0] : span[1]] not in _NO_SECRET]


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


def _vendor_triggers() -> Iterator[Trigger]:
    """One for all the prefixes after which the same must follow."""
    alike: defaultdict[Trigger, list[str]] = defaultdict(list)
    for vendor in VENDORS:
        for trigger in vendor.triggers:
            alike[replace(trigger, words=("x",))] += trigger.words
    for trigger, prefixes in alike.items():
        yield replace(trigger, words=tuple(prefixes))


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
        meaning="a key with a vendor's mark: Stripe, Amazon, GitHub, Slack, Google, ninety more",
        certainty=Certainty.MARKED,
        triggers=tuple(_vendor_triggers()),
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
            *(example for vendor in VENDORS for example in vendor.examples),
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
        name="access_key",
        meaning="a key or webhook with no mark but its form: Discord, Telegram, Mailgun, Azure, …",
        certainty=Certainty.MARKED,
        triggers=_FORM_TRIGGERS,
        find=keys_by_form,
        examples=(
            "d41d8cd98f00b204e9800998ecf8427e-0a1b2c3d-4e5f6071",
            "d41d8cd98f00b204e9800998ecf8427e-us12",
            "1234567890:AAF0123456789abcdefghijklmnopqrstuvw"[:46],
            "webhooks/«1234567890123456789/" + "0aB-" * 15 + "»",
            "MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabcde.abcdefghijklmnopqrstuvwxyz0",
            "1/1234567890123456:d41d8cd98f00b204e9800998ecf8427e",
            "pat0123456789abcd." + "0123456789abcdef" * 4,
            "AccountKey=«" + "aB0/" * 10 + "==»",
            f"webhookb2/«{UUID_EXAMPLE}@{UUID_EXAMPLE}/IncomingWebhook/" + "0a" * 16 + "»",
        ),
        counterexamples=("d41d8cd98f00b204e9800998ecf8427e", "1234567890:A", UUID_EXAMPLE),
        needs_digit=True,
        skips_lookalikes=True,
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
        counterexamples=(
            "https://x.example/@zoe",
            "https://[url_credentials]@x.example/",
            "//x",
            "ssh://git@x.example/a.git",
        ),
    ),
)

_marked = re.compile(
    pattern(trigger for found in DETECTORS if found.find is secrets for trigger in found.triggers)
).search
