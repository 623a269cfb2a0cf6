"""What was just committed is given out as it was stored; who is further behind reads the file.

Consumers that keep up share these items, so nothing is read back, and each is decoded once, when
the first of them asks. The bytes are bounded. Everything here is called from the event loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from gateway.event import StoredEvent
from gateway.journal.block import AuditLine

TAIL_BYTES = 4 * 1024**2
"""Of one stream: some two thousand events. More would cost memory that the file serves as well."""
_ITEM_BYTES = 1024
"""What an item takes beside its bytes."""

Item = TypeVar("Item", StoredEvent, AuditLine)


class Tail(Generic[Item]):
    """The last items of one stream, without a gap."""

    def __init__(self, decode: Callable[[int, bytes], Item], most_bytes: int = TAIL_BYTES) -> None:
        """`decode` makes an item of its sequence and its lines."""
        self._decode: Callable[[int, bytes], Item] = decode
        self._most_bytes = most_bytes
        self._items: dict[int, Item | bytes] = {}
        self._sizes: deque[int] = deque()
        self._first = self._next = 0
        self._bytes = 0

    def add(self, first: int, items: Sequence[bytes]) -> None:
        """The items of the next commit, the first of which has the sequence `first`."""
        if items and first != self._next:
            self._items.clear()
            self._sizes.clear()
            self._first, self._bytes = first, 0
        for sequence, item in enumerate(items, first):
            self._items[sequence] = item
            size = len(item) + _ITEM_BYTES
            self._sizes.append(size)
            self._bytes += size
        if items:
            self._next = first + len(items)
        while self._bytes > self._most_bytes:
            self._drop()

    def replace(self, items: Mapping[int, Item]) -> None:
        """Give out other items at these sequences, as far as they are here."""
        for sequence, item in items.items():
            if sequence in self._items:
                self._items[sequence] = item

    def forget(self, passed: int) -> None:
        """Let go of the items up to this sequence."""
        while self._items and self._first <= passed:
            self._drop()

    def _drop(self) -> None:
        del self._items[self._first]
        self._first += 1
        self._bytes -= self._sizes.popleft()

    def behind(self, after: int, most: int, size: int) -> list[Item]:
        """Up to `most` items and about `size` bytes of them; none where the first is not here."""
        found: list[Item] = []
        while len(found) < most and size > 0 and (item := self._items.get(after + 1)) is not None:
            after += 1
            if isinstance(item, bytes):
                item = self._items[after] = self._decode(after, item)
            found.append(item)
            size -= len(item.body)
        return found
