"""A block is plain text, two JSON lines an event (its header, its message), with a checksum each.

`sqlite3 journal.db 'SELECT lines FROM events'` shows what waits, and `jq` reads it. Beside them
stand the length and the CRC-32 of each item, made with its sequence: an item that is given back is
the one that was written, at the place where it was written, or it is marked as not readable. What
rules let out to single destinations stands at the end of the header, as `overlays`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

import orjson

from gateway.event import (
    NO_OVERLAYS,
    UNREADABLE,
    CleanBytes,
    CleanEvent,
    Header,
    OverlayBytes,
    Reason,
    StoredEvent,
    serialised,
)

Stream = Literal["events", "audit"]
"""The two logs of the journal; each counts its own sequence from 1."""
REASONS = {str(reason): reason for reason in Reason}
STREAMS: tuple[Stream, ...] = ("events", "audit")

_FRAME = struct.Struct("<II")
_OVERLAYS = b',"overlays":['
"""Where the overlays begin in the line of a header, behind all else. No text holds these bytes: a
quotation mark in a text has a backslash before it."""
_OVERLAYS_END = b"}]}"
_LINES: dict[Stream, int] = {"events": 2, "audit": 1}
"""Lines of one item."""
_MOST = 0xFFFFFFFF
NOTHING = CleanBytes(b"")
_FRESH: dict[bytes, Header] = {}
"""Headers that were just encoded here, by their line: to parse one costs as much as to make it."""
_MOST_FRESH = 2048


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line of the audit at its place in the log."""

    sequence: int
    body: CleanBytes  # where it is not readable, the damaged bytes
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """Items that were appended together."""

    first: int  # the sequence of the first
    count: int
    lines: bytes
    frames: bytes | None  # length and CRC-32 of each item; None where version 0.1.0 wrote it

    @property
    def end(self) -> int:
        """The sequence behind the last item."""
        return self.first + self.count


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """What one request adds to the journal, all or nothing: bytes and counts alone."""

    events: CleanBytes = NOTHING
    """Two lines an event."""
    audit: CleanBytes = NOTHING
    """A line an entry, of rejected events too."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What to add to the durable counters. A counter's name is words joined by `/`, such as
    `received/demo` or `rejected/telemetry_off`."""
    seen: bytes = b""
    """Digests of the events' ids, 16 bytes each: `has_seen` knows them from then on."""


def encoded(
    events: Iterable[CleanEvent] = (),
    audit: Iterable[CleanBytes] = (),
    counts: Mapping[str, int] | None = None,
    seen: bytes = b"",
) -> EncodedBlock:
    """`audit`: finished JSON lines without their newline."""
    audit_lines = b"".join([line + b"\n" for line in audit])
    lines = b"".join(map(encode, events))
    return EncodedBlock(CleanBytes(lines), CleanBytes(audit_lines), counts or {}, seen)


def encode(event: CleanEvent) -> bytes:
    """Both lines."""
    header = orjson.dumps(event.header)
    if len(_FRESH) >= _MOST_FRESH:
        _FRESH.clear()
    _FRESH[header] = event.header
    return b"%b\n%b\n" % (_sealed(header, event.overlays), serialised(event.message))


def items(lines: bytes, stream: Stream) -> list[bytes]:
    """The items that whole lines consist of. Raises ValueError where they are not whole."""
    rows = lines.splitlines(keepends=True)
    if lines and (len(rows) % _LINES[stream] or not lines.endswith(b"\n")):
        raise ValueError("an item of a block is not whole")
    return rows if stream == "audit" else list(map(bytes.__add__, rows[::2], rows[1::2]))


def encode_stored(event: StoredEvent) -> bytes:
    """Both lines; of an event that is not readable, the damaged bytes."""
    if not event.is_readable:
        return event.body
    return b"%b\n%b\n" % (_sealed(orjson.dumps(event.header), event.overlays), event.body)


def block_of(first: int, items: Sequence[bytes]) -> Block:
    """The block that begins at the sequence `first`. `items` are whole lines."""
    frames = b"".join(
        [
            _FRAME.pack(len(item), checksum(sequence, item))
            for sequence, item in enumerate(items, first)
        ]
    )
    return Block(first, len(items), b"".join(items), frames)


def rewritten(block: Block, changed: Mapping[int, StoredEvent]) -> Block:
    """The block with other events at some of its places; all else in it stays as it is."""
    found = [item for item, _ in _items(block, "events")]
    frames = block.frames and [*_FRAME.iter_unpack(block.frames)]
    if frames and len(frames) != block.count:
        frames = None
    for sequence, event in changed.items():
        at = sequence - block.first
        found[at] = item = encode_stored(event)
        if frames:
            frames[at] = len(item), checksum(sequence, item)
    packed = b"".join([_FRAME.pack(*frame) for frame in frames]) if frames else block.frames
    return Block(block.first, block.count, b"".join(found), packed)


