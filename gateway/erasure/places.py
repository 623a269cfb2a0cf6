"""Where a person may be in the data folder, and how they are taken out of each place.

The journal gives up its events and letters first; until files, ledgers and the bytes that deletion
left behind have followed, nothing here calls the erasure done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from gateway import quarantine
from gateway.destinations import Deletion
from gateway.encryption import Keyring
from gateway.erasure.job import FOLDER, RECEIPTS, Job
from gateway.event import Reason, StoredEvent
from gateway.journal import Found, Journal
from gateway.jsonl import rewriting
from gateway.jsonl.rewriting import Form, UnreadFilesError
from gateway.privacy import CompiledPolicy, Domain, Pseudonymizer
from gateway.privacy.person import Person, localised
from gateway.privacy.pseudonyms import FORMS

_ROUNDS = 20
"""How often all that is kept is read for further joins at most."""
_WITHOUT_EVENTS = frozenset({"audit", "journal", "keys", FOLDER, RECEIPTS})

Halted = Callable[[Iterable[str] | None], AbstractAsyncContextManager[None]]
Suppress = Callable[[Callable[[], Any]], Awaitable[Any]]
EraseMore = Callable[[Path, frozenset[str]], Mapping[str, int]]
"""Takes the person with these ids out of what an extension keeps; counts by place."""


@asynccontextmanager
async def _nothing_runs(_: Iterable[str] | None = None) -> AsyncIterator[None]:
    yield


async def _nobody() -> None:
    return None


async def _here(change: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where an erasure works, and what a gateway that runs does meanwhile."""

    data_dir: Path
    journal: Journal
    pseudonymizer: Callable[[], Pseudonymizer]
    policy: Callable[[], CompiledPolicy]
    """Those in force."""
    names: Sequence[str]
    """Whose pseudonyms there are: destinations, and the gateway's own readers."""
    folders: Mapping[str, Path]
    """Where consumers write lines, by consumer."""
    deletions: Mapping[str, Deletion | str]
    """The deletion API of each destination outside the house, or how a person has it done."""
    ring: Keyring | None = None
    """What quarantined events are encrypted with."""
    more: Sequence[EraseMore] = ()
    halted: Halted = _nothing_runs
    """Meanwhile no delivery, or none of these consumers, holds an event."""
    settled: Callable[[], Awaitable[None]] = _nobody
    """Returns when all that is being taken by now is in the journal."""
    suppress: Suppress = _here
    """Changes the list of the suppressed and puts it in force."""

    @property
    def domains(self) -> list[Domain]:
        """Whatever ever had pseudonyms of its own."""
        names = {*self.names, *self.journal.view.cursors}
        pseudonymizer = self.pseudonymizer()
        return [pseudonymizer.domain(name, form) for name in sorted(names) for form in FORMS]


def person_of(job: Job, around: Surroundings) -> Person:
    """Whom an erasure is about."""
    ids, devices = frozenset(job.ids), frozenset(job.devices)
    if not job.are_found:
        ids = localised(ids, around.domains)
    return Person(ids, devices, around.pseudonymizer().pseudonyms)


async def joined(person: Person, around: Surroundings) -> Person:
    """The person with all ids that what is kept joins to them. Raises JournalError or OSError."""
    domains = around.domains
    person = replace(person, nobody=_nobody_of(around, domains))
    for _ in range(_ROUNDS):
        before = person

        def look(event: StoredEvent) -> bool:
            nonlocal person
            if event.is_readable:
                person = person.joined_by(event.message, domains)
            return False

        await around.journal.seek(look)
        for folder in _folders(around):
            person = await asyncio.to_thread(_joined_in, folder, person, _form(folder, around))
        if person == before:
            break
    return person


def _nobody_of(around: Surroundings, domains: Sequence[Domain]) -> frozenset[str]:
    """All texts that stand for an id of nobody."""
    spelled, ever = around.policy().placeholders.spelled, around.pseudonymizer().ever
    tokens = frozenset(token for text in spelled for token in ever(text))
    return spelled | localised(tokens, domains)


async def counted(person: Person, around: Surroundings) -> tuple[Found, Mapping[str, int]]:
    """How many events, letters and lines of files are the person's."""
    found = await around.journal.seek(lambda event: person.without(event) is None)
    files = {}
    for folder in _folders(around):
        count = await asyncio.to_thread(_lines_in, folder, person, _form(folder, around))
        if count or folder in around.folders.values():
            files[_shown(folder, around)] = count
    return found, files


