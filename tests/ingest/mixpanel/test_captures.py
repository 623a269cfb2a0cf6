"""Requests recorded from Mixpanel's own clients are answered as these need, and no event is missed.

The recordings in `data/mixpanel/` hold each request's bytes and what the program meant to send.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse, ClientSession

from gateway.config.model import Source
from gateway.event import RawEvent
from tests.clean import inside
from tests.ingest.backend import RecordingDoor, serving

CAPTURES = {
    file.stem: json.loads(file.read_text())
    for file in sorted((Path(__file__).parents[1] / "data" / "mixpanel").glob("*.json"))
}


@pytest.mark.parametrize("capture", CAPTURES.values(), ids=CAPTURES)
async def test_every_event_of_a_real_client_is_taken(capture: dict[str, Any]) -> None:
    source = Source(name="captured", write_keys=(capture["token"],))
    door = RecordingDoor(source, protocol="mixpanel")
    async with serving(door) as url, ClientSession(url) as http:
        for request in capture["requests"]:
            await _replay(http, request)

    assert not door.codes
    assert not door.refusals
    _check_each_is_there(capture["events"], _distinct(door.events))
    is_browser = capture["client"] == "mixpanel-browser"
    for event in door.events:
        assert (event.source, event.protocol) == ("captured", "mixpanel")
        assert event.client_address == ("127.0.0.1" if is_browser else None)
        if event.type == "event":
            assert inside(event.message)["properties"]["token"] == capture["token"]
            assert inside(event.message)["properties"]["$insert_id"]
            assert inside(event.message)["properties"]["time"]


async def _replay(http: ClientSession, request: dict[str, Any]) -> None:
    headers = {"Content-Type": "", **request["headers"]}
    async with http.request(
        request["method"],
        request["path"],
        data=request.get("body", "").encode() or None,
        headers={name: value for name, value in headers.items() if value},
    ) as response:
        answer = await response.read()
        assert response.status == 200
        if "origin" in headers:
            _check_readable(headers, response)
        if request["method"] == "OPTIONS":
            return
        if "verbose=1" in request["path"] or "verbose=1" in request.get("body", ""):
            assert orjson.loads(answer)["status"] == 1
            assert orjson.loads(answer)["error"] is None
        else:
            assert answer == b"1"


def _check_readable(asked: dict[str, str], response: ClientResponse) -> None:
    assert response.headers["Access-Control-Allow-Origin"] == asked["origin"]
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    allowed = response.headers.get("Access-Control-Allow-Headers", "").lower().split(", ")
    for name in asked.get("access-control-request-headers", "").split(","):
        assert not name or name in allowed


def _distinct(events: list[RawEvent]) -> list[RawEvent]:
    """By id: a browser sends what it had queued when its page went, and again on the next page."""
    return list({_identity(event): event for event in events}.values())


def _identity(event: RawEvent) -> str:
    properties = inside(event.message).get("properties", {})
    return str(properties.get("$insert_id") or (event.type, orjson.dumps(event.message)))


def _check_each_is_there(expected: list[dict[str, Any]], events: list[RawEvent]) -> None:
    """One event for each, and none besides; those first of which the recording says most."""
    left = list(events)
    for wanted in sorted(expected, key=len, reverse=True):
        found = [event for event in left if wanted.items() <= _words(event, wanted).items()]
        assert found, wanted
        left.remove(found[0])
    assert not left


def _words(event: RawEvent, wanted: dict[str, Any]) -> dict[str, Any]:
    message = inside(event.message)
    if event.type == "event":
        properties = message["properties"]
        return {
            "type": "event",
            "event": event.name,
            "insert_id": properties["$insert_id"],
            "distinct_id": properties.get("distinct_id"),
        }
    return {
        "type": event.type,
        "op": wanted.get("op") if wanted.get("op") in message else None,
        "distinct_id": message.get("$distinct_id"),
        "group_key": message.get("$group_key"),
    }
