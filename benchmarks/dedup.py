"""What it takes to know a retry: microseconds of CPU an event, and bytes an id on the disk.

`python -m benchmarks.dedup`. Ids are random, as those of SDKs are, and almost none comes twice.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from gateway.clock import Clock
from gateway.event import RawEvent
from gateway.ingest import Intake
from gateway.intake.dedup import Dedup
from gateway.journal.seen_ids import SeenIds

BATCH = 100
DAY = 24 * 3600.0


def main() -> None:
    for count in (10_000, 100_000, 1_000_000):
        with tempfile.TemporaryDirectory() as folder:
            asked, added, size = measured(Path(folder), count)
        print(
            f"  {count:>9,} ids  {asked:5.2f} µs to ask, {added:5.2f} µs to add, "
            f"{size / count:5.1f} bytes an id"
        )


def measured(folder: Path, count: int) -> tuple[float, float, int]:
    """Microseconds of CPU to ask and to add, and the bytes of the tables, after a full window."""
    passed = 0.0
    seen = SeenIds.open(folder, DAY, "g" * 16, Clock(None, lambda: 1e9 + passed, lambda: passed))
    dedup = Dedup(seen.has, b"k" * 32)
    loop = asyncio.new_event_loop()
    asking = adding = 0.0

    async def nothing(intake: Intake) -> None:
        digests.extend(digest for digest in intake.digests if digest)

    for start in range(0, count, BATCH):
        passed = start / count * DAY
        digests: list[bytes] = []
        events = [
            RawEvent("shop", "segment", "track", "Ordered", {}, 0.0, given_id=f"ajs-next-{n:036}")
            for n in range(start, start + BATCH)
        ]
        began = time.process_time()
        loop.run_until_complete(dedup.take(Intake("segment", events, []), nothing))
        asked = time.process_time()
        seen.add(b"".join(digests))
        adding += time.process_time() - asked
        asking += asked - began
    size = sum(file.stat().st_size for file in folder.iterdir())
    seen.close()
    loop.close()
    return asking / count * 1e6, adding / count * 1e6, size


if __name__ == "__main__":
    main()
