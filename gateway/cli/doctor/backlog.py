"""What waits in the journal: whether it adds up, can be read, and for whom, since when and why."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.cli.doctor.finding import Finding, Verdict
from gateway.cli.doctor.running import Running
from gateway.cli.own_consumers import own_consumers
from gateway.cli.progress import Progress
from gateway.config import Configuration
from gateway.event import Reason, StoredEvent
from gateway.journal import DISCARDED, AuditLine, Stream, View
from gateway.journal.forecast import in_words
from gateway.journal.sqlite.examine import Unreadable
from gateway.journal.sqlite.snapshot import Look
from gateway.timestamps import timestamp

_LOST = (
    "look at the disk; what cannot be read becomes a dead letter `unreadable` and holds up nothing"
)
_LONG_SECONDS = 3600.0
_MOST_NAMED = 10
"""Of what cannot be read; the rest is counted."""


@dataclass(slots=True)
class Backlog:
    """What was found in the rows that wait."""

    oldest: dict[str, float] = field(default_factory=dict)
    """When the oldest event that waits for a consumer was received."""
    unreadable: dict[Stream, list[Unreadable]] = field(
        default_factory=lambda: {"events": [], "audit": []}
    )
    letters: dict[str, list[int]] = field(default_factory=dict)
    """The ids of dead letters that were damaged, by destination."""
    buried: dict[str, list[int]] = field(default_factory=dict)
    """The ids of those that were damaged before they became dead letters."""


def findings(
    look: Look, configuration: Configuration, running: Running, progress: Progress
) -> Iterator[Finding]:
    """Look at all of the journal. Raises JournalError."""
    look.meanwhile(lambda: progress.show("checking the journal's file"))
    look.check()
    yield Finding("journal", "good", "the structure of its file is whole")
    view, letters, used = look.view(), look.letter_counts(), look.used_bytes()
    yield from _equation(view, letters, configuration)
    look.let_go()
    backlog = _examined(look, view, _consumers(view, configuration), used, progress)
    yield from _unreadable(view, backlog, configuration)
    for name in _consumers(view, configuration):
        yield from _waiting(view, backlog, running, name)


def _consumers(view: View, configuration: Configuration) -> list[str]:
    """Who is waited for; a cursor of a destination that was removed holds nothing back."""
    return [
        name
        for name in (*configuration.routing.destinations, *own_consumers())
        if name in view.cursors
    ]


def _equation(
    view: View, letters: Mapping[tuple[str, bool], int], configuration: Configuration
) -> Iterator[Finding]:
    received = _total(view, "received/")
    rejected = _total(view, "rejected/")
    accepted = view.heads["events"]
    sentence = f"received {received:,} = accepted {accepted:,} + rejected {rejected:,}"
    yield _balance("equation", sentence, holds=received == accepted + rejected)
    for name in configuration.routing.destinations:
        if (cursor := view.cursors.get(name)) is None:
            continue
        own = accepted - cursor.started
        pending = view.pending(name)
        filtered, dead = sum(cursor.filtered.values()), sum(cursor.dead.values())
        discarded = view.counters.get(f"{DISCARDED}/{name}", 0)
        kept, replaying = letters.get((name, False), 0), letters.get((name, True), 0)
        sentence = (
            f"{name}: accepted {own:,} = delivered {cursor.delivered:,} + pending {pending:,} "
            f"+ filtered {filtered:,} + dead {dead:,}"
        )
        holds = (
            own == cursor.delivered + pending + filtered + dead
            and kept == dead - discarded
            and replaying == cursor.replaying
        )
        yield _balance("equation", sentence, holds=holds)
        if kept:
            yield Finding(
                "dead letters", "warning", f"{kept:,} of {name} are kept",
                f"gateway dead-letters list --destination {name}",
            )  # fmt: skip


def _balance(area: str, sentence: str, *, holds: bool) -> Finding:
    if holds:
        return Finding(area, "good", sentence)
    remedy = "keep a copy of the journal and report it: this is a fault of the gateway"
    return Finding(area, "bad", f"{sentence} does not hold", remedy)


def _total(view: View, prefix: str) -> int:
    return sum(count for name, count in view.counters.items() if name.startswith(prefix))


def _examined(
    look: Look, view: View, names: Sequence[str], used: int, progress: Progress
) -> Backlog:
    backlog = Backlog()
    positions: dict[Stream, dict[str, int]] = {"events": {}, "audit": {}}
    for name in names:
        cursor = view.cursors[name]
        positions[cursor.stream][name] = cursor.position
    done = 0

    def seen(items: Sequence[StoredEvent] | Sequence[AuditLine]) -> None:
        nonlocal done
        done += sum(len(item.body) for item in items)
        progress.show("reading what waits", done, used)

    waiting = positions["events"]
    for found in look.events(min(waiting.values(), default=view.heads["events"])):
        backlog.unreadable["events"] += found.unreadable
        seen(found.readable)
        for name in waiting.keys() - backlog.oldest.keys():
            oldest = _oldest(found.readable, name, waiting[name])
            if oldest is not None:
                backlog.oldest[name] = oldest
    for lines in look.audit(min(positions["audit"].values(), default=view.heads["audit"])):
        backlog.unreadable["audit"] += lines.unreadable
        seen(lines.readable)
    for letter in look.examined_letters():
        seen([letter.event])
        if not letter.event.is_readable:
            kinds = backlog.buried if letter.reason == Reason.UNREADABLE else backlog.letters
            kinds.setdefault(letter.destination, []).append(letter.id)
        elif letter.is_replaying:
            received = letter.event.header.received_at
            known = backlog.oldest.get(letter.destination, received)
            backlog.oldest[letter.destination] = min(known, received)
    return backlog


def _oldest(events: Sequence[StoredEvent], name: str, position: int) -> float | None:
    if not events or events[-1].sequence <= position:
        return None
    return next(
        (
            event.header.received_at
            for event in events
            if event.sequence > position and (name in event.header.to or name in own_consumers())
        ),
        None,
    )


def _unreadable(view: View, backlog: Backlog, configuration: Configuration) -> Iterator[Finding]:
    count = 0
    for stream, found in backlog.unreadable.items():
        for bad in found[:_MOST_NAMED]:
            waiting = [
                name
                for name in _consumers(view, configuration)
                if view.cursors[name].stream == stream and view.cursors[name].position < bad.end
            ]
            if waiting:
                yield Finding(
                    "journal", "bad",
                    f"{bad.count:,} of {stream} cannot be read, from sequence {bad.first:,} on; "
                    f"{_named(waiting)} will not get them",
                    _LOST,
                )  # fmt: skip
        count += len(found[_MOST_NAMED:])
    if count:
        yield Finding("journal", "bad", f"{count:,} more places cannot be read", _LOST)
    for name, ids in backlog.letters.items():
        yield _letters("bad", f"{len(ids):,} of {name} are damaged: {_some(ids)}", ids)
    for name, ids in backlog.buried.items():
        yield _letters("warning", f"{len(ids):,} of {name} were never readable: {_some(ids)}", ids)
    if not any(backlog.unreadable.values()) and not backlog.letters:
        yield Finding("journal", "good", "all that waits in it can be read")


def _letters(verdict: Verdict, what: str, ids: Sequence[int]) -> Finding:
    shown = " ".join(map(str, ids[:_MOST_NAMED]))
    return Finding(
        "dead letters", verdict, what,
        f"look at the disk; `gateway dead-letters discard {shown}` when you have seen them",
    )  # fmt: skip


def _some(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:_MOST_NAMED])) + (", …" if len(ids) > _MOST_NAMED else "")


def _named(consumers: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in consumers)


def _waiting(view: View, backlog: Backlog, running: Running, name: str) -> Iterator[Finding]:
    pending, oldest = view.pending(name), backlog.oldest.get(name)
    now = time.time()
    said = running.destinations.get(name, {})
    cause = said.get("waiting")
    if not pending and not cause:
        return
    what = f"{name}: {pending:,} wait"
    waited = 0.0
    if oldest is not None:
        waited = max(0.0, now - oldest)
        what += f", the oldest since {timestamp(oldest)} ({in_words(waited)})"
    if cause:
        since, next_try = _moment(said.get("waiting_since")), _moment(said.get("next_try"))
        what += f"; {cause}" + (f" since {since}" if since else "")
        what += f"; next try {next_try}" if next_try else ""
        yield Finding(
            "delivery", "warning", what,
            "see the cause; events are kept, and delivery continues by itself",
        )  # fmt: skip
    elif waited > _LONG_SECONDS:
        remedy = "nothing is delivered while no gateway runs; start it"
        if running.is_there:
            remedy = "it is being delivered; check again whether the oldest is newer then"
        yield Finding("delivery", "warning", what, remedy)
    else:
        yield Finding("delivery", "good", what)


def _moment(given: object) -> str | None:
    """A time as the running gateway tells it."""
    if isinstance(given, int | float):
        return timestamp(given)
    return str(given) if given else None
