"""`gateway audit` answers what was removed, from the audit files alone."""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path as FilePath
from typing import Any, TextIO

import orjson

from gateway.cli.output import json_option, since, since_option, write_json
from gateway.config import load
from gateway.delivery import AUDIT
from gateway.errors import JournalError, UsageError
from gateway.globs import compile_globs
from gateway.journal.sqlite.snapshot import looking
from gateway.jsonl.verify import Verified, verify
from gateway.pipeline import audit_line

EXAMPLE = "gateway audit --since 7d --event 'Order *'"


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines count."""

    since: str = ""  # a timestamp as the lines write it; they sort as text
    event: re.Pattern[str] | None = None

    def takes(self, line: dict[str, Any]) -> bool:
        return line["time"] >= self.since and (
            self.event is None or self.event.fullmatch(_event(line)) is not None
        )


@dataclass(slots=True)
class Totals:
    """What was removed."""

    lines: int = 0
    unreadable: int = 0
    first: str = ""
    last: str = ""
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)

    def add(self, line: dict[str, Any]) -> None:
        self.lines += 1
        self.first = min(self.first or line["time"], line["time"])
        self.last = max(self.last, line["time"])
        changes = line["changes"]
        for change in changes:
            self.rules[change["rule"], change["action"]] += 1
            self.paths[re.sub(r"/\d+(?=/|$)", "/*", change["pointer"])] += 1
            self.kinds[change["kind"]] += 1
        if changes:
            self.events[_event(line)] += len(changes)
        if reason := line["reason"]:
            self.reasons[reason] += 1
        for violation in line["violations"]:
            self.violations[violation["type"]] += 1

    def as_json(self) -> dict[str, Any]:
        return {
            "events": self.lines,
            "from": self.first or None,
            "to": self.last or None,
            "unreadable": self.unreadable,
            "changes": sum(self.rules.values()),
            "by_rule": [
                {"rule": rule, "action": action, "count": count}
                for (rule, action), count in self.rules.most_common()
            ],
            "by_path": dict(self.paths.most_common()),
            "by_event": dict(self.events.most_common()),
            "by_kind": dict(self.kinds.most_common()),
            "by_reason": dict(self.reasons.most_common()),
            "by_violation": dict(self.violations.most_common()),
        }


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", choices=["verify"], help="whether a line was changed or removed"
    )
    since_option(parser)
    parser.add_argument("--event", metavar="GLOB", help="only events of this name")
    json_option(parser)
    parser.add_argument("--follow", action="store_true", help="print each line as it comes")


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises UsageError or ConfigurationError."""
    moment = since(given)
    glob = compile_globs([given.event]) if given.event else None
    chosen = AuditFilter(moment.strftime("%Y-%m-%dT%H:%M:%S") if moment else "", glob)
    data_dir = load(given.config, environment).gateway.data_dir
    if given.what:
        return _verify(data_dir, as_json=given.json, out=out)
    folder = data_dir / "audit"
    return show(folder, chosen, as_json=given.json, follow=given.follow, out=out)


def show(folder: FilePath, chosen: AuditFilter, *, as_json: bool, follow: bool, out: TextIO) -> int:
    """Print the totals of an audit folder, or with `follow` each line as it comes."""
    if follow:
        return _follow(folder, chosen, as_json=as_json, out=out)
    totals = Totals()
    for file in sorted(folder.glob("*.jsonl")):
        with file.open("rb") as lines:
            for line in _parsed(lines, totals):
                if chosen.takes(line):
                    totals.add(line)
    if as_json:
        write_json(totals.as_json(), out)
    else:
        print("\n".join(_report(totals)), file=out)
    return 0


def _verify(data_dir: FilePath, *, as_json: bool, out: TextIO) -> int:
    """Exit 1 with the first line at which the audit is not as it was written."""
    folder = data_dir / "audit"
    kept, is_known = _kept(data_dir / "journal")
    try:
        found = verify(folder, kept)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    if as_json:
        write_json({"ok": found.first_break is None, **asdict(found), "end_known": is_known}, out)
    else:
        print("\n".join(_verified(found, folder, end_known=is_known)), file=out)
    return 1 if found.first_break else 0


