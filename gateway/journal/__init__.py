"""Ack means durable: `append` returns after the fsync, and what it stored is never lost or torn.

Who accepts events and who delivers them knows the contract alone; an engine is a folder of its own.
"""

from gateway.journal.block import AuditLine, EncodedBlock, Stream, encoded
from gateway.journal.contract import (
    DIGEST_BYTES,
    DISCARDED,
    EXPIRED,
    MARK,
    AppendLog,
    Found,
    Journal,
    View,
    Without,
)
from gateway.journal.cursor import Buried, Cursor, DeadLetter, Settlement, Step

__all__ = [
    "DIGEST_BYTES",
    "DISCARDED",
    "EXPIRED",
    "MARK",
    "AppendLog",
    "AuditLine",
    "Buried",
    "Cursor",
    "DeadLetter",
    "EncodedBlock",
    "Found",
    "Journal",
    "Settlement",
    "Step",
    "Stream",
    "View",
    "Without",
    "encoded",
]
