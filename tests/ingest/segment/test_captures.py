"""Requests recorded from real clients are answered as these clients need, and no event is missed.

The recordings in `data/` hold each request's bytes and the events that the program meant to send.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from gateway.config.model import Source
from gateway.event import Message
from tests.clean import inside
from tests.ingest.backend import RecordingDoor, serving

CAPTURES = {
    file.stem: json.loads(file.read_text())
    for file in sorted((Path(__file__).parents[1] / "data").glob("*.json"))
}
BROWSER = ("analytics.js", "analytics-next")


@pytest.mark.parametrize("client", CAPTURES)
async def test_every_event_of_a_real_client_is_taken(client: str) -> None:
    capture = CAPTURES[client]
    door = RecordingDoor(Source(name="captured", write_keys=(capture["write_key"],)))
    async with serving(door) as url, ClientSession(url) as http:
        for request in capture["requests"]:
            await _replay(http, request)

    assert not door.codes
    assert not door.refusals
    _check_each_is_there(capture["events"], _distinct(door))
    for event in door.events:
        assert event.source == "captured"
        assert inside(event.message)["context"]["library"]["name"]
        assert "writeKey" not in event.message
        on_a_device = client.startswith(BROWSER)
        assert event.client_address == ("127.0.0.1" if on_a_device else None)


async def _replay(http: ClientSession, request: dict[str, Any]) -> None:
    body = base64.b64decode(request["base64"]) if "base64" in request else request.get("body", "")
    headers = {"Content-Type": "", **request["headers"]}
    async with http.request(
        request["method"],
        request["path"],
        data=body or None,
        headers={name: value for name, value in headers.items() if value},
    ) as response:
        answer = await response.read()
        assert response.status == 200
        if "origin" in headers:
            _check_readable(headers, response)
        if request["method"] == "POST":
            assert answer == b'{"success": true}'
            assert response.headers["Content-Type"] == "application/json"


def _check_readable(asked: dict[str, str], response: ClientResponse) -> None:
    assert response.headers["Access-Control-Allow-Origin"] == asked["origin"]
    allowed = response.headers.get("Access-Control-Allow-Headers", "").lower().split(", ")
    for name in asked.get("access-control-request-headers", "").split(","):
        assert not name or name in allowed


def _distinct(door: RecordingDoor) -> list[Message]:
    """By id: a browser sends an event again that was in flight when its page went."""
    return list({message["messageId"]: message for message in door.messages}.values())


def _check_each_is_there(expected: list[dict[str, Any]], messages: list[Message]) -> None:
    """One message for each, and none besides. What the recording could not know is null in it."""
    left = list(messages)
    for wanted in sorted(expected, key=lambda event: -len(_known(event))):
        found = [message for message in left if _known(wanted).items() <= _words(message).items()]
        assert found, wanted
        left.remove(found[0])
    assert not left


def _known(event: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in event.items() if value is not None}


def _words(message: Message) -> dict[str, str]:
    return {key: value for key, value in message.items() if isinstance(value, str)}
