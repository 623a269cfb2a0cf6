"""Whatever one transaction holds becomes durable together, or none of it does.

`apply` writes a group of works and returns the view of the journal that is true once it returns.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.errors import JournalError
from gateway.event import Reason
from gateway.journal.block import STREAMS, Stream
from gateway.journal.contract import DISCARDED, EXPIRED, MARK, View
from gateway.journal.cursor import Cursor, Settlement, Step
from gateway.journal.sqlite import erasing, letters, rows, store
from gateway.journal.sqlite.erasing import Erase, Expire, Purge
from gateway.journal.sqlite.sealing import Connection


@dataclass(frozen=True, slots=True)
class Append:
    """What one request adds, cut into the items of either stream."""

    events: Sequence[bytes]
    audit: Sequence[bytes]
    counts: Mapping[str, int]
    seen: bytes  # digests of the events' ids
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Advance:
    """What became of the next events of one consumer."""

    name: str
    step: Step
    at: float  # epoch seconds


@dataclass(frozen=True, slots=True)
class Follow:
    """The consumers that there are now; a new one starts at the head of its stream."""

    consumers: Mapping[str, Stream]


@dataclass(frozen=True, slots=True)
class Revive:
    """Dead letters that are to be tried again, by their ids."""

    letters: Sequence[int]


@dataclass(frozen=True, slots=True)
class Discard:
    """Dead letters that nobody wants any more, by their ids."""

    letters: Sequence[int]


@dataclass(frozen=True, slots=True)
class Settle:
    """What became of replayed letters of one consumer."""

    name: str
    settlement: Settlement
    at: float  # epoch seconds


Work = Append | Advance | Follow | Revive | Discard | Settle | Erase | Expire | Purge


def look(connection: Connection) -> View:
    """The view of a journal that nobody follows yet."""
    return View(
        {stream: rows.head(connection, stream) for stream in STREAMS},
        rows.counters(connection),
        rows.cursors(connection),
        {},
    )


def apply(
    connection: Connection,
    view: View,
    works: Sequence[Work],
    damaged: Callable[[], None],
) -> View:
    """Commit `works`. Raises JournalError or sqlite3.Error, and then nothing of them is written.

    `damaged` is called when something could not be pruned because the file is.
    """
    with store.transaction(connection):
        view = _append(connection, view, [work for work in works if isinstance(work, Append)])
        for work in works:
            if isinstance(work, Advance):
                view = _advance(connection, view, work)
            elif isinstance(work, Follow):
                view = _follow(connection, view, work)
            elif isinstance(work, Revive):
                view = _revive(connection, view, work)
            elif isinstance(work, Discard):
                view = _discard(connection, view, work)
            elif isinstance(work, Settle):
                view = _settle(connection, view, work)
            elif isinstance(work, Erase):
                view = _erase(connection, view, work)
            elif isinstance(work, Expire):
                view = _expire(connection, view, work)
        if any(isinstance(work, Advance) for work in works) and not _prune(connection, view):
            damaged()
    return view


def seen_in(works: Sequence[Work]) -> bytes:
    """The digests of all ids that these works make known."""
    return b"".join([work.seen for work in works if isinstance(work, Append)])


def _append(connection: Connection, view: View, appends: Sequence[Append]) -> View:
    events = [event for append in appends for event in append.events]
    audit = [line for append in appends for line in append.audit]
    heads = dict(view.heads)
    if events:
        heads["events"] = rows.add(connection, "events", events)
    if audit:
        heads["audit"] = rows.add(connection, "audit", audit)
    if seen := seen_in(appends):
        rows.remember(connection, seen)
    counts: Counter[str] = Counter()
    for append in appends:
        counts.update(append.counts)
    if counts:
        rows.count(connection, counts)
    shown = Counter({k: n for k, n in counts.items() if not k.startswith(MARK)})
    shown.update(view.counters)
    return replace(view, heads=heads, counters=dict(shown))


def _advance(connection: Connection, view: View, work: Advance) -> View:
    if work.name not in view.followed:
        raise JournalError(f"`{work.name}` is not among the consumers of the journal")
    cursor = view.cursors[work.name]
    moved = cursor.after(work.step)
    if moved.position > view.heads[cursor.stream]:
        raise JournalError(f"`{work.name}` settled more events than there are")
    rows.put(connection, moved, moved_from=cursor.position)
    letters.bury(connection, work.name, work.step.dead, work.at)
    return replace(view, cursors={**view.cursors, work.name: moved})


def _follow(connection: Connection, view: View, work: Follow) -> View:
    cursors = dict(view.cursors)
    for name, stream in work.consumers.items():
        known = cursors.get(name)
        if known is None:
            cursors[name] = Cursor(name, stream, started=view.heads[stream])
            rows.put(connection, cursors[name], moved_from=None)
        elif known.stream != stream:
            raise JournalError(f"the cursor of `{name}` counts {known.stream}, not {stream}")
        elif gone := max(0, rows.oldest(connection, stream) - 1 - known.position):
            cursors[name] = known.after(Step(filtered={Reason.DESTINATION_AWAY: gone}))
            rows.put(connection, cursors[name], moved_from=known.position)
    return replace(view, cursors=cursors, followed=dict(work.consumers))


def _revive(connection: Connection, view: View, work: Revive) -> View:
    cursors = dict(view.cursors)
    for name, revived in letters.revive(connection, work.letters).items():
        cursors[name] = cursors[name].reviving(revived)
        rows.put(connection, cursors[name], moved_from=cursors[name].position)
    return replace(view, cursors=cursors)


def _discard(connection: Connection, view: View, work: Discard) -> View:
    discarded = letters.discard(connection, work.letters)
    return _counted(connection, view, {f"{DISCARDED}/{name}": n for name, n in discarded.items()})


def _expire(connection: Connection, view: View, work: Expire) -> View:
    discarded = letters.discard(connection, letters.older(connection, work.died_before))
    counts = {f"{word}/{name}": n for name, n in discarded.items() for word in (DISCARDED, EXPIRED)}
    return _counted(connection, view, counts)


def _erase(connection: Connection, view: View, work: Erase) -> View:
    counts, replayed = erasing.erase(connection, work)
    cursors = dict(view.cursors)
    for name, count in replayed.items():
        settled = cursors[name].erasing(count)
        rows.put(connection, settled, moved_from=settled.position)
        cursors[name] = settled
    return _counted(connection, replace(view, cursors=cursors), counts)


def _counted(connection: Connection, view: View, counts: Mapping[str, int]) -> View:
    if not counts:
        return view
    rows.count(connection, counts)
    return replace(view, counters=dict(Counter(counts) + Counter(view.counters)))


def _settle(connection: Connection, view: View, work: Settle) -> View:
    cursor = view.cursors[work.name].settling(work.settlement)
    letters.settle(connection, work.name, work.settlement, work.at)
    rows.put(connection, cursor, moved_from=cursor.position)
    return replace(view, cursors={**view.cursors, work.name: cursor})


def _prune(connection: Connection, view: View) -> bool:
    """Delete what every consumer has passed. False: it stays, because the file is damaged."""
    connection.execute("SAVEPOINT prune")
    try:
        for stream in STREAMS:
            if passed := view.passed(stream):
                rows.prune(connection, stream, passed)
    except sqlite3.DatabaseError as error:
        if not store.is_damage(error):
            raise
        connection.execute("ROLLBACK TO prune")
        return False
    finally:
        if connection.in_transaction:
            connection.execute("RELEASE prune")
    return True
