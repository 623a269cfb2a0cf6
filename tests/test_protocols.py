"""Each protocol declares all of itself, and what it declares goes through every stage."""

from __future__ import annotations

import copy
import io
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from gateway.cli import explain
from gateway.config import load
from gateway.consumers import destinations_of
from gateway.destinations import Destination, finished
from gateway.event import Decision, Message, Protocol, RawEvent, Reason, StoredEvent
from gateway.ingest.protocol import ProtocolIngest
from gateway.ingest.registry import INGESTS
from gateway.journal.block import block_of, encode, events_of
from gateway.pipeline import audit_line
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer
from gateway.protocols import PROTOCOLS, MessageType, ProtocolSpec
from gateway.protocols.spec import Form

ROOT = Path(__file__).parent.parent
SECRET = "ada.lovelace@mail.example"
PARTS = [f.name for f in fields(ProtocolSpec) if f.init]
TYPES = [(protocol, kind) for protocol, spec in PROTOCOLS.items() for kind in spec.types]
SENT = [(protocol, kind) for protocol, kind in TYPES if protocol == PROTOCOLS[protocol].form]
"""What clients send in the form in which it is kept."""
DESTINATIONS = """
  local: {type: file, path: events}
  segment: {type: segment, write_key: vendor-key-1}
  mixpanel: {type: mixpanel, token: vendor-key-2, identity: original}
  cloud: {type: cloud, license_key: vendor-key-3}
"""
TAKEN_BY: dict[Form, set[str]] = {
    "segment": {"local", "segment", "mixpanel"},
    "mixpanel": {"local", "segment", "mixpanel"},
    "own": {"local"},
}
"""Which destinations have something of the same meaning as every message of a form."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped configuration, with a destination of each kind."""
    folder = tmp_path_factory.mktemp("protocols")
    for name in ("gateway.yaml", "privacy.yaml"):
        text = (ROOT / "config" / name).read_text()
        (folder / name).write_text(text.replace("../schemas", str(ROOT / "schemas")))
    routes = "routes: [{name: all, to: [local, segment, mixpanel, cloud]}]\n"
    (folder / "routing.yaml").write_text(f"destinations:{DESTINATIONS}{routes}")
    return folder / "gateway.yaml"


@pytest.fixture(scope="module")
def rules(file: Path) -> Rules:
    return compile_rules(load(file, {}), {}, Pseudonymizer(bytes(range(32))))


@pytest.fixture(scope="module")
def destinations(file: Path) -> list[Destination]:
    return destinations_of(load(file, {}), "mark")


def sample(protocol: Protocol, kind: str) -> RawEvent:
    """The example of a type, with an e-mail address in it and in each object that clients fill."""
    spec = PROTOCOLS[protocol]
    message = copy.deepcopy(spec.types[kind].example)
    for path in ((), *spec.free_form):
        put(message, (*path, "email"), SECRET)
    return RawEvent("demo", protocol, kind, spec.name_of(message, kind), message, 1795420264.4)


def put(message: Message, path: Sequence[str], value: Any) -> None:
    """Where the object that it goes into is there."""
    holder: Any = message
    for step in path[:-1]:
        holder = holder.get(step)
        if holder is None:
            return
    holder[path[-1]] = value


