"""`gateway doctor` checks everything that a gateway needs and says in words what to fix.

It changes nothing, sends no event, and may run beside the gateway: the journal is only read.
Whether events can be accepted is the running gateway's own word, or the same judgement without it.
"""

from __future__ import annotations

import argparse
import os
import pwd
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import TextIO

import gateway
from gateway.cli.doctor import backlog, encryption, recovered, repair, running
from gateway.cli.doctor.destination_probe import reached
from gateway.cli.doctor.finding import Finding, lines
from gateway.cli.doctor.running import Running
from gateway.cli.output import json_option, write_json
from gateway.cli.progress import Progress
from gateway.config import Configuration, load
from gateway.config.loops import loops
from gateway.config.model import JournalSettings
from gateway.config.outgoing import shown
from gateway.encryption import Keyring
from gateway.errors import ConfigurationError, GatewayError, JournalError
from gateway.health import Disk, Health, HealthFacts, reason, size
from gateway.journal import capacity
from gateway.journal.sqlite import high_water, opening
from gateway.journal.sqlite.snapshot import looking
from gateway.pipeline.rules import compile_rules, pseudonymizer_for_a_look
from gateway.privacy import keys
from gateway.privacy.pseudonyms import Pseudonymizer
from gateway.telemetry import switch_history
from gateway.timestamps import timestamp

_FSYNCS = 9
_SUSPICIOUS_SECONDS = 20e-6
"""No disk confirms a write so fast: something between here and there only says so."""
_AHEAD_SECONDS = 60.0


EXAMPLE = "gateway doctor --json"


def options(parser: argparse.ArgumentParser) -> None:
    json_option(parser)
    parser.add_argument(
        "--repair",
        action="store_true",
        help="copy a damaged journal, then save what can be read of it; while no gateway runs",
    )


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises what repairing raises; what examining finds is a finding."""
    if given.repair:
        return repair.run(given.config, environment, as_json=given.json, out=out)
    return examine(given.config, environment, as_json=given.json, out=out)


def examine(file: FilePath, environment: Mapping[str, str], *, as_json: bool, out: TextIO) -> int:
    """Print the findings; 1 when one of them is bad, else 0."""
    progress = Progress(sys.stderr)
    findings = list(_findings(file, environment, progress))
    progress.done()
    if as_json:
        write_json([asdict(finding) for finding in findings], out)
    else:
        print("\n".join(lines(findings)), file=out)
    return int(any(finding.verdict == "bad" for finding in findings))


def _findings(
    file: FilePath, environment: Mapping[str, str], progress: Progress
) -> Iterator[Finding]:
    try:
        configuration = load(file, environment)
    except ConfigurationError as error:
        yield from _mistakes(error)
        return
    data_dir = configuration.gateway.data_dir
    process = running.asked(configuration)
    if strangers := [*_strangers(data_dir)]:
        yield from running.findings(process, configuration)
        yield from strangers
        return
    yield from _configuration(configuration, environment)
    yield from running.findings(process, configuration)
    yield from _keys(data_dir / "keys")
    ring = yield from _keyring(configuration, environment)
    used = yield from _journal(configuration, ring, process, progress)
    yield from encryption.findings(configuration, ring)
    yield from recovered.findings(configuration)
    yield from _disk(configuration, process, used)
    yield from _clock(data_dir, ring)
    yield from _loops(configuration, process)
    outgoing = configuration.outgoing.marked(_mark(configuration))
    for name, sentence, remedy in reached(configuration.routing.destinations, outgoing):
        yield Finding(name, "bad" if remedy else "good", sentence, remedy)


def _strangers(data_dir: FilePath) -> Iterator[Finding]:
    """Whether this user may look at the files at all."""
    for folder, mode in ((data_dir, os.X_OK), (data_dir / "journal", os.R_OK | os.X_OK)):
        try:
            owner = folder.stat().st_uid
        except FileNotFoundError:
            return
        except OSError:
            owner = -1
        if not os.access(folder, mode):
            yield Finding(
                "user", "bad",
                f"{folder} belongs to {_user(owner)}, and {_user(os.geteuid())} may not read it",
                "run the doctor as the gateway's user: `sudo -u USER gateway doctor`",
            )  # fmt: skip
            return


def _user(number: int) -> str:
    if number < 0:
        return "another user"
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user {number}"


def _mistakes(error: ConfigurationError) -> Iterator[Finding]:
    for mistake in error.mistakes:
        where = f"{mistake.file}:{mistake.line}"
        yield Finding("configuration", "bad", mistake.message, f"edit {where}")


def _configuration(
    configuration: Configuration, environment: Mapping[str, str]
) -> Iterator[Finding]:
    try:
        orders = switch_history.read(configuration.gateway.data_dir).orders
        compile_rules(configuration, environment, _pseudonymizer(configuration), orders)
    except ConfigurationError as error:
        yield from _mistakes(error)
    except GatewayError as error:
        yield Finding("configuration", "bad", str(error))
    else:
        yield Finding("configuration", "good", "all files are valid")


def _pseudonymizer(configuration: Configuration) -> Pseudonymizer:
    """The installation's, or a passing one where opening it would make a key."""
    if keys.files(configuration.gateway.data_dir / "keys"):
        return pseudonymizer_for_a_look(configuration)
    return Pseudonymizer(secrets.token_bytes(32))


def _loops(configuration: Configuration, process: Running) -> Iterator[Finding]:
    for mistake in loops(configuration):
        yield Finding("loop", "bad", mistake.message, f"edit {mistake.file}:{mistake.line}")
    for line in shown(configuration.outgoing):
        yield Finding("outbound", "good", line)
    refused = (process.status or {}).get("refused_requests", ())
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


