"""kill -9 at any instant: what was acknowledged is in the files once, on whole lines, in order."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from gateway.delivery import AUDIT, Delivery, audit_feed, destination_feed
from gateway.destinations.jsonl.client import FileDestination, audit_line
from gateway.destinations.jsonl.mapping import segment_line
from gateway.journal.sqlite import SqliteJournal
from gateway.jsonl.chain import Chain
from gateway.jsonl.files import LineFiles
from gateway.jsonl.verify import verify
from tests.delivery.child import USERS
from tests.journal.building import NO_LIMIT, until

ROOT = Path(__file__).parents[2]
KILLS = 20
SEED = 20261123


def lives(data_dir: Path, chance: random.Random) -> Iterator[str]:
    """Begin a life, kill it after some acknowledgements, and tell all it gave; again and again."""
    command = [sys.executable, "-m", "tests.delivery.child", str(data_dir)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for generation in range(KILLS):
            print(generation, file=child.stdin, flush=True)
            pid = int(child.stdout.readline().removeprefix("pid "))
            yield from islice(child.stdout, chance.randrange(400))
            os.kill(pid, signal.SIGKILL)
            for line in child.stdout:
                if line == "dead\n":
                    break
                yield line
            else:
                raise AssertionError("the child ended by itself")


def lines_in(folder: Path) -> list[bytes]:
    content = b"".join(file.read_bytes() for file in sorted(folder.glob("*.jsonl")))
    assert content.endswith(b"\n")
    return content.splitlines()


async def test_nothing_acknowledged_is_lost_torn_doubled_or_out_of_order(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    acknowledged = [line.strip() for line in lives(tmp_path, chance)]

    journal = SqliteJournal.open(tmp_path / "journal", NO_LIMIT)
    await journal.follow({"local": "events", AUDIT: "audit"})
    events = LineFiles(tmp_path / "events", rotate_bytes=20_000)
    audit = LineFiles(tmp_path / "audit", rotate_bytes=5_000, chain=Chain())
    local = Delivery(
        journal,
        destination_feed(journal, "local", lambda event: event),
        FileDestination("local", events, segment_line),
    )
    auditing = Delivery(journal, audit_feed(journal), FileDestination(AUDIT, audit, audit_line))
    local.start()
    auditing.start()
    await until(lambda: local.status.doing == "idle" == auditing.status.doing)
    await local.stop(10)
    await auditing.stop(10)
    view = journal.view
    await journal.close()

    names = [json.loads(line)["messageId"] for line in lines_in(tmp_path / "events")]
    assert len(set(names)) == len(names)
    assert set(acknowledged) <= set(names)
    for generation in range(KILLS):
        for user in range(USERS):
            prefix = f"{generation}-{user}-"
            own = [name for name in names if name.startswith(prefix)]
            assert own == [f"{prefix}{number}" for number in range(len(own))]
    audited = lines_in(tmp_path / "audit")
    assert [json.loads(line)["messageId"] for line in audited] == names
    found = verify(tmp_path / "audit", view.cursors[AUDIT].state)
    assert (found.first_break, found.lines, found.set_aside) == (None, len(names), [])
    assert view.counters == {"received/demo": len(names)}
    assert view.heads == {"events": len(names), "audit": len(names)}
    assert view.cursors["local"].delivered == len(names)
    assert len(list((tmp_path / "events").iterdir())) > KILLS  # rotation was hit as well
