"""Addresses of machines: IPv4, IPv6 and MAC, whole, and never a version number.

`1.2.3.4` is a version when its key says so, when `v` or the word version stands before it, when a
fifth part or a pre-release follows, or when it is the product of a user agent.
"""

from __future__ import annotations

import re
import socket

from gateway.privacy.detectors.context import ADDRESS, AGENT, VERSION
from gateway.privacy.detectors.declaration import Certainty, Detector, Span
from gateway.privacy.detectors.triggers import SEVEN_DIGITS, characters, word

_QUAD = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9]|\.[0-9])")
_BEFORE_QUAD = re.compile(r"[0-9]\.?\Z")
_VERSION_BEFORE = re.compile(
    r"(?:(?<![A-Za-z])v[=:]?|\b(?:version|versions|ver|build|release|rev|revision|firmware|sdk)"
    r"[\s:=\"'.]{0,3}v?)\Z",
    re.IGNORECASE,
)
_PRE_RELEASE_AFTER = re.compile(
    r"[-+.](?:alpha|beta|rc|pre|dev|snapshot|release|final|build|nightly|canary|ga|sp)",
    re.IGNORECASE,
)
_AGENT_TEXT = re.compile(r"[A-Za-z][\w.\-]*/[0-9][\w.]* \(")
_IPV6 = re.compile(
    r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,32}(?:(?:\.[0-9]{1,3}){3})?(?:%[A-Za-z0-9_.\-]+)?"
)
_WORD = re.compile(r"[\w:]")
_LONGEST_VERSION = 40
_LONGEST_PRODUCT = 32
_NOTATION = re.compile(
    r"(?<![\w.])(?:0x[0-9A-Fa-f]{6,8}|0[0-7]{9,11}|[0-9]{8,10}"
    r"|(?:0x[0-9A-Fa-f]{1,2}|[0-9]{1,4})(?:\.(?:0x[0-9A-Fa-f]{1,4}|[0-9]{1,5})){2,3})(?![\w.])"
)
"""An IPv4 address as the C library reads it, where the key says that it is one."""
_IN_HOST = re.compile(
    r"(?<![0-9A-Za-z-])(?:ec2|ip)-((?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(?:-[0-9]{1,3}){3})(?![0-9-])"
)
"""An address in the name of a host."""
_MAC_OTHERWISE = re.compile(r"(?<![\w.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?![\w.])")
_may_be_dotted = re.compile(r"\.[0-9A-Fa-f]{4}\.").search
_BARE_MAC = re.compile(r"[0-9A-Fa-f]{12}").fullmatch
_MAC = re.compile(
    r"(?<![0-9A-Fa-f])(?<![0-9A-Fa-f][:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
    r"(?![0-9A-Fa-f]|[:-][0-9A-Fa-f])"
)


def ipv4(text: str, context: int) -> list[Span]:
    found = _in_any_notation(text) if context & ADDRESS else []
    if "ec2-" in text or "ip-" in text:
        found += [(*match.span(1), "ipv4") for match in _IN_HOST.finditer(text)]
    if text.count(".") < 3:
        return found
    is_agent: bool | None = None
    for match in _QUAD.finditer(text):
        start, end = match.span()
        if is_agent is None:
            is_agent = bool(context & AGENT) or _AGENT_TEXT.match(text) is not None
        if (
            match[0] != "0.0.0.0"  # noqa: S104 (nobody's address, and Segment's way to say none)
            and max(map(int, match[0].split("."))) < 256
            and not (start and _BEFORE_QUAD.search(text[max(0, start - 2) : start]))
            and not _is_version(text, start, end, context, is_agent=is_agent)
        ):
            found.append((start, end, "ipv4"))
    return found


def _in_any_notation(text: str) -> list[Span]:
    found: list[Span] = []
    for match in _NOTATION.finditer(text):
        try:
            socket.inet_aton(match[0])
        except OSError:
            continue
        if match[0] != "0.0.0.0":  # noqa: S104 (nobody's address)
            found.append((*match.span(), "ipv4"))
    return found


def _is_version(text: str, start: int, end: int, context: int, *, is_agent: bool) -> bool:
    if context & ADDRESS:
        return False
    if context & VERSION and len(text) <= _LONGEST_VERSION:
        return True
    before = text[max(0, start - _LONGEST_PRODUCT) : start]
    if before.endswith("/"):
        word = before[:-1].rpartition(" ")[2].lstrip("(;,")
        if not word[:1].isalpha() or "/" in word or ":" in word:
            return False
        return is_agent or text.endswith(".0.0", start, end)
    is_told = any(map(str.isalpha, before[-4:]))
    return bool((is_told and _VERSION_BEFORE.search(before)) or _PRE_RELEASE_AFTER.match(text, end))


