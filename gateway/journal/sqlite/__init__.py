"""The embedded engine: one SQLite file, which one thread writes and one thread reads."""

from gateway.journal.sqlite.journal import SqliteJournal

__all__ = ["SqliteJournal"]
