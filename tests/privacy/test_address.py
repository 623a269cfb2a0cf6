"""The client's address: whom to believe, and where the trail ends."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.privacy import client_address

TRUSTED = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "fd00::/8", "192.0.2.1/32")]


def found(peer: str | None, *headers: tuple[str, str], **more: Sequence[str]) -> str | None:
    return client_address(peer, CIMultiDictProxy(CIMultiDict(headers)), TRUSTED, **more)


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
        ("10.0.0.1", [("X-Forwarded-For", "::ffff:203.0.113.7, 10.2.2.2")], "203.0.113.7"),
        # A trusted proxy's own address is nobody's.
        ("10.0.0.1", [], None),
        ("fd00::1", [], None),
        ("::ffff:10.0.0.1", [], None),
        ("10.0.0.1", [("X-Forwarded-For", "")], None),
        ("10.0.0.1", [("X-Forwarded-For", "10.0.0.1")], None),
        ("10.0.0.1", [("X-Forwarded-For", "10.1.1.1, 10.2.2.2")], None),
        ("10.0.0.1", [("Forwarded", "for=10.0.0.2, for=192.0.2.1")], None),
        ("10.0.0.1", [("X-Real-IP", "203.0.113.7")], None),
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
    assert found("10.0.0.1", ("X-Forwarded-For", "203.0.113.7, " + chain)) is None


CDN = ("CF-Connecting-IP", "True-Client-IP", "X-Real-IP", "X-Forwarded-For")


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("10.0.0.1", [("cf-connecting-ip", "203.0.113.7")], "203.0.113.7"),
        ("10.0.0.1", [("True-Client-IP", "2001:db8::7")], "2001:db8::7"),
        ("10.0.0.1", [("X-Real-IP", "203.0.113.7:4711")], "203.0.113.7"),
        ("10.0.0.1", [("X-Forwarded-For", "6.6.6.6, 203.0.113.7")], "203.0.113.7"),
        # The first of the list decides, wherever it stands in the request.
        (
            "10.0.0.1",
            [("X-Forwarded-For", "6.6.6.6"), ("CF-Connecting-IP", "203.0.113.7")],
            "203.0.113.7",
        ),
        ("10.0.0.1", [("X-Real-IP", "6.6.6.6"), ("True-Client-IP", "203.0.113.7")], "203.0.113.7"),
        ("10.0.0.1", [("CF-Connecting-IP", " "), ("X-Real-IP", "203.0.113.7")], "203.0.113.7"),
        ("10.0.0.1", [("CF-Connecting-IP", "nonsense"), ("X-Real-IP", "203.0.113.7")], None),
        ("10.0.0.1", [("X-Real-IP", "10.0.0.1")], None),
        # What is not in the list is not read.
        ("10.0.0.1", [("Fastly-Client-IP", "203.0.113.7")], None),
        ("10.0.0.1", [("Forwarded", "for=6.6.6.6"), ("X-Real-IP", "203.0.113.7")], "203.0.113.7"),
        ("10.0.0.1", [("Forwarded", "for=6.6.6.6")], None),
        # Nobody but a trusted proxy is believed.
        ("203.0.113.9", [("CF-Connecting-IP", "203.0.113.7")], "203.0.113.9"),
    ],
)
def test_the_headers_are_those_that_are_configured_in_their_order(
    peer: str, headers: Sequence[tuple[str, str]], address: str | None
) -> None:
    assert found(peer, *headers, names=CDN) == address


def test_headers_that_each_proxy_adds_to_must_agree_wherever_they_stand() -> None:
    headers = [("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "203.0.113.7")]
    for names in (("Forwarded", "X-Forwarded-For"), ("x-forwarded-for", "forwarded")):
        assert found("10.0.0.1", *headers, names=names) is None
    assert found("10.0.0.1", *headers, names=["X-Forwarded-For"]) == "203.0.113.7"
    assert found("10.0.0.1", *headers, names=["X-Real-IP", "Forwarded"]) == "6.6.6.6"
