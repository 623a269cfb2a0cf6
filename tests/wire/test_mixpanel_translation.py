"""Each SDK's events reach the other vendor as what they mean there, or are filtered by name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.wire.clients import MIXPANEL_PYTHON, PYTHON
from tests.wire.mixpanel import BULK, GIVEN, LEFT, People
from tests.wire.mixpanel import script as mixpanel_script
from tests.wire.running import ROOT, running, until
from tests.wire.script import PLANTED, Logical
from tests.wire.script import script as segment_script
from tests.wire.vendors import Vendors, vendors


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncGenerator[Vendors]:
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with vendors(folder) as behind:
        yield behind


async def test_segments_sdk_to_mixpanel(behind: Vendors, tmp_path: Path) -> None:
    little_to_tell = [
        Logical("who", {"type": "identify", "userId": "user-1", "traits": {}}, {}),
        Logical("which", {"type": "group", "userId": "user-1", "groupId": "g", "traits": {}}, {}),
    ]
    meant = segment_script("to-mixpanel")

    told = await PYTHON.send(behind.gateway.url, [*meant, *little_to_tell], tmp_path)
    assert told.failed == {}
    fates = await behind.fates()
    assert behind.knows(PLANTED) == []

    everything = len(meant) + len(little_to_tell)
    assert fates == {
        "local": {"delivered": everything},
        "segment": {"delivered": everything},
        "mixpanel": {"delivered": everything - 2, "incomplete": 1, "no_equivalent": 1},
    }
    assert set(behind.segment.copies) == set(told.acked.values())

    events = {record["properties"]["$insert_id"]: record for record in behind.mixpanel.events}
    for event in meant:
        if event.type in ("track", "page", "screen"):
            record = events.pop(told.acked[event.label])
            name = event.message.get("event") or f"Viewed {event.message['name']}"
            assert record["event"] == name
            assert event.kept.items() <= record["properties"].items()
    assert events == {}
    [profile] = [record for record in behind.mixpanel.people if "$set" in record]
    links = [record["$union"] for record in behind.mixpanel.people if "$union" in record]
    groups = {record["$group_id"]: record for record in behind.mixpanel.groups}
    by_label = {event.label: event.kept for event in meant}
    assert profile["$set"] == {**by_label["identify"], **LEFT}
    assert {name: record["$set"] for name, record in groups.items()} == {
        "group-9": {**by_label["group"], **LEFT},
        "g": {},
    }
    assert len(links) == 2
    assert all(link in links for link in ({"$group_id": ["group-9"]}, {"$group_id": ["g"]}))

    who = {record["properties"]["distinct_id"] for record in behind.mixpanel.events}
    assert who == {profile["$distinct_id"]}


async def test_mixpanels_sdk_to_segment(behind: Vendors, tmp_path: Path) -> None:
    people = People.of("to-segment")
    steps = mixpanel_script(people)

    told = await MIXPANEL_PYTHON.send(behind.gateway.url, steps, tmp_path)
    assert told.failed == {}
    fates = await behind.fates()
    assert behind.knows(people.secrets) == []
    lines = behind.gateway.events()

    messages = behind.segment.messages
    kinds = Counter({"track": 4 + 2 * BULK, "alias": 2, "identify": 1, "group": 1})
    unsaid = Counter({"mixpanel_people": 8, "mixpanel_groups": 5})
    everything = kinds.total() + unsaid.total()
    assert fates == {
        "local": {"delivered": everything},
        "segment": {"delivered": kinds.total(), "no_equivalent": unsaid.total()},
        "mixpanel": {"delivered": everything},
    }
    assert Counter(message["type"] for message in messages) == kinds
    assert Counter(line["type"] for line in lines) == kinds + unsaid
    assert set(behind.segment.copies.values()) == {1}

    by_id = {record["properties"]["$insert_id"]: record for record in behind.mixpanel.events}
    tracks = [message for message in messages if message["type"] == "track"]
    for message in tracks:
        record = by_id[message["messageId"]]
        assert message["event"] == record["event"]
        assert message["properties"].items() <= record["properties"].items()
        assert GIVEN.keys() & message["properties"].keys() <= LEFT.keys()
        assert message["context"]["library"]["name"] == "mixpanel-python"
    by_label = {
        step.label: {
            message["userId"]
            for message in tracks
            if message["properties"].get("label") == step.label
        }
        for step in steps
    }
    [customer], [visitor] = by_label["awkward"], by_label["visits"]
    assert customer != visitor
    assert by_label["then"] == by_label["track bulk"] == by_label["import bulk"] == {customer}

    [identify] = [message for message in messages if message["type"] == "identify"]
    assert (identify["userId"], identify["traits"]) == (customer, {"plan": "pro", **LEFT})
    [group] = [message for message in messages if message["type"] == "group"]
    assert group["groupId"] == people.company
    assert group["traits"] == {"tier": "gold", "$group_key": "company", **LEFT}
    joins = {
        (message["previousId"], message["userId"])
        for message in messages
        if message["type"] == "alias"
    }
    assert joins == {(visitor, customer)}


async def test_what_is_quarantined_is_kept_in_the_same_form(tmp_path: Path) -> None:
    """A profile update has no name and so is never unplanned."""
    people = People.of("aside")
    labels = {"visits", "people $add"}
    steps = [step for step in mixpanel_script(people) if step.label in labels]
    folder = tmp_path / "gateway"
    folder.mkdir()
    strict = {"path": str(ROOT / "schemas"), "unplanned_events": "quarantine"}

    async with running(folder, schemas=strict) as gateway:
        told = await MIXPANEL_PYTHON.send(gateway.url, steps, tmp_path)
        assert told.failed == {}

        def lines() -> list[bytes]:
            files = sorted((gateway.data / "quarantine").glob("*.jsonl"))
            return [line for file in files for line in file.read_bytes().split(b"\n")[:-1]]

        await until(lambda: bool(lines() and gateway.events()), 15, lambda: gateway.log)
    [aside] = map(json.loads, lines())
    assert (aside["type"], aside["event"]) == ("track", "Basket Filled")
    assert [line["type"] for line in gateway.events()] == ["mixpanel_people"]
    assert [gateway.files_with(secret) for secret in people.secrets] == [[], [], []]
