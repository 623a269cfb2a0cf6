"""Standard output of a running gateway cannot be seen from another process."""

from __future__ import annotations

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import Probe
from gateway.destinations.stdout.settings import StdoutSettings


async def probe(_: StdoutSettings, __: Outgoing) -> Probe:
    """Always good, since nothing is known."""
    return Probe("standard output of `gateway run`")
