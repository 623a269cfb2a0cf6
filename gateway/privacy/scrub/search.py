"""Many words are found in a text in one pass over it (Aho and Corasick), however many they are.

Of the long words that end at one place only the longest is found, so that a place costs the same
whatever the words have in common.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

LONG = 16

_Node = dict[str, int]


class Needles:
    """Finds where words stand, in however many texts."""

    __slots__ = ("_ends", "_failing", "_next")

    def __init__(self, words: Iterable[str]) -> None:
        """`words` are not empty."""
        self._next: list[_Node] = [{}]
        self._ends: list[tuple[int, ...]] = [()]  # lengths of the words that end at a node
        for word in words:
            self._add(word)
        self._failing = [0] * len(self._next)
        self._link()

    def occurrences(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each, which may overlap, in order of the ends."""
        following, failing, ends = self._next, self._failing, self._ends
        node = 0
        for end, letter in enumerate(text, 1):
            while node and letter not in following[node]:
                node = failing[node]
            node = following[node].get(letter, 0)
            for length in ends[node]:
                yield end - length, end

    def _add(self, word: str) -> None:
        node = 0
        for letter in word:
            below = self._next[node].get(letter)
            if below is None:
                below = self._next[node][letter] = len(self._next)
                self._next.append({})
                self._ends.append(())
            node = below
        self._ends[node] = (len(word),)

    def _link(self) -> None:
        pending = deque(self._next[0].values())
        while pending:
            node = pending.popleft()
            for letter, below in self._next[node].items():
                back = self._failing[node]
                while back and letter not in self._next[back]:
                    back = self._failing[back]
                self._failing[below] = self._next[back].get(letter, 0)
                shorter = self._ends[self._failing[below]]
                if self._ends[below] and self._ends[below][0] >= LONG:
                    shorter = tuple(length for length in shorter if length < LONG)
                self._ends[below] += shorter
                pending.append(below)
