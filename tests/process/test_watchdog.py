"""A loop that stands still is measured, and the log says where it stood and never with what."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from gateway.admin.metrics import exposition
from gateway.globs import compile_globs
from gateway.process.watchdog import BOUNDS, STALL_SECONDS, Watchdog

SECRET = "ada@mail.example"
NAME = "gateway_event_loop_stall_seconds"


async def watched(work: Callable[[], object]) -> tuple[Watchdog, list[Any]]:
    """Stand still in `work` below a watchdog; what it logged."""
    dog = Watchdog()
    with capture_logs() as lines:
        dog.start()
        async with asyncio.timeout(30):
            while dog.stalls.counts[-1] < 3:  # noqa: ASYNC110 (it beats by itself)
                await asyncio.sleep(0.01)
            work()
            while not any(map(is_ours, lines)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        dog.stop()
    return dog, list(lines)


def is_ours(line: Any) -> bool:
    """Another program can make the loop late as well, at another place."""
    places = line.get("where") or ()
    return "was blocked" in line["event"] and any(
        where.startswith("gateway.globs:compile_globs:") for where in places
    )


def slow_globs() -> Iterator[str]:
    time.sleep(4 * STALL_SECONDS)
    yield SECRET


async def test_a_stall_is_counted_and_its_place_is_logged() -> None:
    dog, lines = await watched(lambda: compile_globs(slow_globs()))
    line = next(filter(is_ours, lines))
    assert line["seconds"] > STALL_SECONDS
    assert all(where.startswith("gateway.") for where in line["where"])
    assert SECRET not in repr(lines)
    assert dog.stalls.counts[-1] > dog.stalls.counts[BOUNDS.index(STALL_SECONDS)]
    assert dog.stalls.sum > STALL_SECONDS


def test_the_histogram_is_one_that_prometheus_reads() -> None:
    dog = Watchdog()
    text = exposition({NAME: {(): dog.stalls}}).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families[NAME].type == "histogram"
    found = {(sample.name, sample.labels.get("le")) for sample in families[NAME].samples}
    assert {(f"{NAME}_bucket", "+Inf"), (f"{NAME}_count", None), (f"{NAME}_sum", None)} <= found
    assert len(found) == len(BOUNDS) + 3
