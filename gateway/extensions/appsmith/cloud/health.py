"""The cloud services know no harmless request: whatever they are sent counts as a report."""

from __future__ import annotations

from gateway.config.outgoing import Outgoing
from gateway.destinations import Probe
from gateway.extensions.appsmith.cloud.settings import CloudSettings


async def probe(_: CloudSettings, __: Outgoing) -> Probe:
    """Always good, since nothing is known."""
    return Probe("not checked: there is no harmless request to send")
