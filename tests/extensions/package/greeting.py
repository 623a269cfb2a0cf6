"""An extension of somebody else's: it uses every hook, and nothing in the gateway knows it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from aiohttp import web

from gateway.admin.html import PageLink
from gateway.admin.metrics import Metric
from gateway.config import Configuration
from gateway.config.model import GatewaySettings
from gateway.config.sections import Section, settings_of
from gateway.config.values import Settings
from gateway.event import Message, RawEvent
from gateway.extensions.hooks import Hooks, Host
from gateway.extensions.spec import Command, Extension
from gateway.ingest import IngestBackend, Intake
from gateway.intake import Screen, Take
from gateway.samples import Counts

EXAMPLE = "gateway greet ada --loud"


class Greeting(Settings):
    """What it says."""

    word: str = "hello"
    """The first word."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="whom")
    parser.add_argument("--loud", action="store_true", help="in capitals")


def run(given: argparse.Namespace, _environment: Mapping[str, str], out: TextIO) -> int:
    text = f"hello {given.name}"
    print(text.upper() if given.loud else text, file=out)
    return 0


def _word(gateway: GatewaySettings) -> str:
    return settings_of(gateway, "greeting", Greeting).word


def _event(source: str, name: str, now: float) -> RawEvent:
    message: Message = {
        "type": "track",
        "event": name,
        "messageId": name,
        "userId": "u",
        "properties": {},
    }
    return RawEvent(source, "segment", "track", name, message, now)


def _routes(app: web.Application, backend: IngestBackend) -> None:
    async def greet(_: web.Request) -> web.Response:
        event = _event("greeting", "Greeted", backend.now())
        await backend.take(Intake("segment", [event], []))
        return web.Response(text=_word(backend.settings))

    app.router.add_get("/greet", greet)


def _screen(_host: Host) -> Screen:
    async def mark(intake: Intake, take: Take) -> None:
        marks = [[("greeting/seen", 1)] for _ in intake.events]
        await take(Intake(intake.protocol, intake.events, intake.refusals, intake.digests, marks))

    return mark


async def _once(host: Host) -> None:
    event = _event("greeting", "Task Started", host.now())
    await host.add(Intake("segment", [event], [], marks=[[("greeting/tasks", 1)]]))
    await asyncio.Event().wait()


def _tasks(host: Host) -> Mapping[str, Coroutine[Any, Any, None]]:
    return {"greeting": _once(host)}


async def _counts(host: Host) -> Counts:
    seen = host.counters.get("greeting/seen", 0)
    tasks = host.counters.get("greeting/tasks", 0)
    return Counts({"greetings": seen}, {"gateway_greetings": {("seen",): seen, ("task",): tasks}})


def _admin(host: Host) -> list[web.RouteDef]:
    async def show(_: web.Request) -> web.Response:
        return web.Response(text=_word(host.settings))

    return [web.get("/greeting", show)]


def _notes(configuration: Configuration) -> Iterator[str]:
    yield f"it says {_word(configuration.gateway)}"


def _explain(_body: bytes, value: Any, _: GatewaySettings) -> Intake | None:
    is_own = isinstance(value, dict) and "greet" in value
    return Intake("segment", [_event("greeting", "Greeted", 0.0)], []) if is_own else None


EXTENSION = Extension(
    name="greeting",
    section=lambda: Section(
        name="greeting",
        model=Greeting,
        sources=lambda _: ("greeting",),
        upstreams=lambda _: {("greeting", "word"): "http://127.0.0.1:1"},
        switch_variables=("NO_GREETINGS",),
    ),
    commands=(Command("greet", "greet somebody", "greeting"),),
    hooks=lambda: Hooks(
        routes=_routes,
        screen=_screen,
        tasks=_tasks,
        folders={str(Path("greeting")): "greetings"},
        metrics=(Metric("gateway_greetings", "gauge", ("by",), "Greetings."),),
        counts=_counts,
        pages=(PageLink("/greeting", "Greeting"),),
        admin=_admin,
        notes=_notes,
        explain=_explain,
    ),
)
