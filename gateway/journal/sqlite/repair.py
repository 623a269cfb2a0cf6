"""`gateway doctor --repair` saves what can be read of a journal, and copies it before it does.

What cannot be read keeps its place: an event becomes one that is not readable, and so a dead letter
of each destination it waits for. So the numbers of every destination still add up afterwards. The
caller has the data folder for itself.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from gateway.encryption import PLAIN, Keyring, key_of
from gateway.errors import JournalError
from gateway.event import Reason
from gateway.journal import DISCARDED
from gateway.journal.block import REASONS, STREAMS, Stream, damaged
from gateway.journal.cursor import Cursor
from gateway.journal.sqlite import high_water, recoveries, rows, salvage, sealing, store
from gateway.journal.sqlite.high_water import Mark, former
from gateway.journal.sqlite.opening import compared
from gateway.journal.sqlite.sealing import Connection
from gateway.jsonl.surplus import fsync
from gateway.timestamps import timestamp

_PAGE_COUNT_AT, _FREELIST_AT, _FREELIST_END = 28, 32, 40
_PAGE = 4096
_LOST = "lost from a damaged journal"


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done. Nothing where the journal was whole."""

    copy: Path | None
    sentences: tuple[str, ...]


def repair(
    folder: Path, consumers: Mapping[str, Stream], now: float, ring: Keyring | None = None
) -> Repaired:
    """Make the journal in `folder` one that can be opened. `now`: epoch seconds.

    `consumers` are those of the configuration: one whose cursor cannot be read starts with the
    oldest item that is left. `ring`: the keys of an encrypted journal; nothing is repaired where
    one is missing. Raises JournalError or OSError, and then the journal is as it was.
    """
    _check_keys(folder, ring)
    marked = high_water.path(folder)
    mark = high_water.read(marked)
    try:
        found = compared(folder, mark)
    except JournalError:
        found = None
    if found is None and _is_whole(folder):
        return Repaired(None, ())
    if found and found.kind == "older" and _is_whole(folder):
        return Repaired(None, (f"{found.sentence}; a start goes on with it",))
    copy = _copied(folder, now)
    sentences = [found.sentence if found else "the journal was damaged"]
    if found and found.kind == "emptied":
        _replace(folder, _new(folder))
        sentences.append("a new journal begins; what waited in the old one is lost")
    elif found is None or found.kind == "older":
        sentences += _rebuilt(folder, copy, consumers, mark, ring)
    with closing(store.connect(folder / store.FILE, ring)) as connection:
        generation = store.begin_generation(connection)
        events, audit = (rows.head(connection, stream) for stream in STREAMS)
    if found and found.kind == "foreign":
        sentences.append("it is this installation's journal from now on")
    high_water.write(
        marked, Mark(generation, events, audit, mark.time if mark else now, former(mark))
    )
    recoveries.note(folder, now, "; ".join(sentences))
    return Repaired(copy, tuple(sentences))


def _check_keys(folder: Path, ring: Keyring | None) -> None:
    """Raises JournalError where a key is missing: then what is whole would be taken for damage."""
    file = folder / store.FILE
    with suppress(sqlite3.Error), closing(store.read_only(file, ring)) as connection:
        store.check_keys(connection, file)


def _is_whole(folder: Path) -> bool:
    """Whether there is nothing to repair: a changed item is delivery's to bury, not ours."""
    file = folder / store.FILE
    if not file.exists():
        return True
    try:
        with closing(store.read_only(file)) as connection:
            store.check(connection, file)
            rows.cursors(connection)
            return True
    except (JournalError, sqlite3.Error, ValueError, KeyError):
        return False


def _copied(folder: Path, now: float) -> Path:
    """A copy of the whole folder, on the disk."""
    moment = timestamp(now)[:19].replace(":", "")
    copy = folder.with_name(f"{folder.name}.copy-{moment}")
    number = 1
    while copy.exists():
        number += 1
        copy = folder.with_name(f"{folder.name}.copy-{moment}-{number}")
    try:
        if folder.exists():
            shutil.copytree(folder, copy)
        else:
            copy.mkdir(mode=0o700)
        for file in (*copy.iterdir(), copy, copy.parent):
            fsync(file)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(copy, ignore_errors=True)
        raise JournalError(
            f"{folder} could not be copied, so nothing was changed ({type(error).__name__}); "
            "make room on the disk"
        ) from None
    return copy