def missing(first: int, count: int) -> Block:
    """Stands for items of which nothing is left."""
    return Block(first, count, b"", b"")


def checksum(sequence: int, item: bytes | memoryview) -> int:
    return crc32(item, sequence & _MOST)


def events_of(block: Block) -> list[StoredEvent]:
    """The events of a block; those that are damaged are not readable."""
    return [
        event_of(sequence, item)
        if is_whole
        else StoredEvent(sequence, UNREADABLE, CleanBytes(item))
        for sequence, (item, is_whole) in enumerate(_items(block, "events"), block.first)
    ]


def audit_of(block: Block) -> list[AuditLine]:
    """The audit lines of a block; those that are damaged are not readable."""
    return [
        line_of(sequence, item, is_whole=is_whole)
        for sequence, (item, is_whole) in enumerate(_items(block, "audit"), block.first)
    ]


def damaged(block: Block, stream: Stream) -> int:
    """How many items of a block are not readable."""
    items = events_of(block) if stream == "events" else audit_of(block)
    return sum(not item.is_readable for item in items)


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


def _items(block: Block, stream: Stream) -> Iterable[tuple[bytes, bool]]:
    """Each item, and whether it is what was written."""
    lines, frames = block.lines, block.frames
    if frames is not None and len(frames) == _FRAME.size * block.count:
        sizes = [size for size, _ in _FRAME.iter_unpack(frames)]
        items = _cut(lines, sizes) if sum(sizes) == len(lines) else _by_lines(lines, stream)
        if len(items) == block.count:
            sums = [crc for _, crc in _FRAME.iter_unpack(frames)]
            return [
                (item, checksum(sequence, item) == crc)
                for sequence, (item, crc) in enumerate(zip(items, sums, strict=True), block.first)
            ]
    items = _by_lines(lines, stream)
    if len(items) != block.count:
        items = [b""] * block.count
    return [(item, frames is None and item != b"") for item in items]


def _cut(lines: bytes, sizes: Iterable[int]) -> list[bytes]:
    items: list[bytes] = []
    start = 0
    for size in sizes:
        items.append(lines[start : start + size])
        start += size
    return items


def _by_lines(lines: bytes, stream: Stream) -> list[bytes]:
    """The items as their newlines say."""
    rows = [row + b"\n" for row in lines.split(b"\n")[:-1]]
    of_one = _LINES[stream]
    return [b"".join(rows[start : start + of_one]) for start in range(0, len(rows), of_one)]


def event_of(sequence: int, item: bytes) -> StoredEvent:
    """An event out of its two lines; where they are not its lines, it is not readable."""
    end = item.find(b"\n")
    line, overlays = item[:end], NO_OVERLAYS
    if line.endswith(_OVERLAYS_END):
        line, overlays = _opened(line)
    try:
        return StoredEvent(sequence, _header(line), CleanBytes(item[end + 1 : -1]), overlays)
    except (ValueError, KeyError, TypeError):
        return StoredEvent(sequence, UNREADABLE, CleanBytes(item))


def line_of(sequence: int, item: bytes, *, is_whole: bool = True) -> AuditLine:
    return AuditLine(sequence, CleanBytes(item.removesuffix(b"\n")), is_whole)


def _sealed(line: bytes, overlays: OverlayBytes) -> bytes:
    """The line of a header with the overlays, which are a JSON list, as its last member."""
    return b"%b%b%b}" % (line[:-1], _OVERLAYS[:-1], overlays) if overlays else line


def _opened(line: bytes) -> tuple[bytes, OverlayBytes]:
    """A header's own line, and its overlays."""
    own, mark, rest = line.partition(_OVERLAYS)
    if not mark:
        return line, NO_OVERLAYS
    return own + b"}", OverlayBytes(b"[" + rest[:-1])


def _header(line: bytes) -> Header:
    if fresh := _FRESH.pop(line, None):
        return fresh
    fields = orjson.loads(line)
    fields["pseudonyms"] = tuple(fields["pseudonyms"])
    fields["to"] = tuple(fields["to"])
    fields["hops"] = tuple(fields.get("hops", ()))  # 0.1.0 wrote none
    fields["filtered"] = {name: REASONS[reason] for name, reason in fields["filtered"].items()}
    return Header(**fields)
