"""Standard output gets each line once and whole, and a reader that stops stops nobody else."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from gateway.destinations import Delivered, RetryLater
from gateway.destinations.stdout import client
from gateway.destinations.stdout.client import StdoutDestination
from gateway.event import StoredEvent
from tests.destinations.events import Journal, made


@dataclass(slots=True)
class Pipe:
    reader: int
    writer: int

    def read(self) -> bytes:
        """What is in it."""
        os.set_blocking(self.reader, False)
        parts: list[bytes] = []
        while True:
            try:
                parts.append(os.read(self.reader, 1 << 20))
            except BlockingIOError:
                break
            if not parts[-1]:
                break
        return b"".join(parts)


@pytest.fixture
def pipe() -> Generator[Pipe, None, None]:
    made = Pipe(*os.pipe())
    yield made
    for end in (made.reader, made.writer):
        try:
            os.close(end)
        except OSError:
            continue


def ids(text: bytes) -> list[str]:
    return [json.loads(line)["messageId"] for line in text.splitlines()]


async def sent(opened: StdoutDestination, events: list[StoredEvent]) -> Any:
    (request,) = made(opened, events)
    return await opened.send(request)


async def test_one_line_for_each_event(pipe: Pipe) -> None:
    journal = Journal()
    record = {"event": "Bought", "properties": {"distinct_id": "u", "time": 1, "$insert_id": "i"}}
    events = [journal.segment(properties={"text": "a\nb ż"}), journal.mixpanel("event", record)]
    opened = StdoutDestination("out", pipe.writer)
    assert await sent(opened, events) == Delivered()
    first, second = map(orjson.loads, pipe.read().splitlines())
    assert first == events[0].message
    assert (second["type"], second["event"], second["messageId"]) == ("track", "Bought", "i")


@pytest.mark.parametrize("breaks", ["reader", "writer"])
async def test_a_closed_pipe_is_waited_for(pipe: Pipe, breaks: str) -> None:
    os.close(getattr(pipe, breaks))
    opened = StdoutDestination("out", pipe.writer)
    verdict = await sent(opened, [Journal().segment()])
    assert verdict == RetryLater("nobody reads standard output")


async def test_a_reader_that_stops_loses_and_doubles_nothing(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SECONDS", 0.1)
    journal = Journal()
    events = [journal.segment(properties={"text": "x" * 1000}) for _ in range(400)]
    opened = StdoutDestination("out", pipe.writer)
    (request,) = made(opened, events)
    text = b""
    verdict = await opened.send(request)
    assert verdict == RetryLater("timeout")
    while not isinstance(verdict, Delivered):
        text += pipe.read()
        verdict = await opened.send(request)
    text += pipe.read()
    assert ids(text) == [event.header.message_id for event in events]


async def test_the_event_loop_goes_on_meanwhile(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SECONDS", 0.3)
    events = [Journal().segment(properties={"text": "x" * 200_000})]
    opened = StdoutDestination("out", pipe.writer)
    sending = asyncio.create_task(sent(opened, events))
    turns = 0
    while not sending.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 10
    assert await sending == RetryLater("timeout")


async def test_a_line_that_broke_off_is_ended_before_another(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SECONDS", 0.1)
    journal = Journal()
    long = [journal.segment(properties={"text": "x" * 200_000})]
    opened = StdoutDestination("out", pipe.writer)
    assert await sent(opened, long) == RetryLater("timeout")
    begun = pipe.read()
    assert await sent(opened, [journal.segment()]) == Delivered()
    broken, whole = (begun + pipe.read()).splitlines()
    assert ids(whole) == ["m-2"]
    assert broken.startswith(b'{"type":"track","messageId":"m-1"')
