"""Dead letters as they stand in the file: kept until somebody replays or discards them.

Everything here runs inside a transaction of the caller's, or reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from gateway.encryption import PLAIN
from gateway.errors import JournalError
from gateway.event import UNREADABLE, CleanBytes, Reason, StoredEvent
from gateway.journal.block import REASONS, checksum, encode_stored, event_of
from gateway.journal.cursor import Buried, DeadLetter, Settlement
from gateway.journal.sqlite import sealing
from gateway.journal.sqlite.sealing import Connection

_LETTERS = """
SELECT id, destination, died_at, sequence, reason, status, detail, lines, checksum
FROM dead_letters
WHERE replaying = {replaying} AND {of} AND id > :after ORDER BY id LIMIT :most
"""


def bury(connection: Connection, name: str, letters: Iterable[DeadLetter], now: float) -> None:
    connection.executemany(
        "INSERT INTO dead_letters "
        "(destination, sequence, reason, status, detail, died_at, lines, checksum) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                name,
                sequence := letter.event.sequence,
                str(letter.reason),
                letter.status,
                sealing.detail_column(connection, name, sequence, letter.detail),
                now,
                *_columns(connection, name, letter.event),
            )
            for letter in letters
        ],
    )


def _columns(connection: Connection, name: str, event: StoredEvent) -> tuple[bytes, int | None]:
    lines, sequence = encode_stored(event), event.sequence
    return sealing.letter_columns(connection, name, sequence, lines, checksum(sequence, lines))


def dead_letters(
    connection: Connection, name: str | None, after: int, most: int, *, replaying: bool
) -> Iterator[Buried]:
    """The dead letters behind the id `after`, of one destination or of all."""
    of = "destination = :name" if name else "true"
    found = connection.execute(
        _LETTERS.format(replaying=int(replaying), of=of),
        {"name": name, "after": after, "most": most},
    )
    for letter_id, destination, died_at, sequence, reason, status, detail, lines, crc in found:
        place = connection, destination, sequence
        event = _event(sequence, *sealing.letter_of_row(*place, lines, crc))
        said = sealing.detail_of_row(*place, detail)
        letter = DeadLetter(event, REASONS.get(reason, Reason.UNREADABLE), status, said)
        yield Buried(letter_id, destination, died_at, letter)


def _event(sequence: int, lines: bytes, crc: int | None) -> StoredEvent:
    """`crc` is None where version 0.1.0 wrote the letter."""
    if crc is not None and checksum(sequence, lines) != crc:
        return StoredEvent(sequence, UNREADABLE, CleanBytes(lines))
    return event_of(sequence, lines)


def revive(connection: Connection, letters: Sequence[int]) -> Mapping[str, Mapping[Reason, int]]:
    """Mark these dead letters as to be tried again; how many they are, by destination and reason.

    Those that are replayed already, or are gone, do not count.
    """
    found: dict[str, dict[Reason, int]] = {}
    revived = connection.execute(
        "UPDATE dead_letters SET replaying = 1 "
        "WHERE replaying = 0 AND id IN (SELECT value FROM json_each(?)) "
        "RETURNING destination, reason",
        (orjson.dumps(letters).decode(),),
    ).fetchall()
    for destination, reason in revived:
        of = found.setdefault(destination, {})
        of[REASONS[reason]] = of.get(REASONS[reason], 0) + 1
    return found


def discard(connection: Connection, letters: Sequence[int]) -> Mapping[str, int]:
    """Delete these dead letters for good; how many they were, by destination."""
    found: dict[str, int] = {}
    deleted = connection.execute(
        "DELETE FROM dead_letters "
        "WHERE replaying = 0 AND id IN (SELECT value FROM json_each(?)) RETURNING destination",
        (orjson.dumps(letters).decode(),),
    ).fetchall()
    for (destination,) in deleted:
        found[destination] = found.get(destination, 0) + 1
    return found


def change(connection: Connection, changed: Mapping[int, StoredEvent]) -> None:
    """Put other events into these dead letters."""
    for place, event in changed.items():
        (name,) = connection.execute(
            "SELECT destination FROM dead_letters WHERE id = ?", (place,)
        ).fetchone() or ("",)
        connection.execute(
            "UPDATE dead_letters SET lines = ?, checksum = ? WHERE id = ?",
            (*_columns(connection, name, event), place),
        )


def erase(connection: Connection, gone: Sequence[int]) -> tuple[Counter[str], Counter[str]]:
    """Delete these letters; how many were dead and how many to be replayed, by destination."""
    deleted = connection.execute(
        "DELETE FROM dead_letters WHERE id IN (SELECT value FROM json_each(?)) "
        "RETURNING destination, replaying",
        (orjson.dumps(gone).decode(),),
    ).fetchall()
    dead = Counter(destination for destination, replaying in deleted if not replaying)
    return dead, Counter(destination for destination, replaying in deleted if replaying)


def older(connection: Connection, died_before: float) -> list[int]:
    """The ids of the dead letters that died before a time; those that are replayed stay.

    So do those that a repair put in the place of lost ones, which have no time.
    """
    found = connection.execute(
        "SELECT id FROM dead_letters WHERE replaying = 0 AND died_at BETWEEN 1 AND ?",
        (died_before,),
    )
    return [place for (place,) in found]


def settle(connection: Connection, name: str, settlement: Settlement, now: float) -> None:
    """Delete the replayed letters that are done with; the others are dead again, as they were."""
    died_again = []
    done = []
    is_plain = connection.writes == PLAIN
    sequences = {} if is_plain else _sequences(connection, settlement.outcomes)
    for place, outcome in settlement.outcomes.items():
        if isinstance(outcome, DeadLetter):
            detail = sealing.detail_column(
                connection, name, sequences.get(place, 0), outcome.detail
            )
            died_again.append((str(outcome.reason), outcome.status, detail, now, place))
        else:
            done.append(place)
    changed = connection.executemany(
        "UPDATE dead_letters SET replaying = 0, reason = ?, status = ?, detail = ?, died_at = ? "
        "WHERE id = ? AND replaying = 1",
        died_again,
    ).rowcount
    changed = max(changed, 0)
    changed += connection.execute(
        "DELETE FROM dead_letters WHERE replaying = 1 AND id IN (SELECT value FROM json_each(?))",
        (orjson.dumps(done).decode(),),
    ).rowcount
    if changed != len(settlement.outcomes):
        raise JournalError("a letter was settled that is not replayed")


def _sequences(connection: Connection, letters: Iterable[int]) -> Mapping[int, int]:
    """The sequences of the events that these letters are of."""
    found = connection.execute(
        "SELECT id, sequence FROM dead_letters WHERE id IN (SELECT value FROM json_each(?))",
        (orjson.dumps([*letters]).decode(),),
    )
    return dict(found.fetchall())