def _kept(journal: FilePath) -> tuple[str | None, bool]:
    """How far the journal says that the files go, and whether there is a journal to say so."""
    try:
        with looking(journal) as look:
            cursor = look.view().cursors.get(AUDIT)
    except (FileNotFoundError, JournalError):
        return None, False
    return (cursor.state if cursor else None), True


def _verified(found: Verified, folder: FilePath, *, end_known: bool) -> Iterator[str]:
    if broken := found.first_break:
        yield f"{folder / broken.file}:{broken.line}: {broken.problem}"
    else:
        yield f"no gap: lines {found.lines}, files {found.files}"
        if found.head:
            yield f"last hash {found.head}: note it elsewhere to know these lines again"
    if found.unchained:
        yield f"{found.unchained} lines of version 0.1.0 before them have no hash"
    if found.removed:
        yield f"deleted by retention: {', '.join(found.removed)}"
    if found.set_aside:
        yield f"set aside by recovery, not part of the chain: {', '.join(found.set_aside)}"
    if found.unfinished:
        yield "the last line is not whole: it is being written, or a crash cut it"
    if not end_known:
        yield "the journal cannot be read, so lines missing at the end would not be seen"


def _report(totals: Totals) -> Iterator[str]:
    if totals.unreadable:
        yield f"{totals.unreadable} lines cannot be read; `gateway audit verify` says where"
    if not totals.lines:
        yield "Nothing was removed or refused."
        return
    changes = sum(totals.rules.values())
    yield f"fields changed {changes}, events {totals.lines}, {totals.first} to {totals.last}"
    rules = Counter({f"{rule}  {action}": n for (rule, action), n in totals.rules.items()})
    yield from _section("by rule", rules)
    yield from _section("by event", totals.events)
    yield from _section("by path", totals.paths)
    yield from _section("by kind", totals.kinds)
    yield from _section("rejected or quarantined", totals.reasons)
    yield from _section("schema violations", totals.violations)


def _section(title: str, counted: Counter[str], most: int = 20) -> Iterator[str]:
    if counted:
        yield f"\n{title}"
        yield from (f"{count:>9}  {name}" for name, count in counted.most_common(most))
        if len(counted) > most:
            yield f"           … and {len(counted) - most} more (--json has all)"


def _follow(folder: FilePath, chosen: AuditFilter, *, as_json: bool, out: TextIO) -> int:
    for line in _tail(folder):
        if chosen.takes(line):
            print(orjson.dumps(line).decode() if as_json else _brief(line), file=out, flush=True)
    return 0


def _brief(line: dict[str, Any]) -> str:
    what = [f"{c['action']} {c['pointer']} ({c['rule']})" for c in line["changes"]]
    what += [f"{v['type']} {v['pointer']}: {v['message']}" for v in line["violations"]]
    if reason := line["reason"]:
        what.insert(0, f"{line['outcome']}: {reason}")
    return f"{line['time']} {line['source']} {_event(line)} {line['messageId']}  {'; '.join(what)}"


def _tail(folder: FilePath) -> Iterator[dict[str, Any]]:
    """New lines of the newest file, and of those that follow it. Ends only with the reader."""
    offsets = {file: file.stat().st_size for file in folder.glob("*.jsonl")}
    while True:
        for file in sorted(folder.glob("*.jsonl")):
            with file.open("rb") as lines:
                lines.seek(offsets.get(file, 0))
                for raw in lines:
                    if not raw.endswith(b"\n"):
                        break
                    offsets[file] = offsets.get(file, 0) + len(raw)
                    if (line := _read(raw)) is not None:
                        yield line
        time.sleep(0.5)


def _parsed(lines: Iterator[bytes], totals: Totals) -> Iterator[dict[str, Any]]:
    """Whole lines; one that is just being written is left for the next look."""
    for raw in lines:
        if not raw.endswith(b"\n"):
            return
        if (line := _read(raw)) is None:
            totals.unreadable += 1
        else:
            yield line


def _read(raw: bytes) -> dict[str, Any] | None:
    """None where it is no line of the audit: `gateway audit verify` says where."""
    try:
        return audit_line.expanded(orjson.loads(raw))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _event(line: dict[str, Any]) -> str:
    return str(line["event"] or line["type"])