def _keys(folder: FilePath) -> Iterator[Finding]:
    if not folder.exists():
        yield Finding("keys", "good", "no gateway has run here yet; the first start makes them")
        return
    try:
        found = keys.files(folder)
        stats = [file.stat() for file in found]
    except OSError as error:
        yield Finding("keys", "bad", f"{folder}: {error.strerror}", "run as the gateway's user")
        return
    if not found:
        yield Finding(
            "keys", "bad", f"{folder / keys.KEY_FILE} is missing, and a start would make new "
            "pseudonyms",
            "restore it from a backup",
        )  # fmt: skip
        return
    for file, stat in zip(found, stats, strict=True):
        if stat.st_mode & 0o077:
            yield Finding("keys", "bad", f"others can read {file}", f"chmod 600 {file}")
            return
        if stat.st_size < keys.KEY_BYTES:
            what = f"{file} is {stat.st_size} bytes, not {keys.KEY_BYTES}"
            yield Finding("keys", "bad", what, "restore it from a backup")
            return
    old = f", with {len(found) - 1} older" if len(found) > 1 else ""
    yield Finding(
        "keys", "good", f"{found[-1]} is there{old}, for its user alone; is it in a backup?"
    )


def _keyring(
    configuration: Configuration, environment: Mapping[str, str]
) -> Generator[Finding, None, Keyring | None]:
    """Returns the keys of `encryption`, or none where they cannot be had."""
    try:
        return configuration.keyring(environment)
    except ConfigurationError as error:
        for mistake in error.mistakes:
            where = f"edit {mistake.file}:{mistake.line}"
            yield Finding("encryption", "bad", mistake.message, where)
        return None


def _journal(
    configuration: Configuration, ring: Keyring | None, process: Running, progress: Progress
) -> Generator[Finding, None, int]:
    """Returns the bytes that the journal holds."""
    folder = configuration.gateway.data_dir / "journal"
    used = 0
    try:
        yield from _own(folder)
        with looking(folder, ring) as look:
            used = look.used_bytes()
            yield from backlog.findings(look, configuration, process, progress)
    except FileNotFoundError:
        yield _no_journal(folder, process)
    except JournalError as error:
        yield Finding("journal", "bad", str(error))
    finally:
        progress.done()
    return used


def _own(folder: FilePath) -> Iterator[Finding]:
    """Whether the journal is the one that its mark is of. Raises JournalError."""
    found = opening.compared(folder, high_water.read(high_water.path(folder)))
    if found:
        yield Finding("journal", "bad", found.sentence, opening.remedy(found))


def _no_journal(folder: FilePath, process: Running) -> Finding:
    if process.is_there:
        return Finding(
            "journal", "bad", f"{folder} does not hold what the running gateway writes to",
            "put the folder back where it was, or mount its disk again",
        )  # fmt: skip
    if keys.files(folder.parent / "keys"):
        return Finding(
            "journal", "warning", f"there is none in {folder}, and a gateway has run here; "
            "a start makes an empty one",
            "put it back if events waited in it",
        )  # fmt: skip
    return Finding("journal", "good", "there is none yet; the first start makes it")


def _disk(configuration: Configuration, process: Running, used: int) -> Iterator[Finding]:
    data_dir, settings = configuration.gateway.data_dir, configuration.gateway.journal
    place = next(
        folder for folder in (data_dir / "journal", data_dir, *data_dir.resolve().parents)
        if folder.exists()
    )  # fmt: skip
    disk = capacity.reached(place)
    if not process.is_there:
        yield from _could_start(settings, used, disk)
    if disk is not None and disk.free is not None:
        free = f"{size(disk.free)} free at {place}"
        if disk.free - settings.min_free_bytes < settings.max_bytes - used:
            yield Finding(
                "disk", "warning", f"{free}, less than journal.max_bytes lets the journal grow",
                "free space, or set journal.max_bytes to what the disk can hold",
            )  # fmt: skip
        else:
            yield Finding("disk", "good", free)
    if data_dir.exists():
        yield from _promise(data_dir)


def _could_start(settings: JournalSettings, used: int, disk: Disk | None) -> Iterator[Finding]:
    """What a gateway that is started now would say of itself."""
    health = Health(
        reason(
            HealthFacts(
                used=used,
                max_bytes=settings.max_bytes,
                disk=disk,
                min_free_bytes=settings.min_free_bytes,
            )
        )
    )
    if health.reason:
        yield Finding("readiness", "bad", health.reason, health.remedy or "")
    else:
        yield Finding("readiness", "good", "a gateway could accept events")


def _promise(data_dir: FilePath) -> Iterator[Finding]:
    try:
        seconds = _fsync_seconds(data_dir)
    except OSError as error:
        yield Finding(
            "disk", "bad", f"{data_dir} cannot be written: {error.strerror}",
            "run as the gateway's user, on a disk that is mounted for writing and has room",
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


def _clock(data_dir: FilePath, ring: Keyring | None) -> Iterator[Finding]:
    now = time.time()
    built = FilePath(gateway.__file__).stat().st_mtime
    remedy = "set the clock, and let NTP keep it"
    if now < built - 86400:
        sentence = f"it is {timestamp(now)} here, before this gateway was installed"
        yield Finding("clock", "bad", sentence, remedy)
        return
    try:
        with looking(data_dir / "journal", ring) as look:
            newest = look.newest()
    except (FileNotFoundError, JournalError):
        newest = None
    if newest is not None and newest > now + _AHEAD_SECONDS:
        sentence = f"an event was received at {timestamp(newest)}, and it is {timestamp(now)} now"
        yield Finding("clock", "bad", f"{sentence}: the clock went back", remedy)
    else:
        yield Finding("clock", "good", f"it is {timestamp(now)}")
