"""Each type of destination declares all of itself, and is sent through every stage as it stands.

A new type is covered by being registered: nothing here names one.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import subprocess
import sys
import tomllib
from collections.abc import AsyncGenerator
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from aiohttp import web

from gateway.cli import check, explain
from gateway.cli.doctor.destination_probe import reached
from gateway.clock import Clock
from gateway.config import load
from gateway.config.model import GatewaySettings
from gateway.config.outgoing import DIRECT, HOPS, Outgoing
from gateway.config.routing import Common, Guarded
from gateway.delivery import Egress
from gateway.destinations import (
    BodyFormat,
    Delivered,
    Destination,
    DestinationType,
    Draft,
    Opening,
    Rejected,
    Request,
    finished,
)
from gateway.destinations.egress_guard import EgressGuard, texts_in
from gateway.destinations.registry import declared, types
from gateway.destinations.registry import made as made_of
from gateway.errors import ConfigurationError
from gateway.event import Reason, StoredEvent
from gateway.journal.block import block_of, encode, events_of
from gateway.pipeline.decide import decide
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer
from gateway.protocols import PROTOCOLS
from tests.clean import inside, stored_event
from tests.destinations.events import made
from tests.fakes.vendor import Vendor, running
from tests.test_protocols import SENT, TYPES, sample
from tests.wire.running import held_ports

ROOT = Path(__file__).parent.parent.parent
TYPES_OF_DESTINATIONS = [kind.name for kind in types()]
GATEWAY = GatewaySettings.model_validate({"sources": [{"name": "a", "write_keys": ["k"]}]})
MAIL = "ada.lovelace@mail.example"
MEANINGS = {str(reason): reason.meaning for reason in Reason}
each = pytest.mark.parametrize("name", TYPES_OF_DESTINATIONS)


class Anything(Vendor):
    """Takes whatever it is sent, in the words of one type."""

    def __init__(self, kind: DestinationType[Any]) -> None:
        super().__init__()
        self.says = kind.example.answer

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(text=self.says, content_type="application/json")


def settings_of(kind: DestinationType[Any], url: str) -> dict[str, Any]:
    """As they stand in routing.yaml."""
    address = {key: url for key in ("host", "url") if key in kind.settings.model_fields}
    return {"type": kind.name, **kind.example.settings, **address}


def written(folder: Path, **destinations: dict[str, Any]) -> Path:
    """The shipped configuration with other destinations, each of which gets everything."""
    for name in ("gateway.yaml", "privacy.yaml"):
        text = (ROOT / "config" / name).read_text().replace("../schemas", str(ROOT / "schemas"))
        (folder / name).write_text(text)
    routing = {
        "destinations": destinations,
        "routes": [{"name": "all", "to": [*destinations]}],
    }
    (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
    return folder / "gateway.yaml"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gateway's files with a destination of each type, called as its type."""
    every = {kind.name: settings_of(kind, "https://vendor.example") for kind in types()}
    return written(tmp_path_factory.mktemp("registry"), **every)


@pytest.fixture(scope="module")
def events(file: Path) -> list[StoredEvent]:
    """Every message type of every protocol, as the journal gives it."""
    rules = compile_rules(load(file, {}), {}, Pseudonymizer(bytes(range(32))))
    found: list[StoredEvent] = []
    for sequence, (protocol, kind) in enumerate(TYPES, 1):
        decision = decide(sample(protocol, kind), rules)
        assert decision.event is not None
        found += events_of(block_of(sequence, [encode(decision.event)]))
    return found


@dataclass(frozen=True, slots=True)
class Ready:
    """A destination, and the server that it speaks to."""

    kind: DestinationType[Any]
    settings: Common
    destination: Destination
    server: Anything


@pytest.fixture
async def ready(name: str, tmp_path: Path) -> AsyncGenerator[Ready, None]:
    kind = declared(name)
    async with running(Anything(kind)) as server:
        settings = kind.settings.model_validate(settings_of(kind, server.url))
        opening: Opening[Any] = Opening(
            "it", settings, Outgoing(mark="f123456789abcdef"), tmp_path, Clock(), GATEWAY
        )
        yield Ready(kind, settings, made_of(opening), server)


@each
def test_a_declaration_without_one_of_its_parts_is_none(name: str) -> None:
    parts = [part for part in fields(DestinationType) if part.init]
    assert all(part.default is MISSING and part.default_factory is MISSING for part in parts)
    whole = {part.name: getattr(declared(name), part.name) for part in parts}
    assert DestinationType(**whole) == declared(name)
    for part in whole:
        with pytest.raises(TypeError, match=part):
            DestinationType(**{key: value for key, value in whole.items() if key != part})