def ipv6(text: str, context: int) -> list[Span]:
    if text.count(":") < 2:
        return []
    found: list[Span] = []
    for match in _IPV6.finditer(text):
        start, end = match.span()
        address, _, zone = match[0].partition("%")
        trimmed = address
        if trimmed.endswith(":") and not trimmed.endswith("::"):
            trimmed = trimmed[:-1]
        if trimmed.startswith(":") and not trimmed.startswith("::"):
            start += 1
            trimmed = trimmed[1:]
        if not zone:
            end = start + len(trimmed)
        if _is_ipv6(trimmed, text, start, end, context):
            found.append((start, end, "ipv6"))
    return found


def _is_ipv6(address: str, text: str, start: int, end: int, context: int) -> bool:
    if len(address) < 3 or ("::" not in address and address.count(":") < 6):
        return False
    if not _parses(address):
        groups = address.split(":")
        if len(groups) <= 8 or not (_parses(":".join(groups[:8])) or "::" in address):
            return False
    if start and _WORD.match(text, start - 1):
        return False  # `EC2::` in `AWS::EC2::VPC`
    if _WORD.match(text, end) and text[start:end] != text[start:end].rstrip(":"):
        return False  # `arn:aws:iam::123456789012`
    colons = address.count(":")
    if colons < 4 and not context & ADDRESS and address not in (address.lower(), address.upper()):
        return False  # `Ec2::Add`, `Cafe::Bead`: a class
    if any(letter.isdecimal() for letter in address) or colons >= 4:
        return not (_WORD.match(text, end))
    # `d::c` stands in `std::cout`; `dead::beef` is an address alone or in brackets.
    is_whole = start == 0 and end == len(text)
    whole = is_whole and {len(group) for group in address.split(":") if group} == {4}
    return whole or bool(context & ADDRESS) or text[start - 1 : start] + text[end : end + 1] == "[]"


def _parses(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, text)  # ipaddress takes twenty times as long
    except (OSError, ValueError):
        return False
    return True


def mac(text: str, context: int) -> list[Span]:
    if context & ADDRESS and _BARE_MAC(text):
        return [(0, len(text), "mac")]
    if text.count(".") >= 2 and _may_be_dotted(text):
        found = [(*match.span(), "mac") for match in _MAC_OTHERWISE.finditer(text)]
        if found:
            return [
                span for span in found if not text[span[0] : span[1]].replace(".", "").isdecimal()
            ]
    if text.count(":") < 5 and text.count("-") < 5:
        return []
    return [(*match.span(), "mac") for match in _MAC.finditer(text)]


DETECTORS = (
    Detector(
        name="mac",
        meaning="a hardware address",
        certainty=Certainty.WRITTEN,
        triggers=(
            characters("-:", after="[0-9A-Fa-f][0-9A-Fa-f][-:][0-9A-Fa-f]{2}[-:]"),
            characters(".", after=r"[0-9A-Fa-f][0-9A-Fa-f]{3}\.[0-9A-Fa-f]{4}"),
        ),
        find=mac,
        examples=(
            "0000.5e00.53ab",
            "00:1b:63:84:45:e6",
            "AA-BB-CC-DD-EE-FF",
            "from «aa:bb:cc:dd:ee:ff».",
        ),
        counterexamples=("10:52:14", "00:1b:63:84:45", "00:1b:63:84:45:e6:77", "aa-bb-cc-dd-ee"),
        skips_lookalikes=True,
    ),
    Detector(
        name="ipv6",
        meaning="an IPv6 address, also with zone or mapped IPv4",
        certainty=Certainty.WRITTEN,
        triggers=(characters(":", after="[0-9A-Fa-f.]{0,15}:"),),
        find=ipv6,
        examples=(
            "2001:db8::7334",
            "fe80::1ff:fe23:4567:890a%eth0",
            "::ffff:203.0.113.77",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "::1",
            "dead::beef",
            "[«2001:db8::1»]:443",
        ),
        counterexamples=(
            "std::cout",
            "10:52:14",
            "a::b::c",
            "::",
            "AWS::EC2::VPC",
            "abc::def",
            "arn:aws:iam::123456789012:role/x",
        ),
        skips_lookalikes=True,
    ),
    Detector(
        name="ipv4",
        meaning="an IPv4 address; not a version of four parts",
        certainty=Certainty.WRITTEN,
        triggers=(SEVEN_DIGITS, word("0x", after=r"[0-9A-Fa-f]{2}[0-9A-Fa-f.]")),
        find=ipv4,
        examples=(
            "203.0.113.77",
            "1.2.3.4",
            "255.254.253.252",
            "http://«10.20.30.40»:80/",
            "ec2-«203-0-113-7».compute.example",
        ),
        counterexamples=(
            "v1.2.3.4",
            "version 1.2.3.4",
            "1.2.3.4.5",
            "1.2.3.4-rc1",
            "256.1.1.1",
            "0.0.0.0",  # noqa: S104 (a text to look into)
            "Chrome/86.0.0.0",
        ),
        needs_digit=True,
        skips_lookalikes=True,
    ),
)
