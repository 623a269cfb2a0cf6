"""A ping that the gateway sends leaves once in each interval, across restarts and crashes.

Intervals are counted from 1970. The number of the last one that had its ping is a counter of the
journal, which grows in the transaction that makes the ping durable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.appsmith.events import keep_alive
from gateway.appsmith.setup import Marks
from gateway.config.appsmith import Appsmith
from gateway.ingest import Intake


def due(
    settings: Appsmith, now: float, counters: Mapping[str, int], pseudonym: Callable[[str], str]
) -> tuple[Intake, Marks]:
    """The pings whose interval has not had one. `now`: epoch seconds."""
    interval = settings.ping_interval
    number = int(now // interval)
    intake = Intake("appsmith", [], [])
    marks: dict[int, tuple[str, int]] = {}
    for ping in settings.pings:
        counter = f"pinged/{pseudonym(f'{ping.instance_id} {interval}')}"
        behind = number - counters.get(counter, 0)
        if behind > 0:
            marks[len(intake.events)] = (counter, behind)
            intake.events.append(
                keep_alive(settings.source, now, ping.instance_id, ping.version, ping.edition)
            )
    return intake, marks


def seconds_left(settings: Appsmith, now: float) -> float:
    """Until the next interval begins."""
    return settings.ping_interval - now % settings.ping_interval