async def erase(job: Job, person: Person, around: Surroundings) -> None:
    """Take the person out of every place, and note in the job how much that was.

    Raises JournalError or OSError; it may be called again, and counts nothing twice.
    """
    counter = f"erased/{job.id}/{int(job.asked_at)}"
    async with around.halted(None):
        await around.journal.erase(person.without, counter)
        for erase_more in around.more:
            found = await asyncio.to_thread(erase_more, around.data_dir, person.all)
            job.more |= {place: max(n, job.more.get(place, 0)) for place, n in found.items()}
    async with around.halted(around.folders):
        for name, folder in around.folders.items():
            await _settle(name, folder, around)
        await asyncio.to_thread(_rewrite, job, person, around)
    await around.journal.purge()
    counters = around.journal.view.counters
    job.events = counters.get(f"{counter}/events", 0)
    job.letters = counters.get(f"{counter}/letters", 0)


async def _settle(name: str, folder: Path, around: Surroundings) -> None:
    """Leave no line behind the last state: what the journal gives again is written again."""
    if (cursor := around.journal.view.cursors.get(name)) is None:
        return
    if not (files := await asyncio.to_thread(rewriting.settle, folder, cursor.state)):
        return
    again: set[str] = set()
    is_quarantine = _is_quarantine(folder, around)

    def look(event: StoredEvent) -> bool:
        header = event.header
        is_held = is_quarantine and Reason.QUARANTINED in header.filtered.values()
        is_given = event.sequence > cursor.position and (name in header.to or is_held)
        if is_given and header.message_id:
            again.add(header.message_id)
        return False

    await around.journal.seek(look)
    for file in files:
        await asyncio.to_thread(
            rewriting.drop,
            folder / file,
            lambda line: _message_id(line) in again,
            _form(folder, around),
        )


def _message_id(line: bytes) -> str:
    with suppress(orjson.JSONDecodeError, AttributeError):
        return str(orjson.loads(line).get("messageId") or "")
    return ""


def _rewrite(job: Job, person: Person, around: Surroundings) -> None:
    job.unread = [
        f"{copy.name}: `gateway doctor --repair` kept it, and the person may be in it; delete it"
        for copy in sorted(around.data_dir.glob("journal.copy-*"))
    ]
    for folder in _folders(around):
        shown = _shown(folder, around)
        counts = job.files.setdefault(shown, {})

        def record(file: str, gone: int, counts: dict[str, int] = counts) -> None:
            if gone:
                counts[file] = gone
                job.save(around.data_dir)

        form = _form(folder, around)
        try:
            with quarantine.replacing:
                rewriting.without_lines(folder, person.without_text, record, form)
        except UnreadFilesError as error:
            job.unread.append(f"{shown}: {error}")
        if not counts and folder not in around.folders.values():
            del job.files[shown]


def _folders(around: Surroundings) -> list[Path]:
    """Where lines of events are, those of destinations that are gone as well."""
    below = [
        one for one in around.data_dir.iterdir() if one.is_dir() and one.name not in _WITHOUT_EVENTS
    ]
    elsewhere = [
        one
        for one in around.folders.values()
        if one.is_dir() and not any(one.is_relative_to(each) for each in below)
    ]
    return sorted({*below, *elsewhere})


def _shown(folder: Path, around: Surroundings) -> str:
    is_below = folder.is_relative_to(around.data_dir)
    return str(folder.relative_to(around.data_dir)) if is_below else folder.name


def _form(folder: Path, around: Surroundings) -> Form:
    """How events stand in the lines of a folder."""
    if not _is_quarantine(folder, around):
        return rewriting.PLAIN
    ring = around.ring
    return Form(partial(quarantine.opened, ring), partial(quarantine.put_back, ring))


def _is_quarantine(folder: Path, around: Surroundings) -> bool:
    return folder == around.data_dir / "quarantine"


def _lines_in(folder: Path, person: Person, form: Form) -> int:
    return sum(person.without_text(line) is None for line in rewriting.lines(folder, form))


def _joined_in(folder: Path, person: Person, form: Form) -> Person:
    for line in rewriting.lines(folder, form):
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(message, dict):
            person = person.joined_by(message)
    return person
