"""A gateway of the test's own between real SDKs and vendors that only seem to be vendors."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes import vendor
from tests.fakes.mixpanel import FakeMixpanel, Record
from tests.fakes.segment import FakeSegment
from tests.wire.running import POLL, Gateway, running, until

FATES = {
    "gateway_destination_delivered_total": "delivered",
    "gateway_destination_pending_events": "pending",
    "gateway_destination_filtered_total": "filtered",
    "gateway_destination_dead_events": "dead",
}


@dataclass(slots=True)
class Vendors:
    """Every event of the gateway goes to both of them, and to its files."""

    gateway: Gateway
    mixpanel: FakeMixpanel
    segment: FakeSegment

    @property
    def records(self) -> list[Record]:
        """What Mixpanel holds."""
        return [*self.mixpanel.events, *self.mixpanel.people, *self.mixpanel.groups]

    def forget(self) -> None:
        for kept in (self.mixpanel.events, self.mixpanel.people, self.mixpanel.groups):
            kept.clear()
        self.segment.messages.clear()

    async def wait_for(self, enough: Callable[[list[Record]], bool]) -> list[Record]:
        """Mixpanel's records as soon as there are enough of them."""
        await until(
            lambda: enough(self.records),
            20,
            lambda: f"only {len(self.records)} records\n{self.gateway.log}",
        )
        return self.records

    def knows(self, secrets: Iterable[str]) -> list[str]:
        """Which of these texts ever came to a vendor or are in a file of the gateway."""
        seen = [*self.mixpanel.seen, *self.segment.seen]
        bodies = [unquote_to_bytes(request.body).lower() for request in seen]
        return [
            secret
            for secret in secrets
            if self.gateway.files_with(secret) or any(secret.lower().encode() in b for b in bodies)
        ]

    async def fates(self) -> dict[str, Counter[str]]:
        """How many events each destination has, and why not the others, once nothing is pending.

        received = accepted + rejected, and accepted = delivered + pending + filtered + dead, hold
        in every look at the metrics on the way there.
        """
        fates: dict[str, Counter[str]] = {}

        async def look(session: aiohttp.ClientSession) -> bool:
            async with session.get(f"{self.gateway.admin_url}/metrics") as answer:
                text = await answer.text()
            samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
            totals: Counter[str] = Counter()
            fates.clear()
            for sample in samples:
                totals[sample.name] += int(sample.value)
                if sample.name in FATES:
                    fate = sample.labels.get("reason", FATES[sample.name])
                    fates.setdefault(sample.labels["destination"], Counter())[fate] += int(
                        sample.value
                    )
            accepted = totals["gateway_events_accepted_total"]
            rejected = totals["gateway_events_rejected_total"]
            assert totals["gateway_events_received_total"] == accepted + rejected
            assert {found.total() for found in fates.values()} == {accepted}
            return all(found["pending"] == 0 for found in fates.values())

        async with aiohttp.ClientSession() as session, asyncio.timeout(20):
            while not await look(session):  # noqa: ASYNC110 (the gateway is another process)
                await asyncio.sleep(POLL)
        return {name: +found for name, found in fates.items()}


@contextlib.asynccontextmanager
async def vendors(folder: Path, **settings: Any) -> AsyncGenerator[Vendors]:
    """Both vendors, and a gateway that leads everything to them and to `local`."""
    async with vendor.running(FakeMixpanel()) as mixpanel, vendor.running(FakeSegment()) as segment:
        destinations: Mapping[str, Mapping[str, str]] = {
            "local": {"type": "file", "path": "events"},
            "mixpanel": {"type": "mixpanel", "token": mixpanel.token, "host": mixpanel.url},
            "segment": {"type": "segment", "write_key": segment.write_key, "host": segment.url},
        }
        everything = {"name": "everything", "match": {}, "to": list(destinations)}
        routing = folder / "routing.yaml"
        routing.write_text(yaml.safe_dump({"destinations": destinations, "routes": [everything]}))
        async with running(folder, routing=str(routing), **settings) as gateway:
            yield Vendors(gateway, mixpanel, segment)
