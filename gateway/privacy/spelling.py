"""An address that names one person in several spellings has one before it is hashed.

Blanks around it, case, Unicode's compatibility forms and the domain's punycode are matters of
spelling. Dots and `+tag` in the name are not: at some providers they tell people apart.
"""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = " \t\r\n\v\f\0\u00a0\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_ADDRESS = re.compile(r"([^@\s]{1,256})@([^@\s]{1,256})")


def one_spelling(text: str) -> str:
    """The address as all its spellings are hashed; any other text as it came."""
    trimmed = text.strip(_UNSEEN)
    plain = trimmed if trimmed.isascii() else unicodedata.normalize("NFKC", trimmed)
    if plain[:7].lower() == "mailto:":
        plain = plain[7:]
    if plain[:1] == "<" and plain[-1:] == ">":
        plain = plain[1:-1]
    found = _ADDRESS.fullmatch(plain)
    if found is None:
        return text
    name, domain = found[1].casefold(), found[2].translate(_DOTS).lower().removesuffix(".")
    if "xn--" in domain:
        domain = ".".join(map(_label, domain.split(".")))
    whole = f"{name}@{domain}"
    return whole if whole.isascii() else unicodedata.normalize("NFKC", whole)


def _label(label: str) -> str:
    """A part of a domain without punycode; as it is where it only looks like it."""
    if not label.startswith("xn--") or not label.isascii():
        return label
    try:
        return label[4:].encode().decode("punycode").lower()
    except (UnicodeError, ValueError, OverflowError):
        return label