@pytest.mark.parametrize(("protocol", "kind"), TYPES)
def test_every_type_goes_through_every_stage(
    protocol: Protocol, kind: str, file: Path, rules: Rules, destinations: list[Destination]
) -> None:
    raw = sample(protocol, kind)
    assert SECRET in str(raw.message)
    decision = decide(raw, rules)
    assert decision.event is not None, (decision.reason, decision.fault)
    assert decision.fault is None
    header = decision.event.header
    assert header.to == ("local", "segment", "mixpanel", "cloud")
    assert header.user != header.message_id
    assert (header.name is None) == (PROTOCOLS[protocol].types[kind].name_key is None)

    lines = encode(decision.event)
    fresh, stored = (*events_of(block_of(7, [lines])), *events_of(block_of(7, [lines])))
    assert fresh == stored  # which is parsed from its lines
    assert stored.is_readable
    assert stored.header == header
    assert stored.message == decision.event.message

    told = audit_line.line(decision)
    assert told is not None
    account = audit_line.expanded(orjson.loads(told))
    assert (account["protocol"], account["type"]) == (protocol, kind)

    taken = {d.name for d in destinations if rendered(d, stored, decision)}
    pulses = {"cloud"} if kind == "usage_pulse" else set[str]()
    assert taken == TAKEN_BY[PROTOCOLS[protocol].form] | pulses
    assert SECRET.encode() not in lines + told


def rendered(destination: Destination, event: StoredEvent, decision: Decision) -> bool:
    """Whether the destination takes it; what it does not take has a reason."""
    out = destination.render([event])
    assert set(out.filtered.values()) <= {Reason.NO_EQUIVALENT}
    assert bool(out.requests) != bool(out.filtered), decision
    assert all(SECRET.encode() not in request.body for request in map(finished, out.requests))
    return bool(out.requests)


@pytest.mark.parametrize(("protocol", "kind"), SENT)
def test_explain_knows_every_type_that_clients_send(
    protocol: Protocol, kind: str, file: Path
) -> None:
    body = orjson.dumps(PROTOCOLS[protocol].types[kind].example)
    out = io.StringIO()
    explain.explain(body, file, {}, source="demo", as_json=True, out=out)
    fate = orjson.loads(out.getvalue())
    assert (fate["outcome"], fate["protocol"], fate["type"]) == ("accepted", protocol, kind)


@pytest.mark.parametrize("ingest", INGESTS, ids=lambda ingest: ingest.protocol)
def test_explain_reads_what_a_protocol_gives_as_an_example(
    ingest: ProtocolIngest, file: Path
) -> None:
    out = io.StringIO()
    explain.explain(ingest.example, file, {}, source="demo", as_json=True, out=out)
    fate = orjson.loads(out.getvalue())
    assert (fate["outcome"], fate["protocol"]) == ("accepted", ingest.protocol)


def test_the_registry_is_the_closed_set() -> None:
    assert tuple(PROTOCOLS) == get_args(Protocol)


@pytest.mark.parametrize("of", [ProtocolSpec, MessageType])
def test_every_field_of_a_declaration_is_required(of: type[Any]) -> None:
    given = [f for f in fields(of) if f.init]
    assert all(f.default is MISSING and f.default_factory is MISSING for f in given)


@pytest.mark.parametrize("missing", PARTS)
def test_a_declaration_without_one_of_its_parts_is_none(missing: str) -> None:
    whole = {part: getattr(PROTOCOLS["mixpanel"], part) for part in PARTS}
    assert ProtocolSpec(**whole) == PROTOCOLS["mixpanel"]
    del whole[missing]
    with pytest.raises(TypeError, match=missing):
        ProtocolSpec(**whole)


@pytest.mark.parametrize(
    "change",
    [
        {"types": {}},
        {"message_id": ()},
        {"identities": ()},
        {"structural": ()},
        {"structural": ("type",)},
        {"address_goes_to": (("properties", "elsewhere"),)},
    ],
)
def test_a_declaration_that_contradicts_itself_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="mixpanel"):
        replace(PROTOCOLS["mixpanel"], **change)


def test_the_type_checker_wants_every_protocol_declared(tmp_path: Path) -> None:
    shadow = tmp_path / "event.py"
    text = (ROOT / "gateway/event.py").read_text()
    shadow.write_text(text.replace('"mixpanel", "appsmith"]', '"mixpanel", "appsmith", "fourth"]'))
    assert shadow.read_text() != text
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-incremental", "--shadow-file", "gateway/event.py",
         str(shadow), "gateway/protocols/__init__.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "has incompatible type \"Literal['fourth']\"" in checked.stdout
