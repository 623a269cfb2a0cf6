"""What all requests share is given out in turn, so that no key's queue delays another key's.

A key is a source or, where a request does not name one, the client's address. `Pool` shares an
amount: within a key first come, first served, between keys round robin. `Turns` shares the event
loop's time: between keys deficit round robin, in slices, so that a request waits for about one
slice of every other key and never for all that they have queued.

Pure but for the futures that wait. Nothing is given out twice, and what is given back goes on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from gateway.errors import Overloaded

SLICE_SECONDS = 0.005
"""Of work between two looks at what else there is to do."""
_LONGEST_SECONDS = 0.05
"""More is not asked of a key at once, however large its piece of work: it could not be cut."""


class _Asking(NamedTuple):
    amount: float
    given: asyncio.Future[None]


class Pool:
    """A bounded amount of something, of which one key has a bounded part."""

    def __init__(self, total: int, each: int, *, small: int = 0, waiting: int) -> None:
        """One key may have `each` of the total, and a quarter of the places to wait.

        Amounts up to `small` may use as much again, so that no large one is before them. An amount
        larger than its bounds is given to a key that has nothing else.
        """
        self.total = total
        self.each = each
        self.held = 0.0
        self.waiting = 0
        self._small = small
        self._most_waiting = waiting
        self._held: dict[str, float] = {}
        self._queues: OrderedDict[str, deque[_Asking]] = OrderedDict()

    def take(self, key: str, amount: float) -> bool:
        """Take it now, or nothing.

        No request of the same key is overtaken, and none that needs much is overtaken forever.
        """
        if key in self._queues or (self._queues and amount > self._small):
            return False
        if not self._fits_key(key, amount) or not self._fits_total(amount):
            return False
        self._hold(key, amount)
        return True

    async def wait(self, key: str, amount: float, seconds: float) -> None:
        """Take it as soon as it is this key's turn. Raises Overloaded after `seconds`."""
        most = self._most_waiting
        if self.waiting >= most or 4 * len(self._queues.get(key, ())) >= most:
            raise self._overloaded(key, amount)
        asking = _Asking(amount, asyncio.get_running_loop().create_future())
        self._queues.setdefault(key, deque()).append(asking)
        self.waiting += 1
        self._give()
        try:
            async with asyncio.timeout(seconds):
                await asking.given
        except BaseException as error:
            refused = self._overloaded(key, amount)
            if asking.given.done() and not asking.given.cancelled():
                self.give_back(key, amount)
            else:
                self._leave(key, asking)
                self._give()
            if isinstance(error, TimeoutError):
                raise refused from None
            raise

    def give_back(self, key: str, amount: float) -> None:
        """What was taken, or a part of it."""
        self.held -= amount
        left = self._held[key] - amount
        if left > 0:
            self._held[key] = left
        else:
            del self._held[key]
        if self._queues:
            self._give()

    def _fits_key(self, key: str, amount: float) -> bool:
        held = self._held.get(key, 0)
        return not held or held + amount <= self.each

    def _fits_total(self, amount: float) -> bool:
        room = 2 * self.total if amount <= self._small else self.total
        return not self.held or self.held + amount <= room

    def _hold(self, key: str, amount: float) -> None:
        self.held += amount
        self._held[key] = self._held.get(key, 0) + amount

    def _give(self) -> None:
        """To each key in turn, until a round brings nothing."""
        is_giving = True
        while is_giving:
            is_giving = False
            is_reserved = (
                False  # what is left of the total, for the first that it is too little for
            )
            for key in list(self._queues):
                asking = self._queues[key][0]
                if asking.given.done():  # it waits no more, and is about to leave
                    continue
                is_large = asking.amount > self._small
                if not self._fits_key(key, asking.amount) or (is_reserved and is_large):
                    continue
                if not self._fits_total(asking.amount):
                    is_reserved = True
                    continue
                is_giving = True
                self._hold(key, asking.amount)
                asking.given.set_result(None)
                self._queues.move_to_end(key)
                self._leave(key, asking)

    def _leave(self, key: str, asking: _Asking) -> None:
        queue = self._queues[key]
        queue.remove(asking)
        self.waiting -= 1
        if not queue:
            del self._queues[key]

    def _overloaded(self, key: str, amount: float) -> Overloaded:
        """Whose fault it is: that of the key, or that of everybody."""
        is_own = (
            not self._fits_key(key, amount)
            or self._fits_total(amount)
            or 4 * len(self._queues.get(key, ())) >= self._most_waiting
        )
        return Overloaded(1, is_own=is_own)


@dataclass(slots=True)
class _Line:
    asking: deque[_Asking]
    credit: float = 0.0


class Turns:
    """Who may work on the event loop now. A turn is over at the next `await` of who has it."""

    def __init__(self, soon: Callable[[Callable[[], None]], object] | None = None) -> None:
        """`soon` calls back once the loop has looked at everything else; by default the loop's."""
        self._soon = soon
        self._spent = 0.0  # in this round of the loop
        self._lines: OrderedDict[str, _Line] = OrderedDict()

    async def turn(self, key: str, seconds: float) -> None:
        """Wait until this key may work for about so long. At once where there is little to do."""
        seconds = min(seconds, _LONGEST_SECONDS)
        if not self._lines and self._has_room(seconds):
            self._spend(seconds)
            return
        asking = _Asking(seconds, asyncio.get_running_loop().create_future())
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(deque())
        line.asking.append(asking)
        await asking.given

    def _has_room(self, seconds: float) -> bool:
        return not self._spent or self._spent + seconds <= SLICE_SECONDS

    def _spend(self, seconds: float) -> None:
        if not self._spent:
            soon = self._soon or asyncio.get_running_loop().call_soon
            soon(self._go_on)
        self._spent += seconds

    def _go_on(self) -> None:
        """A new round of the loop."""
        self._spent = 0.0
        while self._lines:
            key, line = next(iter(self._lines.items()))
            asking = line.asking[0]
            if asking.given.done():  # it waits no more
                self._pop(key, line)
                continue
            if line.credit < asking.amount:
                line.credit += SLICE_SECONDS
                self._lines.move_to_end(key)
                continue
            if not self._has_room(asking.amount):
                return
            line.credit -= asking.amount
            self._pop(key, line)
            self._spend(asking.amount)
            asking.given.set_result(None)

    def _pop(self, key: str, line: _Line) -> None:
        line.asking.popleft()
        if not line.asking:
            del self._lines[key]
