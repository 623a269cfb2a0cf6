"""`gateway doctor` looks at everything a gateway stands on and says in words what to mend.

It changes nothing, sends no event, and may run beside the gateway: the journal is only read.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path as FilePath
from typing import Literal, TextIO

import gateway
from gateway.audit import timestamp
from gateway.claim import is_claimed
from gateway.commands.admin_client import AskingError, ask
from gateway.commands.reach import reached
from gateway.config import Configuration, load
from gateway.config.loops import loops
from gateway.config.model import Journal as JournalSettings
from gateway.config.outgoing import shown
from gateway.errors import ConfigurationError, GatewayError, JournalError
from gateway.journal import View, room
from gateway.journal.look import Look, looking
from gateway.journal.transaction import DISCARDED
from gateway.privacy.pseudonyms import KEY_FILE, Pseudonymizer
from gateway.rules import compile_rules, pseudonymizer_for_a_look

Verdict = Literal["good", "warning", "bad"]

_MARKS: Mapping[Verdict, str] = {"good": "ok", "warning": "note", "bad": "BAD"}
_FSYNCS = 9
_SUSPICIOUS_SECONDS = 20e-6
"""No disk confirms a write so fast: something between here and there only says so."""
_AHEAD_SECONDS = 60.0
_LONG_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    area: str
    verdict: Verdict
    what: str
    remedy: str = ""


def run(file: FilePath, environment: Mapping[str, str], *, as_json: bool, out: TextIO) -> int:
    """Print the findings; 1 when one of them is bad, else 0."""
    findings = list(_findings(file, environment))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2), file=out)
    else:
        print("\n".join(_lines(findings)), file=out)
    return int(any(finding.verdict == "bad" for finding in findings))


def _lines(findings: Iterable[Finding]) -> Iterator[str]:
    counts: Counter[Verdict] = Counter()
    for finding in findings:
        counts[finding.verdict] += 1
        yield f"{_MARKS[finding.verdict]:<5} {finding.area:<14} {finding.what}"
        if finding.remedy:
            yield f"{'':<20} → {finding.remedy}"
    if counts["bad"]:
        yield f"{counts['bad']} to mend."
    else:
        yield "All is well." if not counts["warning"] else "Nothing is broken."


def _findings(file: FilePath, environment: Mapping[str, str]) -> Iterator[Finding]:
    try:
        configuration = load(file, environment)
    except ConfigurationError as error:
        yield from _mistakes(error)
        return
    data_dir = configuration.gateway.data_dir
    yield from _configuration(configuration, environment)
    yield from _keys(data_dir / "keys" / KEY_FILE)
    yield from _journal(configuration)
    yield from _disk(data_dir, configuration.gateway.journal)
    yield from _clock(data_dir)
    yield from _loops(configuration)
    outgoing = configuration.outgoing.marked(_mark(configuration))
    for name, sentence, remedy in reached(configuration.routing.destinations, outgoing):
        yield Finding(name, "bad" if remedy else "good", sentence, remedy)


def _mistakes(error: ConfigurationError) -> Iterator[Finding]:
    for mistake in error.mistakes:
        where = f"{mistake.file}:{mistake.line}"
        yield Finding("configuration", "bad", mistake.message, f"edit {where}")


def _configuration(
    configuration: Configuration, environment: Mapping[str, str]
) -> Iterator[Finding]:
    try:
        compile_rules(configuration, environment, _pseudonymizer(configuration))
    except ConfigurationError as error:
        yield from _mistakes(error)
    except GatewayError as error:
        yield Finding("configuration", "bad", str(error))
    else:
        yield Finding("configuration", "good", "every file is right")


def _pseudonymizer(configuration: Configuration) -> Pseudonymizer:
    """The installation's, or a passing one where opening it would make a key."""
    if (configuration.gateway.data_dir / "keys" / KEY_FILE).exists():
        return pseudonymizer_for_a_look(configuration)
    return Pseudonymizer(secrets.token_bytes(32))


def _loops(configuration: Configuration) -> Iterator[Finding]:
    for mistake in loops(configuration):
        yield Finding("loop", "bad", mistake.message, f"edit {mistake.file}:{mistake.line}")
    for line in shown(configuration.outgoing):
        yield Finding("outbound", "good", line)
    if not is_claimed(configuration.gateway.data_dir):
        return
    try:
        refused = ask(configuration, "GET", "/api/status")["refused_requests"]
    except AskingError as error:
        yield Finding("gateway", "warning", "one runs and cannot be asked", str(error))
        return
    if count := sum(one["count"] for one in refused if one["code"] == "loop"):
        yield Finding(
            "loop", "bad", f"{count:,} requests of this gateway came back to it since its start",
            "see `gateway destinations`, and correct the host or the proxy of the one that waits",
        )  # fmt: skip


def _mark(configuration: Configuration) -> str:
    """None where the installation's key cannot be used, of which another finding tells."""
    try:
        return _pseudonymizer(configuration).mark
    except GatewayError:
        return ""


def _keys(file: FilePath) -> Iterator[Finding]:
    try:
        found = file.stat()
    except FileNotFoundError:
        if file.parent.exists():
            yield Finding(
                "keys", "bad", f"{file} is missing, and a start would make new pseudonyms",
                "restore it from a backup",
            )  # fmt: skip
        else:
            yield Finding("keys", "good", "no gateway has run here yet; the first start makes them")
        return
    except OSError as error:
        yield Finding("keys", "bad", f"{file}: {error.strerror}", "run as the gateway's user")
        return
    if found.st_mode & 0o077:
        yield Finding("keys", "bad", f"others can read {file}", f"chmod 600 {file}")
    elif found.st_size < 32:
        yield Finding(
            "keys", "bad", f"{file} is {found.st_size} bytes, not 32", "restore it from a backup"
        )
    else:
        yield Finding("keys", "good", f"{file} is there, for its user alone; is it in a backup?")


