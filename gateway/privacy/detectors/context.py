"""What a key says about its value, as a set of flags.

`4155552671` is a phone number under `phone`, and `1.2.3.4` is no address under `version`.
"""

from __future__ import annotations

from gateway.privacy.vocabulary import Meaning, meaning, words_of

PHONE, VERSION, ADDRESS, AGENT, OFFICIAL, CARD, CODE = 1, 2, 4, 8, 16, 32, 64
"""What a key can say."""
TELLING = PHONE | ADDRESS | OFFICIAL | CARD
"""Under such a key even a number may be personal."""

_MEANS = {
    Meaning.PHONE: PHONE,
    Meaning.NETWORK: ADDRESS,
    Meaning.OFFICIAL: OFFICIAL,
    Meaning.CARD: CARD,
}
_SAYS = (
    (
        PHONE,
        "phone telephone phones tel mobile mobilephone cell cellphone fax msisdn whatsapp sms",
    ),
    (
        VERSION,
        "version versions ver v build release firmware sdk revision semver appversion osversion",
    ),
    (ADDRESS, "ip ips ipaddress ipaddr ipv remoteaddr clientip remoteip addr peer"),
    (AGENT, "agent ua useragent"),
    (
        CODE,
        (
            "ean ean13 upc gtin isbn issn barcode sku timestamp ts time date trace span hash sha "
            "etag "
            "checksum digest tracking build created updated at when duration ratio latency commit"
        ),
    ),
)
_TELLING_WORDS = tuple((flag, frozenset(words.split())) for flag, words in _SAYS)


def context_of(key: str) -> int:
    """The flags of a key, from the words in it."""
    if len(key) > 128:
        return 0
    words = set(words_of(key))
    means = meaning(key)
    flags = 0 if means is None else _MEANS.get(means, 0)
    for flag, telling in _TELLING_WORDS:
        if not words.isdisjoint(telling):
            flags |= flag
    if flags & ADDRESS:
        flags &= ~VERSION
    return flags & ~CODE if flags & TELLING else flags


def decimal(value: float) -> str | None:
    """The digits of a whole JSON number; None for a fraction and for what is no number."""
    if value != value or abs(value) >= 1e20:  # noqa: PLR0124 (NaN)
        return None
    whole = int(value)
    return str(abs(whole)) if whole == value else None
