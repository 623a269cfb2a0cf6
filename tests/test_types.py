"""A raw event cannot travel, and the type checker knows it; what it cannot know is looked for here.

`SNIPPETS` is checked as strictly as the gateway: what is marked must be refused, and nothing else.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway

ROOT = Path(__file__).parent.parent
PACKAGE = Path(gateway.__file__).parent

SNIPPETS = """
from __future__ import annotations

from dataclasses import replace

import orjson

from gateway.destinations import Destination
from gateway.event import (
    Change, CleanBytes, CleanEvent, CleanJson, CleanMessage, CleanText, Decision, Header, Message,
    OverlayBytes, RawEvent, Reason, SchemaText, StoredEvent, Violation, serialised,
)
from gateway.journal import DeadLetter, EncodedBlock, encoded
from gateway.pipeline import audit_line
from gateway.pipeline.routing import Routes, RoutingFacts
from gateway.privacy import CompiledPolicy, pointer
from gateway.protocols import PROTOCOLS
from gateway.translation import to_mixpanel, to_segment
from gateway.translation.project import Project

SEGMENT = PROTOCOLS["segment"]


def messages(raw: RawEvent, clean: CleanMessage, header: Header) -> None:
    CleanEvent(header, clean)
    CleanEvent(header, raw.message)  # refused: arg-type
    CleanEvent(header, raw.take())  # refused: arg-type
    CleanEvent(header, dict(raw.message))  # refused: arg-type
    CleanEvent(header, {**raw.message})  # refused: arg-type
    CleanEvent(header, {"event": raw.name})  # refused: arg-type
    CleanEvent(header, {**clean})  # refused: arg-type
    replace(CleanEvent(header, clean), message=raw.message)  # refused: arg-type
    serialised(clean)
    serialised(raw.message)  # refused: arg-type
    StoredEvent(1, header, serialised(clean))
    StoredEvent(1, header, orjson.dumps(raw.message))  # refused: arg-type


def overlays(raw: RawEvent, clean: CleanMessage, header: Header, sealed: OverlayBytes) -> None:
    CleanEvent(header, clean, sealed)
    CleanEvent(header, clean, serialised(clean))  # refused: arg-type
    CleanEvent(header, clean, orjson.dumps(raw.message))  # refused: arg-type
    StoredEvent(1, header, serialised(clean), sealed)
    StoredEvent(1, header, sealed)  # refused: arg-type
    StoredEvent(1, header, serialised(clean), b"[]")  # refused: arg-type
    encoded(audit=[sealed])  # refused: list-item
    EncodedBlock(events=sealed)  # refused: arg-type
    replace(header, name=sealed.decode())  # refused: arg-type


def changed_in_place(raw: RawEvent, clean: CleanMessage) -> None:
    clean["userId"] = clean["anonymousId"]
    clean["count"] = 1
    clean["event"] = raw.message["event"]  # refused: assignment
    clean["event"] = raw.name  # refused: assignment
    clean.setdefault("ip", raw.client_address)  # refused: arg-type
    clean.update(raw.message)  # refused: arg-type
    context = clean["context"]
    if isinstance(context, dict):
        context["ip"] = raw.client_address  # refused: assignment
        context["library"] = raw.message["library"]  # refused: assignment
    if isinstance(context, list):
        context.append(raw.name or "")  # refused: arg-type


def texts(raw: RawEvent, clean: CleanMessage, header: Header, policy: CompiledPolicy) -> None:
    replace(header, name=SEGMENT.name_of(clean, "track"), user=SEGMENT.user_of(clean))
    replace(header, message_id=SEGMENT.id_of(clean), pseudonyms=(SEGMENT.id_of(clean),))
    replace(header, name=policy.text(raw.name or ""))
    replace(header, name=raw.name)  # refused: arg-type
    replace(header, name=SEGMENT.name_of(raw.message, "track"))  # refused: arg-type
    replace(header, user=SEGMENT.user_of(raw.message))  # refused: arg-type
    replace(header, message_id=SEGMENT.id_of(raw.message))  # refused: arg-type
    replace(header, message_id=raw.given_id)  # refused: arg-type
    replace(header, message_id=str(raw.message["messageId"]))  # refused: arg-type
    replace(header, user=f"{SEGMENT.user_of(clean)}{raw.client_address}")  # refused: arg-type
    replace(header, pseudonyms=(raw.name or "",))  # refused: arg-type
    replace(header, hops=(raw.name or "",))  # refused: arg-type
    name, raw_name = clean["event"], raw.message["event"]
    if isinstance(name, str) and isinstance(raw_name, str):
        replace(header, name=name)
        replace(header, name=raw_name)  # refused: arg-type
    text: CleanText = raw.source + "/" + raw.type  # refused: assignment


