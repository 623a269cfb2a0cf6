"""What was just committed is given out as it was stored; who is further behind reads the file.

Consumers that keep up share these items, so nothing is read back or parsed for each of them. The
bytes are bounded. Everything here is called from the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from gateway.event import StoredEvent
from gateway.journal.block import AuditLine

TAIL_BYTES = 4 * 1024**2
"""Of one stream: some two thousand events. More would cost memory that the file serves as well."""
_ITEM_BYTES = 1024
"""What an item takes beside its body."""

Item = TypeVar("Item", StoredEvent, AuditLine)


class Tail(Generic[Item]):
    """The last items of one stream, without a gap."""

    def __init__(self, most_bytes: int = TAIL_BYTES) -> None:
        self._most_bytes = most_bytes
        self._items: dict[int, Item] = {}
        self._first = self._next = 0
        self._bytes = 0

    def add(self, items: Iterable[Item]) -> None:
        """The items of the next commit, in order."""
        for item in items:
            if item.sequence != self._next:
                self._items.clear()
                self._first, self._bytes = item.sequence, 0
            self._items[item.sequence] = item
            self._next = item.sequence + 1
            self._bytes += len(item.body) + _ITEM_BYTES
        while self._bytes > self._most_bytes:
            self._drop()

    def forget(self, passed: int) -> None:
        """Let go of the items up to this sequence."""
        while self._items and self._first <= passed:
            self._drop()

    def _drop(self) -> None:
        gone = self._items.pop(self._first)
        self._first += 1
        self._bytes -= len(gone.body) + _ITEM_BYTES

    def behind(self, after: int, most: int, size: int) -> list[Item]:
        """Up to `most` items and about `size` bytes of them; none where the first is not here."""
        found: list[Item] = []
        while len(found) < most and size > 0 and (item := self._items.get(after + 1)) is not None:
            found.append(item)
            size -= len(item.body)
            after += 1
        return found
