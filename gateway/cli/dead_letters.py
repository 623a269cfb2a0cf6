"""`gateway dead-letters` shows what a destination refused, and decides about it on request.

Reading is done in the journal itself. Replaying and discarding are done by whoever owns the
journal: the gateway where one runs, through its admin listener, else this command.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TextIO

from gateway.cli.admin_client import ask
from gateway.cli.output import json_option, since, since_option, write_json
from gateway.config import Configuration, load
from gateway.config.routing import Guarded
from gateway.config.sentences import did_you_mean
from gateway.encryption import Keyring
from gateway.errors import GatewayError, UsageError
from gateway.event import Reason, Stage
from gateway.globs import compile_globs
from gateway.journal import Buried, Journal
from gateway.journal.sqlite import SqliteJournal
from gateway.journal.sqlite.snapshot import looking
from gateway.process.data_dir_lock import TakenError, claimed
from gateway.timestamps import timestamp

EXAMPLE = "gateway dead-letters replay --destination segment --since 2d"

Verb = Literal["replay", "discard"]
AT_ONCE = 1000
"""Letters decided in one transaction."""
_PAST = {"replay": "will be replayed", "discard": "discarded"}


class LettersError(GatewayError):
    """What was asked for cannot be done."""


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant: all that are given must hold, and none given means every letter."""

    ids: frozenset[int] = frozenset()
    destination: str | None = None
    reason: str | None = None
    event: re.Pattern[str] | None = None
    since: float = 0.0  # epoch seconds

    @property
    def is_open(self) -> bool:
        return self == LetterFilter()

    def takes(self, letter: Buried) -> bool:
        header = letter.letter.event.header
        return (
            (not self.ids or letter.id in self.ids)
            and (self.destination is None or letter.destination == self.destination)
            and (self.reason is None or letter.letter.reason == self.reason)
            and (self.event is None or self.event.fullmatch(header.name or header.type) is not None)
            and letter.died_at >= self.since
        )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verb",
        choices=["list", "show", "replay", "discard"],
        help="replay: send again through today's policy; discard: delete for good",
    )
    parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="only these")
    parser.add_argument("--destination", metavar="NAME", help="only of this destination")
    parser.add_argument(
        "--reason",
        choices=[str(reason) for reason in Reason if reason.stage is Stage.DEAD],
        help="only those with this reason",
    )
    parser.add_argument("--event", metavar="GLOB", help="only events of this name")
    since_option(parser)
    parser.add_argument("--all", action="store_true", help="replay or discard every one")
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises UsageError, ConfigurationError and what `decide` raises."""
    which = _filter(given)
    configuration = load(given.config, environment)
    ring = configuration.keyring(environment)
    if given.verb in ("list", "show"):
        letters = _letters(configuration, ring, which)
        return show(letters, whole=given.verb == "show", as_json=given.json, out=out)
    if which.is_open and not given.all:
        raise UsageError(f"say which to {given.verb}, or --all")
    return decide(given.verb, configuration, ring, which, as_json=given.json, out=out)


def _filter(given: argparse.Namespace) -> LetterFilter:
    moment = since(given)
    return LetterFilter(
        frozenset(given.ids),
        given.destination,
        given.reason,
        compile_globs([given.event]) if given.event else None,
        moment.timestamp() if moment else 0.0,
    )


def show(found: Iterable[Buried], *, whole: bool, as_json: bool, out: TextIO) -> int:
    """Print the letters, with their events where `whole`. Raises JournalError."""
    letters = list(found)
    if as_json:
        write_json([as_object(letter, whole=whole) for letter in letters], out)
        return 0
    if not letters:
        print("There are no such dead letters.", file=out)
        return 0
    for letter in letters:
        print("\n".join(_lines(letter, whole=whole)), file=out)
    totals = Counter((letter.destination, letter.letter.reason) for letter in letters)
    for (destination, reason), count in totals.most_common():
        print(f"{count:,} of {destination}: {reason}. {reason.meaning}", file=out)
    return 0


def decide(
    verb: Verb,
    configuration: Configuration,
    ring: Keyring | None,
    which: LetterFilter,
    *,
    as_json: bool,
    out: TextIO,
) -> int:
    """Have the letters tried again, or delete them for good.

    Raises LettersError, JournalError, or what keeps the command from the running gateway.
    """
    data_dir = configuration.gateway.data_dir
    letters = list(_letters(configuration, ring, which))
    if verb == "replay":
        _can_be_replayed({letter.destination for letter in letters}, configuration)
    ids = [letter.id for letter in letters]
    if ids:
        try:
            with claimed(data_dir):
                asyncio.run(_here(verb, configuration, ring, ids))
        except TakenError:
            for part in _parts(ids):
                ask(configuration, "POST", f"/api/dead-letters/{verb}", {"ids": part})
    counts = Counter(letter.destination for letter in letters)
    if as_json:
        print(json.dumps({verb: dict(counts)}), file=out)
        return 0
    if not ids:
        print("There are no such dead letters.", file=out)
    for destination, count in counts.items():
        print(f"{count:,} of {destination} {_PAST[verb]}", file=out)
    return 0


def as_object(letter: Buried, *, whole: bool) -> dict[str, Any]:
    """A letter as JSON; its event is clean."""
    event, header = letter.letter.event, letter.letter.event.header
    found: dict[str, Any] = {
        "id": letter.id,
        "destination": letter.destination,
        "died_at": timestamp(letter.died_at),
        "reason": letter.letter.reason,
        "status": letter.letter.status,
        "detail": letter.letter.detail,
        "messageId": header.message_id,
        "source": header.source,
        "protocol": header.protocol,
        "type": header.type,
        "event": header.name,
        "received_at": timestamp(header.received_at) if event.is_readable else None,
    }
    if not whole:
        return found
    if not event.is_readable:
        return found | {"message": None, "bytes": event.body.decode("utf-8", "replace")}
    return found | {"message": event.message}


def _letters(
    configuration: Configuration, ring: Keyring | None, which: LetterFilter
) -> Iterator[Buried]:
    try:
        with looking(configuration.gateway.data_dir / "journal", ring) as look:
            yield from filter(which.takes, look.letters())
    except FileNotFoundError:
        return


def _lines(letter: Buried, *, whole: bool) -> Iterator[str]:
    found = as_object(letter, whole=whole)
    status = f" {found['status']}" if found["status"] else ""
    name = found["event"] or found["type"]
    yield (
        f"{letter.id:>6}  {found['died_at']}  {letter.destination}  {found['reason']}{status}  "
        f"{name}: {found['detail']}"
    )
    if whole:
        shown = found["message"] or found.get("bytes")
        text = json.dumps(shown, ensure_ascii=False, indent=2)
        yield from (f"        {line}" for line in text.splitlines())


def _can_be_replayed(destinations: set[str], configuration: Configuration) -> None:
    known = configuration.routing.destinations
    for name in sorted(destinations):
        if not isinstance(known.get(name), Guarded):
            raise LettersError(
                f"`{name}` is no vendor of routing.yaml now, so nothing can be sent there again"
                f"{did_you_mean(name, known)}; add it, or choose others with --destination"
            )


async def _here(
    verb: Verb, configuration: Configuration, ring: Keyring | None, ids: Sequence[int]
) -> None:
    gateway = configuration.gateway
    journal = await asyncio.to_thread(
        SqliteJournal.open, gateway.data_dir / "journal", gateway.journal, ring=ring
    )
    try:
        for part in _parts(ids):
            await deciding(journal)[verb](part)
    finally:
        await journal.close()


def deciding(journal: Journal) -> Mapping[Verb, Callable[[Sequence[int]], Any]]:
    """What each verb does to letters, by their ids."""
    return {"replay": journal.revive, "discard": journal.discard}


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
