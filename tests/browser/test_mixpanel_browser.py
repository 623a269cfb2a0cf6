"""What a page gave mixpanel-browser is what its project holds, less what the policy took."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.browser.chromium import NEEDS, Browser, chromium
from tests.fakes.mixpanel import Record
from tests.wire.front import front
from tests.wire.mixpanel import GIVEN, LEFT, People, as_people, in_order
from tests.wire.running import WRITE_KEY
from tests.wire.script import AWKWARD, PLANTED_EMAIL
from tests.wire.vendors import Vendors, vendors

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    *(pytest.mark.needs(what, command) for what, command in NEEDS.items()),
]

QUERY = f"?utm_source=letter&contact={quote(PLANTED_EMAIL)}"
TAKEN = ("token", "$token", "contact_email", "$name")
QUICK = {"batch_flush_interval_ms": 100}
PATIENT = {"batch_flush_interval_ms": 600_000}
RATHER_PATIENT = {"batch_flush_interval_ms": 1500}  # the next page waits for twice that
WAYS: dict[str, Mapping[str, Any]] = {
    "batched": QUICK,
    "batched-json": QUICK | {"api_payload_format": "json"},
    "unbatched": {"batch_requests": False},
    "unbatched-get": {"batch_requests": False, "api_method": "GET"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Vendors]:
    async with vendors(tmp_path_factory.mktemp("gateway")) as behind:
        yield behind


@contextlib.asynccontextmanager
async def page(url: str, config: Mapping[str, Any]) -> AsyncGenerator[Browser]:
    async with chromium() as browser:
        await start(browser, url, config)
        yield browser
        assert await browser.close() == []


async def start(browser: Browser, url: str, config: Mapping[str, Any]) -> None:
    settings = {"api_host": url, "persistence": "localStorage", "ignore_dnt": True, **config}
    await browser.start("mixpanel", query=QUERY, token=WRITE_KEY, config=settings)


def calls(people: People) -> list[list[Any]]:
    group = ["company", people.company]
    return [
        ["track", "Looked Around", {**AWKWARD, **GIVEN}],
        ["identify", people.customer],
        ["track", "Order Completed", {"price": 19.99, **GIVEN}],
        ["track_pageview", {"section": "tents"}],
        ["people.set", {"plan": "pro", "$name": "Anna Planted", **GIVEN}],
        ["people.set_once", {"first_seen": "2026-01-01"}],
        ["people.increment", {"logins": 2, "credits": -5}],
        ["people.append", {"visited": "tents"}],
        ["people.union", {"badges": ["a", "b"]}],
        ["people.remove", {"badges": "a"}],
        ["people.unset", "plan"],
        ["people.delete_user"],
        ["set_group", *group],
        ["group.set", group, {"tier": "gold", **GIVEN}],
        ["group.set_once", group, {"since": 2019}],
        ["group.union", group, "regions", ["eu"]],
        ["group.remove", group, "regions", "eu"],
        ["group.unset", group, "tier"],
        ["group.delete", group],
        ["alias", people.visitor],
    ]


async def check_all_arrived(
    behind: Vendors, people: People, answers: Sequence[Record | None], *, twice: bool = False
) -> None:
    """`answers` are the records as the SDK made them. It makes three more, unasked.

    `twice`: the SDK may have sent some again.
    """
    made = [record for record in answers if record]
    await behind.wait_for(lambda records: len(distinct(records)) >= len(made) + 3)
    fates = await behind.fates()
    assert fates["mixpanel"].keys() == {"delivered"}
    records = distinct(behind.records) if twice else behind.records
    stored = [without(record, "ip", "mp_sent_by_lib_version") for record in records]

    first, second = (
        next(r["properties"] for r in stored if r.get("event") == event)
        for event in ("Looked Around", "$create_alias")
    )
    device, customer, visitor = first["$device_id"], second["distinct_id"], second["alias"]
    assert len({device, customer, visitor}) == 3
    assert first["distinct_id"] == f"$device:{device}"

    raw = made[0]["properties"]
    left = {
        raw["$device_id"]: device,
        raw["distinct_id"]: f"$device:{device}",
        people.customer: customer,
        people.visitor: visitor,
        raw["$current_url"]: raw["$current_url"].partition("?")[0],
        QUERY: "",
        GIVEN["remark"]: LEFT["remark"],
    }
    meant = as_people((without(record, *TAKEN) for record in made), left)
    for record in meant:
        if record.get("event") == "$create_alias":
            del record["properties"]["time"]  # an alias has no date
    unasked = [record for record in stored if record not in meant]
    assert in_order(stored) == in_order([*meant, *unasked])

    joins = {
        record["properties"]["distinct_id"]: record["properties"]["$anon_distinct_id"]
        for record in unasked
        if record.get("event") == "$identify"
    }
    assert joins == {customer: f"$device:{device}", visitor: customer}
    [about] = [record for record in unasked if "event" not in record]
    assert about["$distinct_id"] == customer
    assert about["$set_once"]["initial_utm_source"] == "letter"
    assert behind.knows(people.secrets) == []


def is_event(record: Record | None) -> bool:
    return record is not None and "event" in record


def distinct(records: Sequence[Record]) -> list[Record]:
    return [record for place, record in enumerate(records) if record not in records[:place]]


def without(value: Any, *keys: str) -> Any:
    if isinstance(value, dict):
        return {key: without(member, *keys) for key, member in value.items() if key not in keys}
    return value


@pytest.mark.parametrize("way", WAYS)
async def test_every_call_arrives_as_meant_and_nothing_personal_is_kept(
    behind: Vendors, way: str
) -> None:
    behind.forget()
    people = People.of(way)

    async with page(behind.gateway.url, WAYS[way]) as browser:
        made = await browser.call(*calls(people))
        await check_all_arrived(behind, people, made)


async def test_events_are_sent_when_the_page_goes(behind: Vendors) -> None:
    behind.forget()
    people = People.of("gone")

    async with page(behind.gateway.url, PATIENT) as browser:
        *made, _ = await browser.call(*calls(people), ["queued", len(calls(people)) + 2])
        assert behind.records == []
        await browser.leave()

        events = [record["properties"]["$insert_id"] for record in made if is_event(record)]
        records = await behind.wait_for(lambda records: len(records) >= len(events) + 2)
    arrived = [record["properties"]["$insert_id"] for record in records]
    assert set(events) <= set(arrived)
    assert len(set(arrived)) == len(arrived) == len(events) + 2


async def test_what_waited_is_sent_by_the_next_page(behind: Vendors) -> None:
    behind.forget()
    people = People.of("back")

    async with page(behind.gateway.url, RATHER_PATIENT) as browser:
        *made, _ = await browser.call(*calls(people), ["queued", len(calls(people)) + 2])
        await browser.leave()
        await start(browser, behind.gateway.url, QUICK)

        await check_all_arrived(behind, people, made, twice=True)


async def test_an_overload_passes_and_every_call_has_arrived_once(behind: Vendors) -> None:
    behind.forget()
    people = People.of("overload")

    async with front(behind.gateway.url, [503, 429]) as before, page(before.url, QUICK) as browser:
        made = await browser.call(*calls(people))
        await check_all_arrived(behind, people, made)

        assert before.refused == [503, 429]
