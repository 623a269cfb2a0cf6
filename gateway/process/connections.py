"""Who is connected, so that open files suffice for everybody and nobody keeps others out.

Connections are capped in all and for each address. When all places are taken, the address that has
the most gives one up for a newcomer that has fewer: first a connection that says nothing, then one
whose body is still to come. What is being answered is never cut off.

Pure: no I/O but the connections' own `evict`. Each step takes bounded time, however many there are.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Literal, Protocol

from gateway.addresses import is_from, neighbourhood
from gateway.config.values import Network

Cause = Literal["address", "all", "evicted", "head_timeout", "write_timeout", "handshake"]
"""Why the server ended or refused a connection: its address has as many as it may, all places are
taken, it gave way to an address that had fewer, its request did not come in time, it did not take
its answer, or its TLS handshake failed."""

_LOOKED_AT = 32
"""Connections of an address that are looked at for one to give up."""


class State(IntEnum):
    """What a connection is doing; the less, the sooner it is given up."""

    SILENT = 0
    READING = 1
    BUSY = 2


class Connection(Protocol):
    """What can be given up."""

    def state(self) -> State: ...

    def evict(self) -> None:
        """End at once."""
        ...


class Connections:
    """All connections of some listeners."""

    def __init__(
        self, most: int, each: int, trusted: Callable[[], Sequence[Network]] = tuple
    ) -> None:
        """`trusted` gives the proxies: each may have any number of `most` for those it serves."""
        self.most = most
        self.each = each
        self._trusted = trusted
        self.ended: Counter[Cause] = Counter()
        self._addresses: dict[Connection, str] = {}
        self._of: dict[str, OrderedDict[Connection, None]] = {}
        self._counts: dict[str, int] = {}  # but for those of trusted proxies
        self._by_count: dict[int, OrderedDict[str, None]] = {}
        self._top = 0  # the largest of the counts

    def __len__(self) -> int:
        return len(self._addresses)

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._addresses)

    def admit(self, connection: Connection, peer: str) -> bool:
        """Take it in, perhaps for another; False: it must close."""
        is_exempt = is_from(peer, self._trusted())
        # A proxy stands for itself, and takes no place of its neighbours.
        address = f"proxy {peer}" if is_exempt else neighbourhood(peer)
        own = len(self._of.get(address, ()))
        if own >= self.each and not is_exempt and not self._give_up(address, State.SILENT):
            self.ended["address"] += 1
            return False
        if len(self._addresses) >= self.most and not self._make_room(address, own):
            self.ended["all"] += 1
            return False
        self._addresses[connection] = address
        self._of.setdefault(address, OrderedDict())[connection] = None
        if not is_exempt:
            self._count(address, 1)
        return True

    def leave(self, connection: Connection) -> None:
        """It has ended. Does nothing for one that is not known."""
        address = self._addresses.pop(connection, None)
        if address is None:
            return
        of = self._of[address]
        del of[connection]
        if not of:
            del self._of[address]
        if address in self._counts:
            self._count(address, -1)

    def _make_room(self, address: str, own: int) -> bool:
        if self._top > own:
            greediest = next(iter(self._by_count[self._top]))
            self._by_count[self._top].move_to_end(greediest)
            return self._give_up(greediest, State.READING if self._top > own + 1 else State.SILENT)
        return self._give_up(address, State.SILENT)

    def _give_up(self, address: str, at_most: State) -> bool:
        """End the oldest connection of an address that does least."""
        of = self._of.get(address)
        found: Connection | None = None
        for _ in range(min(_LOOKED_AT, len(of or ()))):
            assert of is not None  # noqa: S101 (it has connections)
            connection = next(iter(of))
            of.move_to_end(connection)
            state = connection.state()
            if state > at_most:
                continue
            if state is State.SILENT:
                found = connection
                break
            found = found or connection
        if found is None:
            return False
        self.leave(found)
        self.ended["evicted"] += 1
        found.evict()
        return True

    def _count(self, address: str, change: int) -> None:
        before = self._counts.pop(address, 0)
        now = before + change
        if before:
            addresses = self._by_count[before]
            del addresses[address]
            if not addresses:
                del self._by_count[before]
        if now:
            self._counts[address] = now
            self._by_count.setdefault(now, OrderedDict())[address] = None
        if now > self._top or self._top not in self._by_count:
            self._top = now
