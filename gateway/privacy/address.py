"""An address is believed only as far as the proxies that reported it are trusted.

The chain of hops is read from the right, where the nearest trusted proxy wrote; whatever stands
left of the first hop that is not ours may be made up by the client. A trusted proxy's own address
is nobody's.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence

from gateway.config.values import Network

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORWARDED_FOR = re.compile(r'(?:^|;)[ \t]*for[ \t]*=[ \t]*(?:"([^"]*)"|([^;"]*))', re.IGNORECASE)
_LONGEST_CHAIN = 64
RELAYED = ("Forwarded", "X-Forwarded-For")
"""Headers to which each proxy on the way adds what it knows."""
_RELAYED = frozenset(name.lower() for name in RELAYED)


def client_address(
    peer: str | None,
    headers: Mapping[str, str],
    trusted: Sequence[Network],
    names: Sequence[str] = RELAYED,
) -> str | None:
    """The address of the client, or None when no trusted source names it.

    `headers` may hold several lines of one header, as aiohttp's multidict does; they count as one
    list. `names`: the headers that are read; the first that is there decides. `Forwarded`
    (RFC 7239) and `X-Forwarded-For` must agree where both are read and there: a proxy passes on
    what it does not write, and then neither is believed.
    """
    if not trusted:
        return _as_told_by_the_socket(peer)
    near = _parse(peer or "")
    if near is None:
        return None
    if not _is_trusted(near, trusted):
        return str(near)
    chains = {name.lower(): chain for name in names if (chain := _chain(headers, name))}
    deciding = next(iter(chains), "")
    if deciding in _RELAYED:
        found = {_walk(chain, trusted) for name, chain in chains.items() if name in _RELAYED}
        return found.pop() if len(found) == 1 else None
    return _walk(chains[deciding], trusted) if deciding else None


def _as_told_by_the_socket(peer: str | None) -> str | None:
    """The peer in canonical form, which a socket's own address has but for zone and mapping."""
    if not peer:
        return None
    address = peer.partition("%")[0]
    is_mapped = address.startswith("::ffff:") and "." in address
    return address.removeprefix("::ffff:") if is_mapped else address


def _walk(chain: Sequence[str], trusted: Sequence[Network]) -> str | None:
    for text in reversed(chain[-_LONGEST_CHAIN:]):
        address = _parse(text)
        if address is None:  # `unknown`, `_hidden`, or garbage: the trail ends
            return None
        if not _is_trusted(address, trusted):
            return str(address)
    return None


def _chain(headers: Mapping[str, str], name: str) -> list[str]:
    if name.lower() == "forwarded":
        return _forwarded(headers)
    return _split(_lines(headers, name))


def _forwarded(headers: Mapping[str, str]) -> list[str]:
    elements = _split(_lines(headers, "Forwarded"))
    chain = []
    for element in elements:
        found = _FORWARDED_FOR.search(element)
        chain.append((found[1] or found[2] or "") if found else "")
    return chain


def _lines(headers: Mapping[str, str], name: str) -> str:
    every = getattr(headers, "getall", None)
    if every is not None:
        return ",".join(every(name, ()))
    return ",".join(value for key, value in headers.items() if key.lower() == name.lower())


def _split(line: str) -> list[str]:
    """The elements of a comma-separated list, whose quoted strings may hold commas."""
    return [part.strip() for part in _unquoted_parts(line) if part.strip()]


def _unquoted_parts(line: str) -> Iterator[str]:
    start, quoted = 0, False
    for position, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            yield line[start:position]
            start = position + 1
    yield line[start:]


def _parse(text: str) -> IPAddress | None:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_trusted(address: IPAddress, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
