"""A look at the journal changes nothing, and may be taken beside the gateway that writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.errors import JournalError
from gateway.event import StoredEvent
from gateway.journal import store
from gateway.journal.block import decode
from gateway.journal.cursor import Buried
from gateway.journal.transaction import View, look


class Look:
    """All that is read through it is of one commit."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        """Use `looking`."""
        self._connection = connection
        self._file = file

    def view(self) -> View:
        """Raises JournalError, also where the numbers do not add up."""
        with store.explained(self._file):
            return look(self._connection)

    def check(self) -> None:
        """Raises JournalError when the structure of the file is damaged. Reads all of it."""
        store.check(self._connection, self._file)

    def letters(self, *, replaying: bool = False) -> Iterator[Buried]:
        """Every dead letter, or every one that is to be tried again, oldest first.

        Raises JournalError.
        """
        with store.explained(self._file):
            try:
                yield from store.dead_letters(self._connection, None, 0, -1, replaying=replaying)
            except (ValueError, KeyError, TypeError):
                raise store.damaged(self._file) from None

    def oldest_pending(self, view: View, name: str) -> float | None:
        """When the oldest event that waits for a consumer was received; None if none waits."""
        position = view.cursors[name].position
        with (
            store.explained(self._file),
            closing(store.blocks(self._connection, "events", position)) as blocks,
        ):
            for first, lines in blocks:
                for event in self._decoded(first, lines):
                    if event.sequence > position:
                        return event.header.received_at
        return None

    def newest(self) -> float | None:
        """When the last event that the journal holds was received."""
        with store.explained(self._file):
            head = store.head(self._connection, "events")
            for first, lines in store.blocks(self._connection, "events", max(0, head - 1)):
                return max(event.header.received_at for event in self._decoded(first, lines))
        return None

    def _decoded(self, first: int, lines: bytes) -> list[StoredEvent]:
        try:
            return decode(first, lines)
        except (ValueError, KeyError, TypeError):
            raise store.damaged(self._file) from None


@contextmanager
def looking(folder: Path) -> Iterator[Look]:
    """Open the journal in `folder` for reading.

    Raises FileNotFoundError where there is none, JournalError where it cannot be read.
    """
    file = folder / "journal.db"
    if not file.exists():
        raise FileNotFoundError(file)
    with store.explained(file):
        connection = sqlite3.connect(
            f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=5, isolation_level=None
        )
    with closing(connection), store.explained(file):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != store.VERSION:
            raise JournalError(
                f"{file} is of version {version}, and this gateway reads {store.VERSION}; "
                "`gateway run` brings an older one up to date"
            )
        connection.execute("BEGIN")
        yield Look(connection, file)
