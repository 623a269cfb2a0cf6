"""The client's address: whom to believe, and where the trail ends."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.privacy import client_address

TRUSTED = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "fd00::/8", "192.0.2.1/32")]


def found(peer: str | None, *headers: tuple[str, str]) -> str | None:
    return client_address(peer, CIMultiDictProxy(CIMultiDict(headers)), TRUSTED)


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("::ffff:203.0.113.7", [], "203.0.113.7"),
        ("2001:db8::1%eth0", [], "2001:db8::1"),
        (None, [("X-Forwarded-For", "203.0.113.7")], None),
        ("garbage", [("X-Forwarded-For", "203.0.113.7")], None),
        # A peer that is no proxy of ours says nothing about anyone else.
        ("203.0.113.7", [("X-Forwarded-For", "198.51.100.1")], "203.0.113.7"),
        ("203.0.113.7", [("Forwarded", "for=198.51.100.1")], "203.0.113.7"),
        # From the right; what stands further left may be made up.
        ("10.0.0.1", [("X-Forwarded-For", "198.51.100.66, 203.0.113.7")], "203.0.113.7"),
        ("10.0.0.1", [("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.9.9.9")], "203.0.113.7"),
        ("10.0.0.1", [("X-Forwarded-For", "10.1.1.1, 10.2.2.2")], "10.1.1.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        # Several lines are one list.
        (
            "10.0.0.1",
            [("X-Forwarded-For", "6.6.6.6"), ("x-forwarded-for", "203.0.113.7, 10.0.0.2")],
            "203.0.113.7",
        ),
        # Ports, brackets, spaces.
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.7:4711")], "203.0.113.7"),
        ("10.0.0.1", [("X-Forwarded-For", " [2001:db8::7]:443 ")], "2001:db8::7"),
        ("10.0.0.1", [("X-Forwarded-For", "2001:db8::7")], "2001:db8::7"),
        ("10.0.0.1", [("X-Forwarded-For", "::ffff:203.0.113.7")], "203.0.113.7"),
        ("10.0.0.1", [("X-Forwarded-For", ", ,203.0.113.7,, ")], "203.0.113.7"),
        # RFC 7239.
        ("10.0.0.1", [("Forwarded", "for=203.0.113.7;proto=https;by=10.0.0.1")], "203.0.113.7"),
        ("10.0.0.1", [("Forwarded", 'proto=https; For="[2001:db8::7]:4711"')], "2001:db8::7"),
        (
            "10.0.0.1",
            [("Forwarded", 'for=6.6.6.6, for="203.0.113.7:80", for=10.3.3.3')],
            "203.0.113.7",
        ),
        ("10.0.0.1", [("Forwarded", 'for=203.0.113.7;host="a,b;for=6.6.6.6"')], "203.0.113.7"),
        ("fd00::1", [("Forwarded", "for=203.0.113.7")], "203.0.113.7"),
        # Where a trusted proxy hides the hop, or something is odd, nobody is guessed.
        ("10.0.0.1", [("Forwarded", "for=203.0.113.7, for=_hidden")], None),
        ("10.0.0.1", [("Forwarded", "for=unknown")], None),
        ("10.0.0.1", [("Forwarded", "proto=https")], None),
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.7, nonsense")], None),
        ("10.0.0.1", [("X-Forwarded-For", "999.1.1.1")], None),
        ("10.0.0.1", [("X-Forwarded-For", "\x00")], None),
        # A header that the proxy passed on unread disagrees with the one it wrote.
        ("10.0.0.1", [("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "203.0.113.7")], None),
        (
            "10.0.0.1",
            [("Forwarded", "for=203.0.113.7"), ("X-Forwarded-For", "203.0.113.7")],
            "203.0.113.7",
        ),
    ],
)
def test_client_address(
    peer: str | None, headers: Sequence[tuple[str, str]], address: str | None
) -> None:
    assert found(peer, *headers) == address


def test_without_trusted_proxies_no_header_counts() -> None:
    headers = {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}
    assert client_address("10.0.0.1", headers, ()) == "10.0.0.1"


def test_headers_of_a_plain_mapping_are_found_whatever_their_case() -> None:
    assert client_address("10.0.0.1", {"x-FORWARDED-for": "203.0.113.7"}, TRUSTED) == "203.0.113.7"


def test_a_chain_without_end_costs_little() -> None:
    chain = ", ".join(["10.0.0.9"] * 100_000)
    assert found("10.0.0.1", ("X-Forwarded-For", "203.0.113.7, " + chain)) == "10.0.0.9"
