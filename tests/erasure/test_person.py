"""Whose an event is, what a mention becomes, and what goes with the event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from gateway.event import OverlayBytes, StoredEvent
from gateway.privacy.person import Person
from tests.clean import clean_event
from tests.journal.building import event

ANN = Person(frozenset({"ann-4711", "42"}))


def stored(message: dict[str, Any], **overlay: Any) -> StoredEvent:
    made = clean_event(event("m", user="ben").header, message).stored(1)
    if not overlay:
        return made
    view = {"to": ["mixpanel"], "rules": ["r"], "message": overlay, "pseudonyms": []}
    return StoredEvent(1, made.header, made.body, OverlayBytes(orjson.dumps([view])))


def test_an_event_is_the_persons_by_any_of_its_ids() -> None:
    theirs: list[dict[str, Any]] = [
        {"userId": "ann-4711"},
        {"userId": 42},
        {"userId": 42.0},
        {"anonymousId": "ann-4711", "userId": "ben"},
        {"traits": {"email": "ann-4711"}},
        {"context": {"externalIds": [{"id": "ann-4711", "type": "crm"}]}},
        {"event": "$merge", "properties": {"$distinct_ids": ["x", "ann-4711"]}},
        {"properties": {"distinct_id": "$device:ann-4711"}},
        {"$distinct_id": "ann-4711"},
        {"user": "ann-4711"},
    ]
    assert [ANN.without(stored(message)) for message in theirs] == [None] * len(theirs)


def test_a_mention_goes_and_the_event_stays() -> None:
    message = {"userId": "ben", "properties": {"by": "ann-4711", "url": "/u/ann-4711/x", "n": 42}}
    left = ANN.without(stored(message))
    assert left is not None
    assert left.message == {
        "userId": "ben",
        "properties": {"by": "erased", "url": "/u/erased/x", "n": 42},
    }
    others = stored({"userId": "ben", "groupId": "42", "properties": {"by": "ann-47112"}})
    assert ANN.without(others) is others


def test_an_overlay_goes_with_its_event() -> None:
    assert ANN.without(stored({"event": "E"}, userId="ann-4711")) is None
    left = ANN.without(stored({"userId": "ben"}, properties={"by": "ann-4711"}))
    assert left is not None
    assert left.overlays == b""
    kept = stored({"userId": "ben"}, userId="ben")
    assert ANN.without(kept) is kept


def test_ids_of_an_earlier_policy_are_known_by_their_pseudonym() -> None:
    person = Person(frozenset({"token-of-ann"}), pseudonyms=lambda text: [f"token-of-{text}"])
    assert person.without(stored({"userId": "ann"})) is None
    assert person.without(stored({"userId": "ben"})) is not None


def test_who_is_named_in_an_overlay_alone_is_known_by_the_pseudonym() -> None:
    person = Person(frozenset({"token-of-ann"}), pseudonyms=lambda text: [f"token-of-{text}"])
    mention = stored({"userId": "ben"}, userId="ben", properties={"by": ["ann"]})
    left = person.without(mention)
    assert left is not None
    assert left.overlays == b""
    other = stored({"userId": "ben"}, userId="ben", properties={"by": ["cleo"]})
    assert person.without(other) is other


def test_an_id_of_nobody_joins_no_two_people() -> None:
    joins = {"type": "alias", "userId": "ann-4711", "previousId": "null"}
    assert ANN.joined_by(joins).all == ANN.all | {"null"}
    assert replace(ANN, nobody=frozenset({"null"})).joined_by(joins).all == ANN.all