@each
def test_a_declaration_that_contradicts_itself_is_none(name: str) -> None:
    kind = declared(name)
    with pytest.raises(ValueError, match="another"):
        replace(kind, name="another")
    with pytest.raises(ValueError, match=name):
        replace(kind, body=BodyFormat.JSON if kind.body is None else None)


def test_a_declaration_loads_no_package_of_a_vendor() -> None:
    heavy = ("segment", "mixpanel", "requests", "urllib3")
    code = (
        "import sys; from gateway.destinations.registry import types; [*types()];"
        f"print([one for one in {heavy} if one in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True, timeout=60)  # fmt: skip
    assert told.stdout.strip() == "[]"


def test_check_takes_every_example(file: Path) -> None:
    out = io.StringIO()
    assert check.run(argparse.Namespace(config=file), {}, out) == 0
    assert all(f"{name} ({name})" in out.getvalue() for name in TYPES_OF_DESTINATIONS)


@each
def test_every_mistake_is_named_with_its_line(name: str, tmp_path: Path) -> None:
    kind = declared(name)
    wrong = {**settings_of(kind, "nowhere"), "egres": "blue", "colour": "blue"}
    with pytest.raises(ConfigurationError) as told:
        load(written(tmp_path, it=wrong), {})
    lines = (tmp_path / "routing.yaml").read_text().splitlines()
    assert {(Path(one.file).name, one.line) for one in told.value.mistakes} == {
        ("routing.yaml", number)
        for number, line in enumerate(lines, 1)
        if "nowhere" in line or "blue" in line
    }
    assert "`colour` is not a setting here" in str(told.value)
    if issubclass(kind.settings, Guarded):
        assert "`egres` is not a setting here (did you mean `egress`?)" in str(told.value)


@each
def test_a_type_that_is_misspelt_is_suggested(name: str, tmp_path: Path) -> None:
    settings = {**settings_of(declared(name), "https://vendor.example"), "type": f"{name}x"}
    with pytest.raises(ConfigurationError) as told:
        load(written(tmp_path, it=settings), {})
    [mistake] = told.value.mistakes
    lines = (tmp_path / "routing.yaml").read_text().splitlines()
    assert lines[mistake.line - 1].strip() == f"type: {name}x"
    known = ", ".join(TYPES_OF_DESTINATIONS)
    assert mistake.message == (
        f"`destinations.it.type` must be one of {known} (did you mean `{name}`?)"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{it: {path: x}}", "`destinations.it.type` is missing"),
        ("{it: events}", "`destinations.it` must hold keys and values"),
        ("{it: {type: [file]}}", "`destinations.it.type` must be one of"),
        ("{Bad Name: {type: stdout}}", "write a name of small letters"),
        ("[file]", "`destinations`: input should be a valid dictionary"),
    ],
)
def test_what_is_no_destination_is_named(tmp_path: Path, given: str, message: str) -> None:
    file = written(tmp_path)
    (tmp_path / "routing.yaml").write_text(f"routes: []\ndestinations: {given}\n")
    with pytest.raises(ConfigurationError) as told:
        load(file, {})
    [mistake] = told.value.mistakes
    assert mistake.line == 2
    assert message in mistake.message


@pytest.fixture(scope="module")
def fates(file: Path) -> list[dict[str, Any]]:
    """What `explain` says of every message that clients send."""
    sent: dict[str, list[Any]] = {}
    for protocol, kind in SENT:
        sent.setdefault(protocol, []).append(PROTOCOLS[protocol].types[kind].example)
    groups = [{"batch": sent["segment"]}, *([one] for one in sent["mixpanel"])]
    found: list[dict[str, Any]] = []
    for group in groups:
        out = io.StringIO()
        body = orjson.dumps(group)
        explain.explain(body, file, {}, source="demo", as_json=True, out=out)
        told = orjson.loads(out.getvalue())
        found += told if isinstance(told, list) else [told]
    assert len(found) == len(SENT)
    return found


