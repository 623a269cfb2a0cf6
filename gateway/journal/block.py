"""A block is plain text: two JSON lines an event, its header and its message.

`sqlite3 journal.db 'SELECT lines FROM events'` shows what waits, and `jq` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import orjson

from gateway.event import CleanEvent, Header, Reason, StoredEvent

Stream = Literal["events", "audit"]
"""The two logs of the journal; each counts its own sequence from 1."""
REASONS = {str(reason): reason for reason in Reason}
STREAMS: tuple[Stream, ...] = ("events", "audit")


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line of the audit at its place in the log."""

    sequence: int
    body: bytes


class Encoded(NamedTuple):
    """An event on its way into a block."""

    header: Header
    body: bytes
    lines: bytes

    def stored(self, sequence: int) -> StoredEvent:
        """What `decode` will make of the lines."""
        return StoredEvent(sequence, self.header, self.body)


def encode(event: CleanEvent) -> Encoded:
    body = orjson.dumps(event.message)
    return Encoded(event.header, body, b"%b\n%b\n" % (orjson.dumps(event.header), body))


def encode_stored(event: StoredEvent) -> bytes:
    return b"%b\n%b\n" % (orjson.dumps(event.header), event.body)


def decode(first: int, lines: bytes) -> list[StoredEvent]:
    """The events of a block whose first one has the sequence `first`. Raises ValueError."""
    rows = lines.split(b"\n")
    return [
        StoredEvent(first + place, _header(header), body)
        for place, (header, body) in enumerate(zip(rows[:-1:2], rows[1::2], strict=True))
    ]


def decode_audit(first: int, lines: bytes) -> list[AuditLine]:
    return [AuditLine(first + place, row) for place, row in enumerate(lines.split(b"\n")[:-1])]


def split(lines: Sequence[bytes], size: int) -> list[Sequence[bytes]]:
    """`lines` cut into runs of at most `size` bytes; a longer line makes a run of its own."""
    runs: list[Sequence[bytes]] = []
    start = held = 0
    for end, line in enumerate(lines):
        if held and held + len(line) > size:
            runs.append(lines[start:end])
            start, held = end, 0
        held += len(line)
    if start < len(lines):
        runs.append(lines[start:])
    return runs


def _header(line: bytes) -> Header:
    fields = orjson.loads(line)
    fields["pseudonyms"] = tuple(fields["pseudonyms"])
    fields["to"] = tuple(fields["to"])
    fields["hops"] = tuple(fields.get("hops", ()))  # 0.1.0 wrote none
    fields["filtered"] = {name: REASONS[reason] for name, reason in fields["filtered"].items()}
    return Header(**fields)
