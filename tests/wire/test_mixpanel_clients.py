"""What an app gave a Mixpanel SDK is what its project holds, less what the policy took."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.mixpanel import Record
from tests.wire.clients import MIXPANEL, MIXPANEL_BUFFERED, Client, each
from tests.wire.front import front, self_made_certificate
from tests.wire.mixpanel import People, Step, as_people, bare, in_order, script
from tests.wire.vendors import Vendors, vendors

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Vendors]:
    async with vendors(tmp_path_factory.mktemp("gateway")) as behind:
        yield behind


def names_of(people: People, records: Sequence[Record]) -> Mapping[str, str]:
    """The pseudonyms of two people, out of one event of each."""
    customer, visitor = (
        next(r["properties"]["distinct_id"] for r in records if is_labelled(r, label))
        for label in ("awkward", "visits")
    )
    return {people.customer: customer, people.visitor: visitor}


def is_labelled(record: Record, label: str) -> bool:
    found: str | None = record.get("properties", {}).get("label")
    return found == label


async def check_all_arrived(
    behind: Vendors, client: Client, people: People, steps: Sequence[Step]
) -> None:
    meant = [record for step in steps for record in step.meant]
    fates = await behind.fates()
    assert fates["mixpanel"].keys() == {"delivered"}

    records = behind.records
    names = names_of(people, records)
    assert len(set(names.values())) == 2
    stored = [bare(record, client.library) for record in records]
    assert in_order(stored) == in_order(as_people(meant, names))
    for kept in (behind.mixpanel.people, behind.mixpanel.groups):
        changes = [bare(record, {}) for record in kept]
        assert changes == [record for record in as_people(meant, names) if record in changes]
    ids = [record["properties"]["$insert_id"] for record in behind.mixpanel.events]
    assert len(set(ids)) == len(ids)
    assert behind.knows(people.secrets) == []


@pytest.mark.parametrize("client", each(*MIXPANEL))
async def test_every_call_arrives_as_meant_and_nothing_personal_is_kept(
    behind: Vendors, client: Client, tmp_path: Path
) -> None:
    behind.forget()
    people = People.of(client.name)
    steps = script(people)

    told = await client.send(behind.gateway.url, steps, tmp_path)

    assert told.failed == {}
    assert told.acked.keys() == {step.label for step in steps}
    await check_all_arrived(behind, client, people, steps)


@pytest.mark.needs("openssl", "apt-get install openssl")
async def test_an_overload_passes_and_every_call_has_arrived_once(
    behind: Vendors, tmp_path: Path
) -> None:
    """Of the SDKs for servers only Python's tries again, and only over https."""
    behind.forget()
    people = People.of("overload")
    steps = script(people)

    tls = self_made_certificate(tmp_path)
    async with front(behind.gateway.url, [503, 429], tls) as before:
        told = await MIXPANEL_BUFFERED.send(before.url, steps, tmp_path)

        assert before.refused == [503, 429]
    assert told.failed == {}
    await check_all_arrived(behind, MIXPANEL_BUFFERED, people, steps)
