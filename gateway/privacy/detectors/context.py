"""What a key says about its value, as a set of flags.

`4155552671` is a phone number under `phone`, and `1.2.3.4` is no address under `version`.
"""

from __future__ import annotations

import re

PHONE, VERSION, ADDRESS, AGENT = 1, 2, 4, 8
"""What a key can say."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SAYS = (
    (
        PHONE,
        "phone telephone phones tel mobile mobilephone cell cellphone fax msisdn whatsapp sms",
    ),
    (
        VERSION,
        "version versions ver build release firmware sdk revision semver appversion osversion",
    ),
    (ADDRESS, "ip ips ipaddress ipaddr ipv remoteaddr clientip remoteip addr"),
    (AGENT, "agent ua useragent"),
)
_TELLING = tuple((flag, frozenset(words.split())) for flag, words in _SAYS)


def context_of(key: str) -> int:
    """The flags of a key, from the words in it."""
    if len(key) > 128:
        return 0
    words = {word.lower() for word in _WORDS.findall(key)}
    flags = 0
    for flag, telling in _TELLING:
        if not words.isdisjoint(telling):
            flags |= flag
    return flags & ~VERSION if flags & ADDRESS else flags


def decimal(value: float) -> str | None:
    """The digits of a whole JSON number; None for a fraction and for what is no number."""
    if value != value or abs(value) >= 1e20:  # noqa: PLR0124 (NaN)
        return None
    whole = int(value)
    return str(abs(whole)) if whole == value else None
