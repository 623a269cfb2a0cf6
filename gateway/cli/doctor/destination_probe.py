"""Whether each destination can be reached: its own probe asks, and none of them sends an event."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from gateway.config.outgoing import Outgoing
from gateway.config.routing import Common
from gateway.destinations import Probe
from gateway.destinations.registry import type_of
from gateway.errors import fault

SECONDS = 30.0
"""How long a probe may take; its own time-out is shorter."""


def reached(
    destinations: Mapping[str, Common], outgoing: Outgoing
) -> Iterator[tuple[str, str, str]]:
    """Name, sentence and remedy of each destination; without a remedy it is healthy."""
    for name, probe in asyncio.run(_probed(destinations, outgoing)).items():
        yield name, probe.sentence, probe.remedy


async def _probed(destinations: Mapping[str, Common], outgoing: Outgoing) -> dict[str, Probe]:
    asked = [_probe(settings, outgoing) for settings in destinations.values()]
    return dict(zip(destinations, await asyncio.gather(*asked), strict=True))


async def _probe(settings: Common, outgoing: Outgoing) -> Probe:
    """A probe that fails does not keep the others from reporting."""
    try:
        async with asyncio.timeout(SECONDS):
            return await type_of(settings).probe(settings, outgoing)
    except Exception as error:  # noqa: BLE001 (any package may have brought it)
        return Probe(
            f"its probe failed ({fault(error)})",
            f"update the package that brings `{settings.type}`",
        )
