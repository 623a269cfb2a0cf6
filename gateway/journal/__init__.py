"""Ack means durable: `append` returns after the fsync, and what it stored is never lost or torn."""

from gateway.journal.block import AuditLine, Stream
from gateway.journal.cursor import Buried, Cursor, DeadLetter, Settlement, Step
from gateway.journal.journal import Entry, Journal
from gateway.journal.rows import MARK
from gateway.journal.seen_ids import DIGEST_BYTES
from gateway.journal.transaction import View

__all__ = [
    "DIGEST_BYTES",
    "MARK",
    "AuditLine",
    "Buried",
    "Cursor",
    "DeadLetter",
    "Entry",
    "Journal",
    "Settlement",
    "Step",
    "Stream",
    "View",
]
