"""What a row holds of events is encrypted on its way into the file, where there is a key.

A row is bound to what it is and where it stands: one that was changed, or put in the place of
another, cannot be read. Numbers stay plain: sequences, counts, cursors, counters, the reason and
the status of a dead letter. The file lists the keys that its rows may need, so a key that is
missing is never taken for damage.
"""

from __future__ import annotations

import sqlite3
import struct

from gateway.encryption import MAGIC, PLAIN, Keyring, key_of
from gateway.errors import JournalError
from gateway.journal.block import Block, Stream

_BLOCK = struct.Struct(">QQ")
_SEQUENCE = struct.Struct(">q")
_LENGTH = struct.Struct("<i")
_CHECKSUM = struct.Struct("<q")
_NONE, _DAMAGED = -1, -2
_LETTER, _DETAIL = "dead letters", "details of dead letters"


class Connection(sqlite3.Connection):
    """A connection to a journal, with the keys of its rows."""

    ring: Keyring | None = None
    listed: frozenset[str] = frozenset()
    """The ids of the keys that rows of the file may need, and PLAIN."""

    @property
    def writes(self) -> str:
        """The id of the key that encrypts new rows, or PLAIN."""
        return self.ring.writes if self.ring else PLAIN


def as_bytes(value: object) -> bytes | None:
    """A column of bytes, even where damage or a person made it a text or a number."""
    return value if isinstance(value, bytes) or value is None else str(value).encode()


def block_columns(
    connection: Connection, stream: Stream, block: Block
) -> tuple[bytes, bytes | None]:
    """What stands for a block in the columns `lines` and `frames`.

    Lines that could not be decrypted are written as they were read.
    """
    ring, frames = connection.ring, block.frames
    if ring is None or ring.current is None or block.lines.startswith(MAGIC):
        return block.lines, frames
    length = _NONE if frames is None else len(frames)
    content = b"".join((_LENGTH.pack(length), frames or b"", block.lines))
    return ring.seal(stream, _BLOCK.pack(block.first, block.count), content), b""


def block_of_row(
    connection: Connection, stream: Stream, row: tuple[int, int, object, object]
) -> Block:
    """The block of its four columns; none of its items is readable where it cannot be decrypted.

    Raises JournalError where the key is missing.
    """
    first, count, lines, frames = row
    read = as_bytes(lines) or b""
    if not read.startswith(MAGIC):
        return Block(first, count, read, as_bytes(frames))
    if (content := _opened(connection, stream, _place(first, count), read)) is None:
        return Block(first, count, read, b"")
    (length,) = _LENGTH.unpack_from(content)
    end = _LENGTH.size + max(0, length)
    framed = None if length == _NONE else content[_LENGTH.size : end]
    return Block(first, count, content[end:], framed)


def letter_columns(
    connection: Connection, destination: str, sequence: int, lines: bytes, checksum: int | None
) -> tuple[bytes, int | None]:
    """What stands for an event that died in the columns `lines` and `checksum`."""
    ring = connection.ring
    if ring is None or ring.current is None:
        return lines, checksum
    content = _CHECKSUM.pack(_NONE if checksum is None else checksum) + lines
    return ring.seal(_LETTER, _of(destination, sequence), content), 0


def letter_of_row(
    connection: Connection, destination: str, sequence: int, lines: object, checksum: int | None
) -> tuple[bytes, int | None]:
    """The lines of an event that died and their checksum, which a damaged one does not have.

    Raises JournalError where the key is missing.
    """
    read = as_bytes(lines) or b""
    if not read.startswith(MAGIC):
        return read, checksum
    content = _opened(connection, _LETTER, _of(destination, sequence), read)
    if content is None:
        return read, _DAMAGED
    (found,) = _CHECKSUM.unpack_from(content)
    return content[_CHECKSUM.size :], None if found == _NONE else found


def detail_column(
    connection: Connection, destination: str, sequence: int, detail: str
) -> str | bytes:
    """What stands for the detail of a death, which may quote the vendor."""
    ring = connection.ring
    if ring is None or ring.current is None:
        return detail
    return ring.seal(_DETAIL, _of(destination, sequence), detail.encode())


def detail_of_row(connection: Connection, destination: str, sequence: int, detail: object) -> str:
    """Raises JournalError where the key is missing."""
    read = as_bytes(detail) or b""
    if not read.startswith(MAGIC):
        return str(detail)
    content = _opened(connection, _DETAIL, _of(destination, sequence), read)
    return "not readable" if content is None else content.decode()


def is_foreign(connection: Connection, sealed: bytes) -> bool:
    """Whether none of the keys at hand is that of these bytes."""
    return sealed.startswith(MAGIC) and not (
        connection.ring and key_of(sealed) in connection.ring.ids
    )


def missing(ids: frozenset[str], ring: Keyring | None) -> str:
    """What to do about keys that are not at hand, for a person."""
    names = ", ".join(sorted(ids))
    if ring is None:
        return (
            f"it is encrypted with the key {names}, and gateway.yaml names no key; "
            "set `encryption.key`, or `encryption.previous` to decrypt it"
        )
    return (
        f"it is encrypted with the key {names}, and the keys of `encryption` are "
        f"{', '.join(sorted(ring.ids))}; set the right `encryption.key`, or keep the key of before "
        "under `encryption.previous`"
    )


def _opened(connection: Connection, purpose: str, place: bytes, sealed: bytes) -> bytes | None:
    ring, key = connection.ring, key_of(sealed)
    if ring is None or key not in ring.ids:
        if key in connection.listed:
            raise JournalError(f"the journal cannot be read: {missing(frozenset({key}), ring)}")
        return None
    return ring.open(purpose, place, sealed)


def _place(first: object, count: object) -> bytes:
    """Nowhere, where damage made them no numbers of a place."""
    try:
        return _BLOCK.pack(first, count)
    except struct.error:
        return b""


def _of(destination: str, sequence: int) -> bytes:
    return _SEQUENCE.pack(sequence) + destination.encode()