def _new(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{store.FILE}.new"
    file.unlink(missing_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_EXCL | os.O_CLOEXEC, 0o600))
    store.connect(file).close()
    return file


def _replace(folder: Path, new: Path) -> None:
    """Let the new file be the journal. The old one is in the copy.

    The old WAL goes first, or SQLite would read it into the new file; the file itself is replaced
    in one step, so that a crash leaves a journal that can be repaired again.
    """
    fsync(new)
    for suffix in ("-wal", "-shm"):
        (folder / f"{store.FILE}{suffix}").unlink(missing_ok=True)
    fsync(folder)
    new.replace(folder / store.FILE)
    fsync(folder)


def _rebuilt(
    folder: Path,
    copy: Path,
    consumers: Mapping[str, Stream],
    mark: Mark | None,
    ring: Keyring | None,
) -> list[str]:
    """Write a new file out of what can be read of the copy, and say what that was."""
    new = _new(folder)
    work = new.with_name("journal.read")
    try:
        _prepared(copy, work, new)
        with (
            closing(sqlite3.connect(work, isolation_level=None, factory=Connection)) as old,
            closing(store.connect(new, ring)) as connection,
            store.transaction(connection),
        ):
            old.ring = ring
            if ring:
                store.list_keys(connection, {*ring.ids, PLAIN})
            sentences = _saved(old, connection, consumers, mark)
    finally:
        for file in folder.glob("journal.read*"):
            file.unlink()
    _replace(folder, new)
    return sentences


def _prepared(copy: Path, work: Path, new: Path) -> None:
    """Make `work` a copy that SQLite opens, with a new first page where its own is gone.

    Journals of one version keep their tables at the same pages.
    """
    for suffix in ("", "-wal"):
        with suppress(FileNotFoundError):
            shutil.copy(copy / f"{store.FILE}{suffix}", f"{work}{suffix}")
    with (
        suppress(sqlite3.DatabaseError),
        closing(sqlite3.connect(work, isolation_level=None)) as connection,
    ):
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("SELECT 1 FROM cursors LIMIT 1").fetchone()
        version, _ = store.version_of(connection)
        if 0 < version < store.VERSION:
            store.bring_up_to_date(connection, version)
        return
    with suppress(FileNotFoundError):
        Path(f"{work}-wal").unlink()
    first = bytearray(new.read_bytes()[:_PAGE])
    pages = work.stat().st_size // _PAGE
    first[_PAGE_COUNT_AT:_FREELIST_AT] = pages.to_bytes(4, "big")
    first[_FREELIST_AT:_FREELIST_END] = bytes(_FREELIST_END - _FREELIST_AT)
    with work.open("r+b") as file:
        file.write(first)


def _saved(
    old: Connection,
    new: Connection,
    consumers: Mapping[str, Stream],
    mark: Mark | None,
) -> list[str]:
    """Copy everything that can be read; returns what a person should know of it."""
    sentences = []
    foreign: Counter[str] = Counter()
    cursors, are_whole = _cursors(old)
    marked = {"events": mark.events if mark else 0, "audit": mark.audit if mark else 0}
    oldest: dict[Stream, int] = {}
    for stream in STREAMS:
        reached = [cursor.position for cursor in cursors.values() if cursor.stream == stream]
        head = salvage.last(old, stream, max([marked[stream], *reached]))
        after = min(reached, default=0) if are_whole else 0
        oldest[stream], saved, lost = _copy_stream(old, new, stream, (after, head), foreign)
        sentences.append(f"{stream}: {saved:,} saved, {lost:,} not readable")
    _check_foreign(foreign, old.ring)
    if not are_whole:
        for name, stream in consumers.items():
            if name not in cursors:
                cursors[name] = Cursor(name, stream, started=oldest[stream] - 1)
                sentences.append(f"what is left for `{name}` is delivered again")
    counters, count_all = _counters(old)
    lost = 0
    letters = _letters(old, new, cursors)
    for cursor in cursors.values():
        discarded = counters.get(f"{DISCARDED}/{cursor.name}", 0)
        settled, replaced = _replaced(new, cursor, letters, discarded)
        rows.put(new, settled, moved_from=None)
        lost += replaced
    if lost:
        sentences.append(f"dead letters: {lost:,} not readable")
    if not count_all:
        counters |= _missing_counts(counters, rows.head(new, "events"))
        sentences.append("some counters could not be read; they are lower now")
    if counters:
        rows.count(new, counters)
    return sentences


