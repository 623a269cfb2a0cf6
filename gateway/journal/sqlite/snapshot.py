"""A look at the journal changes nothing, and may be taken beside the gateway that writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.encryption import Keyring
from gateway.errors import JournalError
from gateway.event import StoredEvent
from gateway.journal.block import AuditLine, audit_of, events_of
from gateway.journal.contract import View
from gateway.journal.cursor import Buried
from gateway.journal.sqlite import letters, rows, store
from gateway.journal.sqlite.examine import Examined, Letter, letters_examined, stream_examined
from gateway.journal.sqlite.sealing import Connection
from gateway.journal.sqlite.transaction import look

_LETTER_COUNTS = "SELECT destination, replaying, count(*) FROM dead_letters GROUP BY 1, 2"
_INSTRUCTIONS = 500_000
"""Of SQLite's machine: some milliseconds."""


class Look:
    """All that is read through it is of one commit."""

    def __init__(self, connection: Connection, file: Path) -> None:
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
            yield from letters.dead_letters(self._connection, None, 0, -1, replaying=replaying)

    def oldest_pending(self, view: View, name: str) -> float | None:
        """When the oldest event that waits for a consumer was received; None if none waits."""
        position = view.cursors[name].position
        with (
            store.explained(self._file),
            closing(rows.blocks(self._connection, "events", position)) as blocks,
        ):
            for block in blocks:
                for event in events_of(block):
                    if event.sequence > position and event.is_readable:
                        return event.header.received_at
        return None

    def used_bytes(self) -> int:
        """What the journal holds."""
        with store.explained(self._file):
            return store.used_bytes(self._connection)

    def letter_counts(self) -> Mapping[tuple[str, bool], int]:
        """How many dead letters there are, by destination and whether they are to be tried again.

        Raises JournalError.
        """
        with store.explained(self._file):
            found = self._connection.execute(_LETTER_COUNTS).fetchall()
        return {(name, bool(replaying)): count for name, replaying, count in found}

    def keys(self) -> frozenset[str]:
        """The ids of the encryption keys that what is stored may need, and PLAIN."""
        return self._connection.listed

    def check_keys(self) -> None:
        """Raises JournalError where one of them is not at hand."""
        store.check_keys(self._connection, self._file)

    def let_go(self) -> None:
        """What is read from here on may be of later commits, and holds up nobody who writes."""
        self._connection.execute("COMMIT")

    def meanwhile(self, call: Callable[[], None]) -> None:
        """Have `call` called now and then while SQLite works."""

        def called() -> int:
            call()
            return 0

        self._connection.set_progress_handler(called, _INSTRUCTIONS)

    def events(self, after: int) -> Iterator[Examined[StoredEvent]]:
        """All events behind `after`, and their neighbours. Raises JournalError."""
        with store.explained(self._file):
            yield from stream_examined(self._connection, "events", after, events_of)

    def audit(self, after: int) -> Iterator[Examined[AuditLine]]:
        """As `events`, for the audit."""
        with store.explained(self._file):
            yield from stream_examined(self._connection, "audit", after, audit_of)

    def examined_letters(self) -> Iterator[Letter]:
        """Every dead letter, whether it can be read or not. Raises JournalError."""
        with store.explained(self._file):
            yield from letters_examined(self._connection)

    def newest(self) -> float | None:
        """When the last event that the journal holds was received."""
        with store.explained(self._file):
            head = rows.head(self._connection, "events")
            for block in rows.blocks(self._connection, "events", max(0, head - 1)):
                return max(event.header.received_at for event in events_of(block))
        return None


@contextmanager
def looking(folder: Path, ring: Keyring | None = None) -> Iterator[Look]:
    """Open the journal in `folder` for reading.

    `ring`: what it takes to read events and letters of an encrypted one; the numbers are plain.
    Raises FileNotFoundError where there is none, JournalError where it cannot be read.
    """
    file = folder / store.FILE
    if not file.exists():
        raise FileNotFoundError(file)
    with store.explained(file):
        connection = store.read_only(file, ring)
    with closing(connection), store.explained(file):
        version, _ = store.version_of(connection)
        if version != store.VERSION:
            raise JournalError(
                f"{file} is of version {version}, and this gateway reads {store.VERSION}; "
                "`gateway run` brings an older one up to date"
            )
        connection.execute("BEGIN")
        connection.listed = store.keys_listed(connection)
        yield Look(connection, file)