@each
def test_explain_shows_what_would_be_sent(name: str, fates: list[dict[str, Any]]) -> None:
    secrets = [*texts_in([text for key, text in declared(name).example.settings.items()
                          if key != "path"]) - {"X-Key", "headers"}]  # fmt: skip
    shown = 0
    for fate in fates:
        there = fate["destinations"][name]
        if "filtered" in there:
            assert there["meaning"] == MEANINGS[there["filtered"]]
            continue
        for request in there["requests"]:
            shown += 1
            assert isinstance(request["body"], dict | list), request
            assert all(secret not in str(request) for secret in secrets)
    assert shown or name == "cloud"


@each
async def test_every_message_is_sent_as_the_guard_has_read_it(
    ready: Ready, events: list[StoredEvent], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    kind, settings, destination = ready.kind, ready.settings, ready.destination
    await destination.open(None)
    sent = 0
    for event in events:
        rendered = destination.render([event])
        assert bool(rendered.requests) != bool(rendered.filtered)
        for draft in rendered.requests:
            request = finished(draft) if kind.body is None else await passed(kind, settings, draft,
                                                                             event)  # fmt: skip
            assert isinstance(request, Request), request
            assert draft.events == request.events == (event.sequence,)
            assert isinstance(await destination.send(request), Delivered)
            sent += 1
            if settings.address is not None:
                came = ready.server.seen[-1]
                assert (came.method, came.body) == (request.method, request.body)
                assert request.url.removeprefix(ready.server.url) in (came.url, came.url[1:])
                assert {**came.headers} == {"Host": came.headers["Host"], **request.headers}
                assert request.headers[HOPS] == "f123456789abcdef"
    await destination.close()
    assert sent > 0
    assert bool(capfdbinary.readouterr().out) == settings.takes_stdout


async def passed(
    kind: DestinationType[Any], settings: Common, draft: Request | Draft, event: StoredEvent
) -> Request | Rejected:
    assert kind.body is not None
    guard = EgressGuard(["email", "ipv4", "ipv6", "phone", "credit_card", "api_key"])
    egress = Egress(
        "it",
        "block",
        kind.body,
        guard=lambda: guard,
        permits=lambda _: {},
        configured=texts_in(settings.model_dump()),
    )
    return await egress.passed(draft, [event])


@each
async def test_what_rendering_would_let_through_is_found(
    ready: Ready, events: list[StoredEvent]
) -> None:
    if ready.kind.body is None:
        assert ready.settings.folder is not None
        return
    found = 0
    for event in events:
        message = inside(event.message)
        inner = (message[key] for key in ("properties", "traits", "$set") if key in message)
        holder = next(inner, message)
        holder["plan" if "plan" in holder else "user"] = MAIL
        spoilt = stored_event(event.sequence, event.header, message)
        for draft in ready.destination.render([spoilt]).requests:
            refused = await passed(ready.kind, ready.settings, draft, spoilt)
            found += refused == Rejected(Reason.LEAK, None, "email")
    assert found > 0
    assert ready.server.seen == []


@each
async def test_the_probe_sends_no_event_and_tells_no_secret(ready: Ready) -> None:
    [(name, sentence, remedy)] = await asyncio.to_thread(
        lambda: [*reached({"it": ready.settings}, DIRECT)]
    )
    assert (name, remedy) == ("it", "")
    assert sentence
    assert all(request.body in (b"", b"[]") for request in ready.server.seen)
    for key, secret in ready.kind.example.settings.items():
        assert key == "path" or str(secret) not in sentence


@each
async def test_the_probe_says_what_is_wrong(ready: Ready) -> None:
    if ready.settings.address is None:
        return
    with held_ports(1) as [port]:
        url = f"http://127.0.0.1:{port}"
        settings = ready.kind.settings.model_validate(settings_of(ready.kind, url))
        probe = await ready.kind.probe(settings, DIRECT)
    assert probe.remedy or probe.sentence.startswith("not checked")


@each
async def test_it_can_be_opened_again_where_it_was_closed(
    ready: Ready, events: list[StoredEvent]
) -> None:
    destination = ready.destination
    event = next(event for event in events if destination.render([event]).requests)
    state = await destination.open(None)
    for _ in range(2):
        (request, *_) = made(destination, [event])
        verdict = await destination.send(request)
        assert isinstance(verdict, Delivered)
        state = verdict.state or state
        await destination.close()
        state = await destination.open(state) or state
    await destination.close()


def test_the_entry_points_are_those_of_the_package() -> None:
    """An installed wheel finds by its metadata what a clone finds in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [*project["entry-points"]["gateway.destinations"]] == TYPES_OF_DESTINATIONS
