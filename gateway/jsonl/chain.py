"""Lines that are chained by hash: none can be changed, removed or put in between unseen.

A line ends in a short hash over its own bytes and the hash of the line before, and the first line
of a file names the last hash of the file before. The hash depends on nothing else, so that a line
which is written again after a crash gets the same one. Lines of version 0.1.0 have none.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import NamedTuple

_SEAL = re.compile(rb'(?:,"previous":"([\w-]*)")?,"hash":"([\w-]{8})"\}')
_SEAL_BYTES = 64
"""What follows the body of a line is shorter."""
_HASH_BYTES = 6


class Sealed(NamedTuple):
    """A line taken apart."""

    body: bytes  # as the journal has it
    previous: str | None  # what it says of the file before
    hash: str | None


def hash_of(previous: str, body: bytes) -> str:
    """Of a line and of the one before."""
    made = blake2b(body, digest_size=_HASH_BYTES, key=previous.encode())
    return urlsafe_b64encode(made.digest()).decode()


def taken_apart(line: bytes) -> Sealed:
    """A line with or without its newline."""
    line = line.rstrip(b"\n")
    seal = _SEAL.search(line, max(0, len(line) - _SEAL_BYTES))
    if seal is None or seal.end() != len(line):
        return Sealed(line, None, None)
    previous, own = seal.groups()
    said = None if previous is None else previous.decode()
    return Sealed(line[: seal.start()] + b"}", said, own.decode())


def same_body(line: bytes, other: bytes) -> bool:
    """Whether two lines are of one item, sealed or not."""
    return taken_apart(line).body == taken_apart(other).body


class Chain:
    """Where the chain ends, and how it goes on."""

    __slots__ = ("head",)

    def __init__(self) -> None:
        self.head = ""
        """The last hash; empty where no line has one yet."""

    def sealed(self, lines: bytes, *, first: bool) -> bytes:
        """Whole lines, with hashes. `first`: whether they begin a file, or the chain."""
        made: list[bytes] = []
        for body in lines.splitlines():
            previous = b',"previous":"%b"' % self.head.encode() if first or not self.head else b""
            self.passed(body)
            made.append(b'%b%b,"hash":"%b"}\n' % (body[:-1], previous, self.head.encode()))
            first = False
        return b"".join(made)

    def passed(self, body: bytes) -> None:
        """Go on behind a line."""
        self.head = hash_of(self.head, body)
