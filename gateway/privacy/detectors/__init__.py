"""A detector finds every form of its kind of thing in a text, and nothing else.

`Scanner` runs the finders that a policy needs. It looks at each text as it is, and once more with
its disguises taken off: percent-escapes, full-width letters, foreign digits, invisible characters.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

from gateway.privacy.deobfuscate import ODD, undisguised
from gateway.privacy.detectors.contact import emails
from gateway.privacy.detectors.network import ipv4, ipv6, mac
from gateway.privacy.detectors.numbers import ibans, numbers
from gateway.privacy.detectors.secrets import SHORTEST, marked, secrets, url_credentials
from gateway.privacy.detectors.shapes import is_benign, shapes
from gateway.privacy.detectors.types import ADDRESS, PHONE, Finder, Span, context_of, decimal

__all__ = [
    "ADDRESS",
    "KINDS",
    "PERSONAL",
    "PHONE",
    "SHAPES",
    "SHORTEST",
    "Scanner",
    "Span",
    "context_of",
    "is_benign",
    "may_hold",
    "suspicious",
]

PERSONAL = {
    "private_key": "a PEM private key",
    "jwt": "a JSON Web Token",
    "bearer": "the token after `Bearer`",
    "basic": "the credentials after `Basic`",
    "api_key": "a key with a vendor's prefix: Stripe, Amazon, GitHub, Slack, Google, …",
    "url_credentials": "user and password in a URL",
    "email": "an e-mail address, also percent-encoded or international",
    "mac": "a hardware address",
    "ipv6": "an IPv6 address, also with zone or mapped IPv4",
    "ipv4": "an IPv4 address; not a version of four parts",
    "iban": "a bank account whose check digits are right (mod 97)",
    "credit_card": "13 to 19 digits with an issuer's prefix that pass Luhn's check",
    "us_ssn": "a US social security number, written 3-2-4",
    "phone": "a phone number, international or written in a common national form",
}
"""What a person or a door can be known by, in the order of trust: the first one names a span."""

SHAPES = {
    "uuid": "a UUID",
    "object_id": "24 hexadecimal digits",
    "sha256": "64 hexadecimal digits",
    "hex_digest": "32 to 128 hexadecimal digits",
    "timestamp": "an ISO 8601 date or time",
}
"""Forms that name nobody, for `keep` rules."""

KINDS = PERSONAL | SHAPES

_ORDER = {kind: order for order, kind in enumerate(KINDS)}
_FINDERS: tuple[tuple[Finder, frozenset[str]], ...] = (
    (secrets, frozenset({"private_key", "jwt", "bearer", "basic", "api_key"})),
    (url_credentials, frozenset({"url_credentials"})),
    (emails, frozenset({"email"})),
    (mac, frozenset({"mac"})),
    (ipv6, frozenset({"ipv6"})),
    (ipv4, frozenset({"ipv4"})),
    (ibans, frozenset({"iban"})),
    (numbers, frozenset({"credit_card", "us_ssn", "phone"})),
    (shapes, frozenset(SHAPES)),
)

# One character class leads, so that the engine skips over plain text without trying the branches.
_DIGITS_OR_SIGNS = re.compile(
    rf"""[0-9@%={{"&:\-{ODD}](?:
        (?<=[0-9])[0-9 .\-()/+]{{6}}
      | (?<=[^0-9:\-%])
      | (?<=:)[0-9A-Fa-f.]{{0,15}}:
      | (?<=-)[0-9A-Fa-f]{{2}}-[0-9A-Fa-f]{{2}}-
      | (?<=%)(?:[2-7]|[Ee][Ff])
    )""",
    re.VERBOSE,
)
may_hold = _DIGITS_OR_SIGNS.search
"""Matches a text shorter than SHORTEST in which a finder could find something."""


_SHORTEST_SHAPE = 20


def suspicious(text: str) -> bool:
    """Whether a finder could find something in the text; false for almost every text."""
    if len(text) >= _SHORTEST_SHAPE and is_benign(text):
        return False
    return may_hold(text) is not None or (len(text) >= SHORTEST and marked(text) is not None)


def _without_hosts(found: list[Span]) -> list[Span]:
    """`password@host` in a URL is no e-mail address: the host stays."""
    authorities = [span for span in found if span[2] == "url_credentials"]
    if not authorities:
        return found
    ends = [end for _, end, _ in authorities]  # they are in order, and none overlaps another

    def is_address(span: Span) -> bool:
        after = bisect_right(ends, span[0])  # the first that ends behind the start
        return after == len(ends) or authorities[after][0] >= span[1]

    return [span for span in found if span[2] != "email" or is_address(span)]


class Scanner:
    """The finders for some kinds."""

    __slots__ = ("_finders", "_finds_shapes", "kinds")

    def __init__(self, kinds: Iterable[str]) -> None:
        self.kinds = frozenset(kinds)
        self._finders = tuple(find for find, finds in _FINDERS if finds & self.kinds)
        self._finds_shapes = shapes in self._finders

    def find(self, text: str, context: int = 0) -> list[Span]:
        """Spans in no order, which may overlap."""
        if is_benign(text):
            found = shapes(text, context) if self._finds_shapes else []
            return [span for span in found if span[2] in self.kinds]
        spans = self._find(text, context)
        plain, offsets = undisguised(text)
        if offsets is not None:
            spans += [
                (offsets[start], offsets[end], kind)
                for start, end, kind in self._find(plain, context)
            ]
        return spans

    def _find(self, text: str, context: int) -> list[Span]:
        found: list[Span] = []
        for find in self._finders:
            found += find(text, context)
        if not found:
            return found
        kinds = self.kinds
        found = [span for span in found if span[2] in kinds]
        return _without_hosts(found) if "url_credentials" in kinds else found

    def number(self, value: float, context: int) -> str | None:
        """The kind of a JSON number, if it is one of ours."""
        text = decimal(value)
        if text is None or len(text) < 7:
            return None
        if context & ADDRESS and "ipv4" in self.kinds and 1 << 24 <= abs(value) < 1 << 32:
            return "ipv4"
        if len(text) < 13 and not context & PHONE:
            return None
        for start, end, kind in self._find(text, context):
            if start == 0 and end == len(text):
                return kind
        return None