def account(raw: RawEvent, decision: Decision, policy: CompiledPolicy, told: SchemaText) -> None:
    Change(pointer(("properties", "email")), "drop", "r", "string", 1)
    Change(policy.pointer(("properties", "email")), "drop", "r", "string", 1)
    Change("/" + next(iter(raw.message)), "drop", "r", "string", 1)  # refused: arg-type
    Change(raw.given_id or "", "drop", "r", "string", 1)  # refused: arg-type
    Violation("Unplanned-Event", policy.pointer(("event",)), told)
    Violation("Unplanned-Event", "/" + str(raw.name), told)  # refused: arg-type
    Violation("Unplanned-Event", policy.pointer(("event",)), str(raw.name))  # refused: arg-type
    replace(decision, name=raw.name)  # refused: arg-type
    replace(decision, message_id=raw.given_id)  # refused: arg-type
    line: CleanBytes | None = audit_line.line(decision)
    audit_line.line(raw)  # refused: arg-type


def journal(raw: RawEvent, event: CleanEvent, line: CleanBytes, stored: StoredEvent) -> None:
    encoded(events=[event], audit=[line])
    encoded(events=[raw])  # refused: list-item
    encoded(audit=[orjson.dumps(raw.message)])  # refused: list-item
    encoded(audit=[b"a line"])  # refused: list-item
    EncodedBlock(events=orjson.dumps(raw.message))  # refused: arg-type
    EncodedBlock(audit=b"a line")  # refused: arg-type
    DeadLetter(stored, Reason.REFUSED, 400, "")
    DeadLetter(raw, Reason.REFUSED, 400, "")  # refused: arg-type


def routes(raw: RawEvent, clean: CleanMessage, facts: RoutingFacts, routes: Routes) -> None:
    routes.lead(replace(facts, user=SEGMENT.user_of(clean)), clean)
    routes.lead(facts, raw.message)  # refused: arg-type
    replace(facts, user=raw.name or "")  # refused: arg-type


def destinations(raw: RawEvent, stored: StoredEvent, to: Destination, of: Project) -> None:
    to.render([stored])
    to.render([raw])  # refused: list-item
    in_a_vendors_form: Message = stored.message
    in_a_vendors_form["timestamp"] = "now"
    to_segment.translate(stored.message, stored.header, "company")
    to_mixpanel.translate(stored.message, stored.header, of)
    to_segment.translate(raw.message, stored.header, "company")  # refused: arg-type
    to_mixpanel.translate(raw.message, stored.header, of)  # refused: arg-type
    to_mixpanel.translate(in_a_vendors_form, stored.header, of)  # refused: arg-type


def back(stored: StoredEvent) -> RawEvent:
    RawEvent("demo", "segment", "track", None, {"event": "E"}, 0.0)
    return RawEvent("demo", "segment", "track", None, stored.message, 0.0)  # refused: arg-type
"""
_REFUSED = re.compile(r"# refused: ([a-z-]+)$")
_ERROR = re.compile(r"^[^:]+:(\d+): error: .*\[([a-z-]+)\]$", re.MULTILINE)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What the type checker says of each line that it refuses."""
    file = tmp_path_factory.mktemp("snippets") / "snippets.py"
    file.write_text(SNIPPETS, "utf-8")
    settings = ("--config-file", "pyproject.toml", "--no-error-summary", "--no-pretty")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *settings, str(file)],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return {int(line): code for line, code in _ERROR.findall(run.stdout)}


