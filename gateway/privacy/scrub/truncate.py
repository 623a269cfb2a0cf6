"""What is shortened says less: an address its network, a URL its place without the query."""

from __future__ import annotations

import ipaddress

from gateway.privacy.detectors import Scanner

_ADDRESSES = Scanner({"ipv4", "ipv6"})
_V4_BITS, _V6_BITS = 24, 48
_CUT = 32


def network(text: str) -> str | None:
    """The network of an address: IPv4 without its last number, IPv6 without all but 48 bits.

    None for what is no address.
    """
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    bits = _V4_BITS if address.version == 4 else _V6_BITS
    return str(ipaddress.ip_network((address, bits), strict=False).network_address)


def shortened(text: str) -> tuple[str, bool]:
    """An address as its network, other text cut to 32 characters; and whether it is an address."""
    short = network(text) if _ADDRESSES.find(text) else None
    return (text[:_CUT], False) if short is None else (short, True)


def without_query(text: str) -> str:
    """A URL without query, fragment and user; any other text up to the first `?` or `#`."""
    if "?" not in text and "#" not in text and "@" not in text:
        return text
    for mark in "?#":
        text = text.partition(mark)[0]
    scheme, slashes, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{authority.rpartition('@')[2]}{slash}{path}" if slashes else text
