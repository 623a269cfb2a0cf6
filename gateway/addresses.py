"""Whose an address is: a proxy's that is trusted, or one customer's who may take any of a network.

Pure; what is no address is in no network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from gateway.config.values import Network


def neighbourhood(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address: one customer's, who may take any of it."""
    if ":" not in address:
        return address
    try:
        whole = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if whole.ipv4_mapped:
        return str(whole.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(whole) >> 64 << 64)}/64"


def is_from(peer: str | None, networks: Sequence[Network]) -> bool:
    """Whether the peer's address is in one of the networks."""
    if not networks or peer is None:
        return False
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in networks)
