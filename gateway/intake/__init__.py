"""What ingest has read is decided, counted and made durable: nothing is acknowledged before.

repeats ─▶ decide, in slices ─▶ one encoded block of events, audit, counts and ids ─▶ journal
"""

from gateway.intake.acceptor import Acceptor, Screen, Take
from gateway.intake.backend import Backend
from gateway.intake.dedup import Dedup

__all__ = ["Acceptor", "Backend", "Dedup", "Screen", "Take"]
