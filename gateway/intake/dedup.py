"""An event that comes again is dropped, and only once its first copy is durably kept.

SDKs send again what got no answer, with the same id. The id is remembered in the
transaction that keeps the event. Whoever brings a second copy meanwhile waits for that transaction,
and is taken if it failed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from gateway.event import RawEvent, Reason
from gateway.ingest import Intake, Refusal
from gateway.journal import DIGEST_BYTES


class Dedup:
    """Knows which ids came within the window, and which are on their way to the journal."""

    def __init__(self, has_seen: Callable[[bytes], bool], key: bytes) -> None:
        """`has_seen`: whether the journal keeps an event with this digest. `key`: a secret."""
        self.has_seen = has_seen
        self._hash = hashlib.blake2b(digest_size=DIGEST_BYTES, key=key)
        self._under_way: dict[bytes, asyncio.Future[None]] = {}

    async def take(self, intake: Intake, take: Callable[[Intake], Awaitable[None]]) -> None:
        """Take what comes for the first time. Raises what `take` raises."""
        digests = [self._digest(raw) for raw in intake.events]
        own = {digest for digest in digests if digest}
        if not own:
            await take(intake)
            return
        while not self._under_way.keys().isdisjoint(own):
            await asyncio.wait([self._under_way[one] for one in own if one in self._under_way])
        intake = self._without_repeats(intake, digests)
        own = {digest for digest in intake.digests if digest}
        done = asyncio.get_running_loop().create_future()
        self._under_way |= dict.fromkeys(own, done)
        try:
            await take(intake)
        finally:
            for digest in own:
                del self._under_way[digest]
            done.set_result(None)

    def _digest(self, raw: RawEvent) -> bytes | None:
        if raw.given_id is None:
            return None
        return self.digest(raw.source, raw.given_id)

    def digest(self, source: str, given_id: str) -> bytes:
        """What an id of a source is remembered by."""
        hashed = self._hash.copy()
        hashed.update(f"{source}\0{given_id}".encode("utf-8", "surrogatepass"))
        return hashed.digest()

    def _without_repeats(self, intake: Intake, digests: Sequence[bytes | None]) -> Intake:
        known: set[bytes] = set()
        first: list[int] = []
        refusals = list(intake.refusals)
        for place, digest in enumerate(digests):
            if digest and (digest in known or self.has_seen(digest)):
                raw = intake.events[place]
                refusals.append(Refusal(raw.source, raw.type, Reason.REPEATED))
                continue
            if digest:
                known.add(digest)
            first.append(place)
        if len(first) == len(digests):
            return replace(intake, digests=digests)
        return Intake(
            intake.protocol,
            [intake.events[place] for place in first],
            refusals,
            [digests[place] for place in first],
            [intake.marks[place] for place in first] if intake.marks else (),
        )
