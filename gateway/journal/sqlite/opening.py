"""Opening the journal finds out whether it is this installation's own, and no older than it was.

An older copy is gone on with, under a new generation, because nothing of it is lost by that. An
empty or a foreign one stops the start: to begin again from nothing is a person's decision.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from gateway.clock import Clock
from gateway.encryption import Keyring
from gateway.errors import JournalError
from gateway.journal.seen_ids import SeenIds
from gateway.journal.sqlite import high_water, recoveries, rows, store
from gateway.journal.sqlite.high_water import Mark, Mismatch
from gateway.journal.sqlite.sealing import Connection

CHECKED_BYTES = 256 * 1024**2
"""Up to this size the whole file is checked at the start, which takes about a second at most."""

_REMEDIES = {
    "emptied": "Put the journal back while the gateway is stopped, or run `gateway doctor "
    "--repair`: it keeps what is there under another name and begins a new journal",
    "foreign": "Put this installation's own journal back while the gateway is stopped, or run "
    "`gateway doctor --repair` to go on with this one",
    "older": "What was accepted behind that end and not delivered is lost, unless the newer "
    "journal still exists: then stop the gateway and put that one back. Lines of event and audit "
    "files that this journal does not know are kept, in files whose names say `set-aside`",
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """The file of the journal, and what the rest of the journal needs to know of it."""

    file: Path
    connection: Connection
    generation: str
    former: tuple[str, ...]
    clock: Clock
    mark: Path


def open_file(folder: Path, ring: Keyring | None = None) -> Opened:
    """Open the file in `folder`, or make it. Blocks; one process at a time.

    Raises JournalError when it is damaged, empty, foreign, of a newer version or encrypted with a
    key that is not in the ring, OSError when the folder cannot be made.
    """
    marked = high_water.path(folder)
    mark = high_water.read(marked)
    found = compared(folder, mark)
    if found and found.kind != "older":
        raise JournalError(f"{folder}: {found.sentence}. {remedy(found)}")
    file = store.create(folder)
    clock = Clock(mark.time if mark else None)
    with ExitStack() as undo:
        connection = store.connect(file, ring)
        undo.callback(connection.close)
        if file.stat().st_size <= CHECKED_BYTES:
            store.check(connection, file)
        with store.explained(file):
            generation = store.generation(connection)
            former = mark.former if mark else ()
            if found and mark:
                generation, former = secrets.token_hex(8), high_water.former(mark)
                # Whenever it stops from here on, the next start finds an older copy again.
                high_water.write(marked, replace(mark, generation=generation, former=former))
                store.begin_generation(connection, generation)
                high_water.write(marked, Mark(generation, found.events, 0, clock.certain(), former))
        if found:
            log.error(found.sentence, what_to_do=remedy(found))
            with suppress(OSError):  # the log has it
                recoveries.note(folder, clock.now(), found.sentence)
        undo.pop_all()
    return Opened(file, connection, generation, former, clock, marked)


def opened_ids(opened: Opened, folder: Path, window: float) -> SeenIds | None:
    """The ids that came within the last `window` seconds; None where that is 0. Raises OSError."""
    if not window:
        return None
    seen = SeenIds.open(folder / "seen", window, opened.generation, opened.clock)
    for digests in rows.remembered(opened.connection):
        seen.add_unless_there(digests)
    return seen


def remedy(found: Mismatch) -> str:
    return _REMEDIES[found.kind]


def compared(folder: Path, mark: Mark | None) -> Mismatch | None:
    """How the journal in `folder` differs from what the mark says. Changes nothing.

    Raises JournalError when it cannot be read, OSError when it is no file.
    """
    file = folder / store.FILE
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    if not file.exists() or file.stat().st_size == 0:
        return high_water.mismatch(mark, None, 0, 0)
    with store.explained(file), closing(store.read_only(file)) as connection:
        version, _ = store.version_of(connection)
        if version == 0:
            return high_water.mismatch(mark, None, 0, 0)
        if version > store.VERSION:
            return None  # `store.connect` says more
        generation = store.generation(connection) if version >= store.MARKED_SINCE else None
        heads = [rows.head(connection, stream) for stream in ("events", "audit")]
        return high_water.mismatch(mark, generation, *heads)
