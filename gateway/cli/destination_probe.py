"""Whether each destination can be reached: its own probe asks, and none of them sends an event."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from gateway.config.outgoing import Outgoing
from gateway.config.routing import Common
from gateway.destinations import Probe
from gateway.destinations.registry import type_of


def reached(
    destinations: Mapping[str, Common], outgoing: Outgoing
) -> Iterator[tuple[str, str, str]]:
    """Name, sentence and remedy of each destination; without a remedy it is healthy."""
    for name, probe in asyncio.run(_probed(destinations, outgoing)).items():
        yield name, probe.sentence, probe.remedy


async def _probed(destinations: Mapping[str, Common], outgoing: Outgoing) -> dict[str, Probe]:
    asked = [type_of(settings).probe(settings, outgoing) for settings in destinations.values()]
    return dict(zip(destinations, await asyncio.gather(*asked), strict=True))
