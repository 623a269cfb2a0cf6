"""What Segment would drop behind a 200 is not counted as delivered."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.destinations.segment.client import SegmentDestination
from gateway.destinations.segment.settings import SegmentSettings
from gateway.event import Reason
from gateway.translation.complete import is_complete
from tests.destinations.events import Journal

Message = dict[str, Any]
TRACK: Message = {"type": "track", "event": "Bought", "userId": "u1"}
PAGE: Message = {"type": "page", "name": "Home", "userId": "u1"}
IDENTIFY: Message = {"type": "identify", "userId": "u1", "traits": {}}
GROUP: Message = {"type": "group", "groupId": "g1", "userId": "u1"}
ALIAS: Message = {"type": "alias", "previousId": "d1", "userId": "u1"}


@pytest.mark.parametrize(
    "message",
    [
        TRACK,
        {**TRACK, "properties": {}},
        {**TRACK, "properties": None},
        {**TRACK, "userId": None, "anonymousId": "d1"},
        {"type": "page", "anonymousId": "d1"},
        PAGE,
        IDENTIFY,
        {"type": "identify", "userId": "u1"},
        GROUP,
        ALIAS,
        {**ALIAS, "userId": None, "anonymousId": "d2"},
        {**TRACK, "context": {"device": {"advertisingId": "7A3D"}}},
        {**TRACK, "context": {"device": {"advertisingId": None}}},
        {**TRACK, "context": {"device": "phone"}},
        {**TRACK, "context": {"consent": {"categoryPreferences": {"ads": False}}}},
        {**TRACK, "context": {"consent": None}},
    ],
)
def test_what_segment_keeps(message: Message) -> None:
    assert is_complete(dict(message))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "track", "event": "Bought"},
        {"type": "track", "event": "Bought", "userId": "", "anonymousId": ""},
        {"type": "track", "event": "Bought", "userId": None},
        {**TRACK, "userId": 42},
        {**TRACK, "userId": {"id": 1}},
        {**TRACK, "anonymousId": ["d1"]},
        {"type": "track", "userId": "u1"},
        {**TRACK, "event": ""},
        {**TRACK, "event": None},
        {**TRACK, "event": 7},
        {**TRACK, "properties": []},
        {**TRACK, "properties": "none"},
        {**IDENTIFY, "traits": [1]},
        {"type": "identify", "traits": {"a": 1}},
        {**PAGE, "name": 7},
        {**PAGE, "category": ["Docs"]},
        {"type": "page", "name": "Home"},
        {"type": "group", "userId": "u1"},
        {"type": "group", "groupId": "g1"},
        {**GROUP, "groupId": ""},
        {**GROUP, "groupId": 7},
        {"type": "alias", "userId": "u1"},
        {"type": "alias", "previousId": "d1"},
        {**ALIAS, "previousId": ""},
        {**TRACK, "context": "here"},
        {**TRACK, "context": {"device": {"advertisingId": 7}}},
        {**TRACK, "context": {"consent": {}}},
        {**TRACK, "context": {"consent": True}},
        {**TRACK, "context": {"consent": {"categoryPreferences": {"ads": "no"}}}},
    ],
)
def test_what_segment_drops(message: Message) -> None:
    assert not is_complete(dict(message))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({**PAGE, "name": ""}, {"type": "page", "userId": "u1"}),
        ({**PAGE, "category": ""}, PAGE),
        ({**TRACK, "anonymousId": ""}, TRACK),
        ({**TRACK, "userId": "", "anonymousId": "d1"},
         {"type": "track", "event": "Bought", "anonymousId": "d1"}),
    ],
)  # fmt: skip
def test_what_is_empty_and_not_needed_is_left_out(given: Message, sent: Message) -> None:
    message = dict(given)
    assert is_complete(message)
    assert message == sent


def test_it_is_filtered_and_its_neighbours_are_sent() -> None:
    journal = Journal()
    settings = SegmentSettings(type="segment", write_key="w", host="https://api.example.com")
    events = [
        journal.segment(),
        journal.segment(userId=None),
        journal.segment(event=None),
        journal.segment("group"),
        journal.mixpanel("event", {"event": "Bought", "properties": {}}),
        journal.segment(),
    ]
    rendered = SegmentDestination("segment", settings).render(events)
    assert rendered.filtered == dict.fromkeys((2, 3, 4), Reason.INCOMPLETE)
    assert [sequence for request in rendered.requests for sequence in request.events] == [1, 5, 6]