def _journal(configuration: Configuration) -> Iterator[Finding]:
    folder = configuration.gateway.data_dir / "journal"
    try:
        with looking(folder) as look:
            look.check()
            yield Finding("journal", "good", "its file is whole")
            view = look.view()
            yield from _equation(look, view, configuration)
            yield from _waiting(look, view, configuration)
    except FileNotFoundError:
        yield Finding("journal", "good", "there is none yet; the first start makes it")
    except JournalError as error:
        yield Finding("journal", "bad", str(error))


def _equation(look: Look, view: View, configuration: Configuration) -> Iterator[Finding]:
    received = _total(view, "received/")
    rejected = _total(view, "rejected/")
    accepted = view.heads["events"]
    sentence = f"received {received:,} = accepted {accepted:,} + rejected {rejected:,}"
    yield _balance("equation", sentence, holds=received == accepted + rejected)
    kept = Counter(letter.destination for letter in look.letters())
    replaying = Counter(letter.destination for letter in look.letters(replaying=True))
    for name in configuration.routing.destinations:
        if (cursor := view.cursors.get(name)) is None:
            continue
        own = accepted - cursor.started
        pending = view.pending(name)
        filtered, dead = sum(cursor.filtered.values()), sum(cursor.dead.values())
        discarded = view.counters.get(f"{DISCARDED}/{name}", 0)
        sentence = (
            f"{name}: accepted {own:,} = delivered {cursor.delivered:,} + pending {pending:,} "
            f"+ filtered {filtered:,} + dead {dead:,}"
        )
        holds = (
            own == cursor.delivered + pending + filtered + dead
            and kept[name] == dead - discarded
            and replaying[name] == cursor.replaying
        )
        yield _balance("equation", sentence, holds=holds)
        if kept[name]:
            yield Finding(
                "dead letters", "warning", f"{kept[name]:,} of {name} are kept",
                f"gateway dead-letters list --destination {name}",
            )  # fmt: skip


def _balance(area: str, sentence: str, *, holds: bool) -> Finding:
    if holds:
        return Finding(area, "good", sentence)
    remedy = "keep a copy of the journal and report it: this is a fault of the gateway"
    return Finding(area, "bad", f"{sentence} does not hold", remedy)


def _waiting(look: Look, view: View, configuration: Configuration) -> Iterator[Finding]:
    for name in configuration.routing.destinations:
        if name not in view.cursors:
            continue
        since = look.oldest_pending(view, name)
        if since is not None and (waited := time.time() - since) > _LONG_SECONDS:
            yield Finding(
                "delivery", "warning",
                f"the oldest event that waits for {name} is {waited / 3600:,.0f} h old",
                "is the gateway running, and the destination reachable?",
            )  # fmt: skip


def _disk(data_dir: FilePath, settings: JournalSettings) -> Iterator[Finding]:
    place = data_dir if data_dir.exists() else FilePath.cwd()
    free = room.free_bytes(place)
    size = f"{free / 1024**3:,.1f} GiB free at {place}"
    if free < settings.min_free_bytes:
        yield Finding("disk", "bad", f"{size}, under journal.min_free_bytes", "make room")
    elif free < settings.max_bytes:
        yield Finding(
            "disk", "warning", f"{size}, less than journal.max_bytes lets the journal grow",
            "make room, or set journal.max_bytes to what the disk can hold",
        )  # fmt: skip
    else:
        yield Finding("disk", "good", size)
    if place != data_dir:
        return
    try:
        seconds = _fsync_seconds(data_dir)
    except OSError as error:
        yield Finding(
            "disk", "bad", f"{data_dir} cannot be written: {error.strerror}",
            "run as the gateway's user, on a disk that is mounted for writing",
        )  # fmt: skip
        return
    sentence = f"an fsync takes {seconds * 1e3:,.2f} ms"
    if seconds < _SUSPICIOUS_SECONDS:
        yield Finding(
            "disk", "warning", f"{sentence}: too fast for a disk that keeps its promise",
            "memory (tmpfs) or a write cache without a battery loses events when the power goes",
        )  # fmt: skip
    else:
        yield Finding("disk", "good", sentence)


def _fsync_seconds(folder: FilePath) -> float:
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_FSYNCS):
            os.write(file.fileno(), b"\0" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _clock(data_dir: FilePath) -> Iterator[Finding]:
    now = time.time()
    built = FilePath(gateway.__file__).stat().st_mtime
    remedy = "set the clock, and let NTP keep it"
    if now < built - 86400:
        sentence = f"it is {timestamp(now)} here, before this gateway was installed"
        yield Finding("clock", "bad", sentence, remedy)
        return
    try:
        with looking(data_dir / "journal") as look:
            newest = look.newest()
    except (FileNotFoundError, JournalError):
        newest = None
    if newest is not None and newest > now + _AHEAD_SECONDS:
        sentence = f"an event was received at {timestamp(newest)}, and it is {timestamp(now)} now"
        yield Finding("clock", "bad", f"{sentence}: the clock went back", remedy)
    else:
        yield Finding("clock", "good", f"it is {timestamp(now)}")


def _total(view: View, prefix: str) -> int:
    return sum(count for name, count in view.counters.items() if name.startswith(prefix))
