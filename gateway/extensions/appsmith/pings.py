"""A ping that the gateway sends leaves once in each interval, across restarts and crashes.

Intervals are counted from 1970. The number of the last one that had its ping is a counter of the
journal, which grows in the transaction that makes the ping durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from gateway.errors import JournalError
from gateway.event import RawEvent
from gateway.extensions.appsmith.events import keep_alive
from gateway.extensions.appsmith.settings import Appsmith, appsmith
from gateway.extensions.hooks import Host
from gateway.ingest import Intake, Mark

RETRY_SECONDS = 10.0
"""When a ping that could not be kept is tried again."""


def due(
    settings: Appsmith, now: float, counters: Mapping[str, int], pseudonym: Callable[[str], str]
) -> Intake:
    """The pings whose interval has not had one. `now`: epoch seconds."""
    interval = settings.ping_interval
    number = int(now // interval)
    events: list[RawEvent] = []
    marks: list[list[Mark]] = []
    for ping in settings.pings:
        counter = f"pinged/{pseudonym(f'{ping.instance_id} {interval}')}"
        behind = number - counters.get(counter, 0)
        if behind > 0:
            marks.append([(counter, behind)])
            events.append(
                keep_alive(settings.source, now, ping.instance_id, ping.version, ping.edition)
            )
    return Intake("appsmith", events, [], marks=marks)


def seconds_left(settings: Appsmith, now: float) -> float:
    """Until the next interval begins."""
    return settings.ping_interval - now % settings.ping_interval


async def send_when_due(host: Host) -> None:
    """Send the pings that products do not send themselves, until cancelled."""
    while True:
        now, current = host.now(), appsmith(host.settings)
        wait = seconds_left(current, now)
        try:
            await host.add(due(current, now, host.counters, host.pseudonym))
        except JournalError:
            wait = min(wait, RETRY_SECONDS)
        await asyncio.sleep(wait)
