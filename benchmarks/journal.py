"""What durability costs: the journal beside bare appends with fdatasync of the same bytes.

Prints events per second and microseconds per event: `python benchmarks/journal.py`. Bare is one
caller that writes its entry to a file and waits for the disk; the journal shares that wait.
The last columns are of a journal that is encrypted.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from pydantic import ByteSize

from gateway.config.model import JournalSettings as Settings
from gateway.delivery import Delivery, DeliveryOptions, destination_feed
from gateway.destinations.jsonl.client import FileDestination
from gateway.destinations.jsonl.mapping import segment_line
from gateway.encryption import Key, Keyring
from gateway.event import CleanBytes, CleanEvent, CleanMessage, CleanText, Header, Reason
from gateway.journal import encoded
from gateway.journal.block import encode
from gateway.journal.sqlite import SqliteJournal
from gateway.jsonl.files import LineFiles

MESSAGE: dict[str, Any] = {
    "messageId": "ajs-next-1795420264317-5f0c1d2e-7a3b-4c8d",
    "type": "track",
    "event": "Order Completed",
    "properties": {f"property{n}": "some value of it" for n in range(12)},
    "context": {"library": {"name": "analytics.js", "version": "next-1.84.3"}, "locale": "en"},
}
EVENT = CleanEvent(
    Header(
        message_id=CleanText("ajs-next-1795420264317-5f0c1d2e-7a3b-4c8d"),
        source="demo",
        protocol="segment",
        type="track",
        name=CleanText("Order Completed"),
        schema="segment/track",
        telemetry_class="optional",
        received_at=1_795_420_264.317,
        user=CleanText("8f14e45fceea167a5a36dedd4bea2543"),
        pseudonyms=(),
        to=("local",),
        filtered={"mixpanel": Reason.NO_ROUTE},
    ),
    CleanMessage(MESSAGE),
)
AUDIT = CleanBytes(b'{"messageId":"ajs-next-1795420264317-5f0c1d2e-7a3b-4c8d","changes":[]}')
NO_LIMIT = Settings(min_free_bytes=ByteSize(0))
SECONDS = 2.0
RING = Keyring(Key.of(secrets.token_bytes(32)))


def bare(events_each: int, file: Path) -> float:
    """Events per second of one caller that appends and waits for the disk itself."""
    entry = encode(EVENT) * events_each + AUDIT + b"\n"
    handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    start = time.perf_counter()
    written = 0
    while (seconds := time.perf_counter() - start) < SECONDS:
        os.write(handle, entry)
        os.fdatasync(handle)
        written += events_each
    os.close(handle)
    return written / seconds


async def appended(
    events_each: int, callers: int, folder: Path, ring: Keyring | None = None
) -> tuple[float, float]:
    """Events per second of callers that append one entry after the other, and of CPU time."""
    journal = SqliteJournal.open(folder, NO_LIMIT, ring=ring)
    await journal.follow({"local": "events"})
    counts = {"received/demo": events_each}
    until = time.perf_counter() + SECONDS
    start, cpu = time.perf_counter(), time.process_time()

    async def call() -> None:
        while time.perf_counter() < until:
            await journal.append(encoded([EVENT] * events_each, [AUDIT], counts))

    await asyncio.gather(*(call() for _ in range(callers)))
    events = journal.view.heads["events"]
    seconds, worked = time.perf_counter() - start, time.process_time() - cpu
    await journal.close()
    return events / seconds, events / worked


async def delivered(count: int, folder: Path) -> float:
    """Events per second from a full journal into files."""
    journal = SqliteJournal.open(folder / "journal", NO_LIMIT)
    await journal.follow({"local": "events"})
    for _ in range(count // 100):
        await journal.append(encoded([EVENT] * 100))
    files = LineFiles(folder / "events", rotate_bytes=64 * 1024**2)
    sink = FileDestination("local", files, segment_line)
    delivery = Delivery(
        journal,
        destination_feed(journal, "local", lambda event: event),
        sink,
        DeliveryOptions(linger=0),
    )
    start = time.perf_counter()
    delivery.start()
    await delivery.stop(600)
    seconds = time.perf_counter() - start
    left = journal.view.pending("local")
    await journal.close()
    if left:
        sys.exit(f"{left} events were not delivered")
    return count / seconds


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as name:
        folder = Path(name)
        print(f"{len(encode(EVENT))} bytes an event with its header; {SECONDS:g} s each\n")
        print(
            "events/entry  callers   bare events/s  journal events/s  ratio  µs/event  CPU µs"
            "  encrypted  CPU µs"
        )
        for events_each in (1, 10, 100):
            alone = bare(events_each, folder / f"bare-{events_each}")
            for callers in (1, 64):
                place = folder / f"{events_each}-{callers}"
                rate, worked = uvloop.run(appended(events_each, callers, place))
                place = folder / f"{events_each}-{callers}-encrypted"
                sealed, toiled = uvloop.run(appended(events_each, callers, place, RING))
                print(
                    f"{events_each:12} {callers:8} {alone:15,.0f} {rate:17,.0f} "
                    f"{rate / alone:6.2f} {1e6 / rate:9.1f} {1e6 / worked:7.1f} "
                    f"{1e6 / sealed:10.1f} {1e6 / toiled:7.1f}"
                )
        rate = uvloop.run(delivered(100_000, folder / "delivery"))
        print(f"\nfile delivery {rate:12,.0f} events/s {1e6 / rate:9.1f} µs/event")


if __name__ == "__main__":
    main()
