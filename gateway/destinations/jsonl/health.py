"""Files need no probe: `gateway doctor` looks at their disk by itself."""

from __future__ import annotations

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import Probe
from gateway.destinations.jsonl.settings import FileSettings


async def probe(_: FileSettings, __: Outgoing) -> Probe:
    """Always good."""
    return Probe("files, on this disk")