def test_the_type_checker_tells_raw_from_clean(refused: dict[int, str]) -> None:
    lines = SNIPPETS.split("\n")
    wanted = {n: found[1] for n, line in enumerate(lines, 1) if (found := _REFUSED.search(line))}
    passed = [lines[n - 1].strip() for n in wanted.keys() - refused.keys()]
    assert passed == [], "must be refused"
    assert {lines[n - 1].strip(): refused[n] for n in refused.keys() - wanted.keys()} == {}
    assert {n: refused[n] for n in wanted} == wanted


MAY_MAKE = {
    "CleanMessage": {
        "privacy/",
        "translation/page.py",  # its own examples, for the docs
    },
    "CleanText": {
        "cli/policy/events.py",  # pseudonyms in files of clean events
        "event.py",  # the empty one
        "privacy/",
        "translation/page.py",
    },
    "CleanBytes": {
        "event.py",  # of a clean message
        "journal/",  # what it wrote itself
        "pipeline/audit_line.py",  # of a decision, in which all texts are clean
        "privacy/",
    },
    "OverlayBytes": {
        "event.py",  # the empty one
        "journal/block.py",  # what it wrote itself
        "privacy/overlays.py",
    },
    "SchemaText": {"contract/violations.py"},
    "GatewayMark": {"config/outgoing.py"},
}
"""Where each may be made out of something that is not clean yet, as the type checker sees it."""


def made(tree: ast.AST) -> Iterator[str]:
    """The clean types that a module makes or casts to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            named = ast.unparse(node.args[0]) if called == "cast" else called
            yield from (name for name in MAY_MAKE if re.search(rf"\b{name}\b", named))
        elif isinstance(node, ast.alias) and node.asname:  # under another name it is not seen
            yield from (name for name in MAY_MAKE if name == node.name)


def modules() -> Iterator[tuple[str, ast.AST]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield str(file.relative_to(PACKAGE)), ast.parse(file.read_text("utf-8"))


def test_clean_things_are_made_in_few_places() -> None:
    where = [(name, module) for module, tree in modules() for name in made(tree)]
    assert [
        f"{module} makes {name}"
        for name, module in where
        if not module.startswith(tuple(MAY_MAKE[name]))
    ] == []
    unused = {
        (name, place)
        for name, places in MAY_MAKE.items()
        for place in places
        if not any(made == name and module.startswith(place) for made, module in where)
    }
    assert unused == set()


HOLD_RAW = (
    "cli/policy/events.py",  # has two policies scrub what was given or kept; shows no value
    "contract/",
    "delivery/policy_in_force.py",  # scrubs once more what was clean when it was stored
    "event.py",
    "extensions/",
    "ingest/",
    "intake/",
    "pipeline/",
    "privacy/",
    "protocols/",
)


def test_raw_events_are_read_in_front_of_the_journal_only() -> None:
    readers = [
        module
        for module, tree in modules()
        if re.search(r"\bRaw(Event|Message)\b", ast.unparse(tree))
    ]
    assert [module for module in readers if not module.startswith(HOLD_RAW)] == []


SAYABLE = {"fault", "host", "protocol", "source"}
"""What the log is told where raw events are read: never a text of an event's."""


def test_the_log_is_told_no_text_of_an_event() -> None:
    """The logger takes anything, so the type checker cannot help here."""
    told = {
        f"{module}: {ast.unparse(call)}"
        for module, tree in modules()
        if module.startswith(("contract/", "ingest/", "intake/", "pipeline/", "privacy/"))
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("log.")
        if not (
            all(keyword.arg in SAYABLE for keyword in call.keywords)
            and all(isinstance(argument, ast.Constant) for argument in call.args)
        )
    }
    assert told == set()


def test_an_error_on_the_way_of_an_event_says_nothing_of_it() -> None:
    """Its words are constants, or name the type of another error."""
    rooms = ("pipeline/decide.py", "privacy/compiled_policy.py", "privacy/scrub/")
    quoting = {
        f"{module}: {ast.unparse(node)}"
        for module, tree in modules()
        if module.startswith(rooms)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        if not all(isinstance(argument, ast.Constant) for argument in node.exc.args)
    }
    assert quoting == set()
