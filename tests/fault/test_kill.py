"""kill -9 while it delivers, hundreds of times: the vendors miss nothing and know every copy.

Meanwhile the journal is encrypted, and its key changes.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from gateway.event import Reason
from gateway.journal.sqlite import SqliteJournal
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import running
from tests.fault.child import VENDORS, deliveries, ring_of
from tests.fault.events import USERS, place
from tests.journal.building import NO_LIMIT, until

ROOT = Path(__file__).parents[2]
SEED = 20261123
KILLS = 300


class Killer:
    """Pulls the trigger after so many acknowledgements, or with so many requests at the vendors."""

    def __init__(self) -> None:
        self.pid = 0
        self._left = 0

    def arm(self, pid: int, requests: int) -> None:
        self.pid, self._left = pid, requests

    def request(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.pull()

    def pull(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Segment(FakeSegment):
    def __init__(self, killer: Killer, chance: random.Random) -> None:
        super().__init__()
        self.killer, self.chance = killer, chance

    is_strict = True
    """Refuses some events, without a word on which, until told to take them."""

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        async def answered() -> web.StreamResponse:
            names = [message["messageId"] for message in json.loads(body)["batch"]]
            if self.is_strict and any(map(is_odd, names)):
                return web.json_response({"code": "bad_request", "message": "no"}, status=400)
            return await FakeSegment.answer(self, request, body)

        return await _answer(self, answered)


class Mixpanel(FakeMixpanel):
    def __init__(self, killer: Killer, chance: random.Random) -> None:
        super().__init__()
        self.killer, self.chance = killer, chance

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        return await _answer(self, lambda: FakeMixpanel.answer(self, request, body))


async def _answer(
    vendor: Segment | Mixpanel, answer: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Fail one request of four, one half of them after it was taken, as real vendors may."""
    mishap = vendor.chance.randrange(8)
    if mishap == 0:
        vendor.killer.request()
        return web.Response(status=503)
    response = await answer()
    vendor.killer.request()
    return web.Response(status=502) if mishap == 1 else response  # taken, and said to have failed


async def lives(
    child: asyncio.subprocess.Process, killer: Killer, chance: random.Random
) -> list[str]:
    """Begin a life, end it, and return what it acknowledged for each."""
    assert child.stdin is not None
    assert child.stdout is not None
    acknowledged: list[str] = []
    for generation in range(KILLS):
        child.stdin.write(b"%d\n" % generation)
        acks, requests = chance.choice([(chance.randrange(40), 0), (10**9, chance.randrange(1, 9))])
        while (line := (await child.stdout.readline()).decode().strip()) != "dead":
            assert line, "the child ended by itself"
            if line.startswith("pid "):
                killer.arm(int(line.removeprefix("pid ")), requests)
            else:
                acknowledged.append(line)
                acks -= 1
            if acks <= 0:
                killer.pull()
    return acknowledged


def is_odd(name: str) -> bool:
    """Whether a strict Segment refuses the event."""
    return place(name)[1] % 13 == 5


def in_order(names: Iterable[str]) -> bool:
    """Whether each user's events came in the order they were made, the first copies counted."""
    of_user: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for name in dict.fromkeys(names):
        of_user[name.split("-")[1]].append(place(name))
    assert len(of_user) == USERS
    return all(places == sorted(places) for places in of_user.values())


async def test_nothing_acknowledged_is_missing_and_copies_carry_the_same_id(
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED)
    killer = Killer()
    async with (
        running(Segment(killer, chance)) as segment,
        running(Mixpanel(killer, chance)) as mixpanel,
    ):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.fault.child", str(tmp_path), segment.url, mixpanel.url,
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        acknowledged = await lives(child, killer, chance)
        assert child.stdin is not None
        child.stdin.close()
        await child.wait()

        journal = SqliteJournal.open(tmp_path, NO_LIMIT, ring=ring_of(KILLS))
        await journal.follow(dict.fromkeys(VENDORS, "events"))
        last = list(deliveries(journal, segment.url, mixpanel.url))
        for delivery in last:
            delivery.start()
        await until(lambda: not any(map(journal.view.pending, VENDORS)))
        letters = await journal.dead_letters("segment", after=0, most=10**6)
        assert journal.view.cursors["segment"].dead == {Reason.REFUSED: len(letters)}
        segment.is_strict = False
        await journal.revive([letter.id for letter in letters])
        await until(lambda: not journal.view.pending("segment"))
        for delivery in last:
            await delivery.stop(10)
        view = journal.view
        await journal.close()

    total = view.heads["events"]
    assert all(view.cursors[vendor].delivered == total for vendor in VENDORS)
    assert not any(view.cursors[vendor].dead for vendor in VENDORS)

    arrived = [message["messageId"] for message in segment.messages]
    assert len(arrived) == total
    assert set(acknowledged) <= set(arrived)
    assert in_order(name for name in arrived if not is_odd(name))
    assert max(segment.copies.values()) > 1

    records = [(e["properties"]["name"], e["properties"]["$insert_id"]) for e in mixpanel.events]
    names = [name for name, _ in records]
    assert set(names) == set(arrived)
    assert in_order(names)
    assert max(Counter(names).values()) > 1
    assert len(set(records)) == total == len({identity for _, identity in records})