def _copy_stream(
    old: Connection,
    new: Connection,
    stream: Stream,
    between: tuple[int, int],
    foreign: Counter[str],
) -> tuple[int, int, int]:
    """Copy what waits behind a sequence, and in any case the last item, which numbers the next.

    Returns the first sequence kept, how many items were saved, and how many not. `foreign` counts
    the blocks of each key that is not at hand.
    """
    after, head = between
    saved = lost = first = 0
    for block in salvage.blocks(old, stream, min(after, max(0, head - 1)), head):
        if not first and not after and not block.lines and block.first + block.count <= head:
            continue  # whether it was pruned or lost, nobody can know
        first = first or block.first
        rows.put_block(new, stream, block)
        if sealing.is_foreign(old, block.lines):
            foreign[key_of(block.lines)] += 1
        bad = damaged(block, stream)
        lost += bad
        saved += block.count - bad
    return first or 1, saved, lost


def _cursors(old: Connection) -> tuple[dict[str, Cursor], bool]:
    """The cursors that add up, and whether these are all."""
    found, is_whole = salvage.table(old, rows.CURSORS)
    cursors: dict[str, Cursor] = {}
    for row in found:
        try:
            cursor = rows.cursor(row)
        except JournalError:
            is_whole = False
        else:
            cursors[cursor.name] = cursor
    return cursors, is_whole


def _check_foreign(foreign: Counter[str], ring: Keyring | None) -> None:
    """Raises JournalError where a key is missing; one that only one block names is damage."""
    if lacking := frozenset(key for key, count in foreign.items() if count > 1):
        raise JournalError(f"the journal cannot be repaired: {sealing.missing(lacking, ring)}")


Kept = Counter[tuple[str, Reason | Literal["replaying"]]]
"""Dead letters by destination and reason; those that are tried again count apart."""


def _letters(old: Connection, new: Connection, cursors: Mapping[str, Cursor]) -> Kept:
    """Copy the dead letters of these consumers; how many they are."""
    kept: Kept = Counter()
    for row in salvage.letters(old):
        destination, reason, is_replaying = row[1], REASONS.get(row[3]), row[8]
        if destination in cursors and reason is not None:
            _put_letter(new, row)
            kept[destination, "replaying" if is_replaying else reason] += 1
    return kept


def _replaced(new: Connection, cursor: Cursor, kept: Kept, discarded: int) -> tuple[Cursor, int]:
    """Put a letter that is not readable in the place of each that is lost: so all are counted.

    Returns the cursor, and how many these are. `discarded`: by people, of any reason.
    """
    dead = Counter(cursor.dead)
    gone = cursor.replaying - kept[cursor.name, "replaying"]
    dead[Reason.UNREADABLE] += gone
    lost = 0
    for reason, count in dead.items():
        absent = count - kept[cursor.name, reason]
        spared = min(absent, discarded)
        discarded -= spared
        lost += absent - spared
        for _ in range(absent - spared):
            _put_letter(new, (None, cursor.name, 0, str(reason), None, _LOST, 0.0, b"", 0, 1))
    return replace(cursor, dead=+dead, replaying=cursor.replaying - gone), lost


def _put_letter(new: Connection, row: tuple[object, ...]) -> None:
    new.execute(
        "INSERT INTO dead_letters (id, destination, sequence, reason, status, detail, died_at, "
        "lines, replaying, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )


def _counters(old: Connection) -> tuple[dict[str, int], bool]:
    found, is_whole = salvage.table(old, "SELECT name, value FROM counters")
    return {name: value for name, value in found if isinstance(value, int)}, is_whole


def _missing_counts(counters: Mapping[str, int], accepted: int) -> Mapping[str, int]:
    """What must have been received, too, of a source that is not known any more."""
    sums: Counter[str] = Counter()
    for name, value in counters.items():
        sums[name.partition("/")[0]] += value
    missing = accepted + sums["rejected"] - sums["received"]
    unknown = "received/unknown"
    return {unknown: counters.get(unknown, 0) + missing} if missing > 0 else {}
