"""Whatever the order of appends, reads, cursors, prunes and restarts, the journal is a plain list.

The equation of every consumer holds after each step: accepted - started = delivered + filtered +
dead + pending.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.event import CleanBytes, Reason
from gateway.journal import Buried, DeadLetter, Settlement, Step, Stream, encoded
from gateway.journal.sqlite import SqliteJournal
from tests.journal.building import NO_LIMIT, event

CONSUMERS = ("local", "segment", "mixpanel")


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.Runner()
        self.names: list[str] = []
        self.audit: list[bytes] = []
        self.counts: Counter[str] = Counter()
        self.followed: set[str] = set()
        self.started: dict[str, int] = {}
        self.outcomes: dict[str, Counter[str]] = {}

    @initialize()
    def open(self) -> None:
        self.journal = SqliteJournal.open(self.folder, NO_LIMIT)
        self.follow(set())

    def teardown(self) -> None:
        self.loop.run(self.journal.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    @rule(
        entries=st.lists(
            st.tuples(st.lists(st.integers(0, 400_000), max_size=3), st.integers(0, 2)),
            min_size=1,
            max_size=5,
        )
    )
    def append(self, entries: list[tuple[list[int], int]]) -> None:
        async def together() -> None:
            await asyncio.gather(*map(self.journal.append, made))

        made = []
        for sizes, lines in entries:
            names = [f"m{len(self.names) + n}" for n in range(len(sizes))]
            events = [event(name, size=size) for name, size in zip(names, sizes, strict=True)]
            audit = [CleanBytes(f"[{len(self.audit) + n}]".encode()) for n in range(lines)]
            made.append(encoded(events, audit, {"received/demo": len(names) + 1}))
            self.names += names
            self.audit += audit
            self.counts["received/demo"] += len(names) + 1
        self.loop.run(together())

    @rule(names=st.sets(st.sampled_from(CONSUMERS)))
    def follow(self, names: set[str]) -> None:
        self.followed = names | {"audit/"}
        consumers: dict[str, Stream] = dict.fromkeys(names, "events")
        self.loop.run(self.journal.follow({**consumers, "audit/": "audit"}))
        for name in names - self.started.keys():
            self.started[name] = len(self.names)
            self.outcomes[name] = Counter()
        for name in names:
            gone = self.journal.view.cursors[name].filtered.get(Reason.DESTINATION_AWAY, 0)
            self.outcomes[name]["away"] = gone

    @precondition(lambda self: self.followed - {"audit/"})
    @rule(data=st.data())
    def advance(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.followed - {"audit/"})))
        known = self.outcomes[name]
        position = self.started[name] + known.total()
        events = self.loop.run(self.journal.events(position, most=5, size=10**9))
        assert [e.header.message_id for e in events] == self.names[position : position + 5]
        fates = data.draw(st.lists(st.sampled_from("xfd"), max_size=len(events)))
        known.update(fates)
        dead = [
            DeadLetter(event, Reason.REFUSED, 400, "no")
            for event, fate in zip(events, fates, strict=False)
            if fate == "d"
        ]
        filtered = {Reason.CONSENT: fates.count("f")} if "f" in fates else {}
        step = Step(fates.count("x"), filtered, dead, f"at {position + len(fates)}")
        self.loop.run(self.journal.advance(name, step))

    def letters(self, name: str) -> list[Buried]:
        return self.loop.run(self.journal.dead_letters(name, after=0, most=10**6))

    def replays(self, name: str) -> list[Buried]:
        return self.loop.run(self.journal.replays(name, after=0, most=10**6))

    @precondition(lambda self: self.followed - {"audit/"})
    @rule(data=st.data())
    def revive(self, data: st.DataObject) -> None:
        """Twice, and with an id that nothing has: both change nothing more."""
        name = data.draw(st.sampled_from(sorted(self.followed - {"audit/"})))
        chosen = self.letters(name)[: data.draw(st.integers(0, 3))]
        for _ in range(2):
            self.loop.run(self.journal.revive([letter.id for letter in chosen] + [10**9]))
        self.outcomes[name]["d"] -= len(chosen)
        self.outcomes[name]["r"] += len(chosen)

    @precondition(lambda self: self.followed - {"audit/"})
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.followed - {"audit/"})))
        fates = {
            replay.id: data.draw(st.sampled_from("xfd"))
            for replay in self.replays(name)[: data.draw(st.integers(0, 3))]
        }
        made: dict[str, DeadLetter | Reason | None] = {
            "x": None,
            "f": Reason.CONSENT,
            "d": DeadLetter(event("m").stored(0), Reason.REFUSED, 422, "no"),
        }
        settlement = Settlement({place: made[fate] for place, fate in fates.items()})
        self.loop.run(self.journal.settle(name, settlement))
        self.outcomes[name].subtract("r" * len(fates))
        self.outcomes[name].update(fates.values())

    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        """What is discarded stays counted as dead."""
        name = data.draw(st.sampled_from(CONSUMERS))
        chosen = self.letters(name)[: data.draw(st.integers(0, 2))]
        for _ in range(2):
            self.loop.run(self.journal.discard([letter.id for letter in chosen]))
        if chosen:
            self.counts[f"discarded/{name}"] += len(chosen)

    @rule()
    def drain_audit(self) -> None:
        position = self.journal.view.cursors["audit/"].position
        lines = self.loop.run(self.journal.audit(position, most=10**6, size=10**9))
        assert [line.body for line in lines] == self.audit[position:]
        self.loop.run(self.journal.advance("audit/", Step(delivered=len(lines))))

    @rule()
    def reopen(self) -> None:
        self.loop.run(self.journal.close())
        self.journal = SqliteJournal.open(self.folder, NO_LIMIT)
        self.follow(self.followed - {"audit/"})

    @invariant()
    def holds_what_was_accepted(self) -> None:
        view = self.journal.view
        assert view.heads == {"events": len(self.names), "audit": len(self.audit)}
        assert view.counters == self.counts
        for name in self.started:
            cursor, known = view.cursors[name], self.outcomes[name]
            assert cursor.started == self.started[name]
            assert cursor.delivered == known["x"]
            assert sum(cursor.filtered.values()) == known["f"] + known["away"]
            assert cursor.dead.get(Reason.REFUSED, 0) == known["d"]
            assert cursor.replaying == known["r"] == len(self.replays(name))
            assert len(self.letters(name)) == known["d"] - self.counts[f"discarded/{name}"]
            settled = cursor.delivered + sum(cursor.filtered.values()) + sum(cursor.dead.values())
            accepted = len(self.names)
            assert accepted - cursor.started == settled + view.pending(name)


JournalMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, derandomize=True
)
TestJournal = JournalMachine.TestCase
