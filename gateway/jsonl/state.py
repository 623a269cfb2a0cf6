"""How far the files of a folder go: what the journal keeps of them with its cursor."""

from __future__ import annotations

from typing import NamedTuple, Self

from gateway.jsonl.names import Name


class State(NamedTuple):
    """A file, its length, and the last hash in it where its lines are chained."""

    name: Name
    length: int
    head: str | None = None

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """None where it is no state; version 0.1.0 wrote one without a hash."""
        file, _, rest = (text or "").partition(":")
        length, colon, head = rest.partition(":")
        name = Name.parse(file)
        if name is None or not length.isdecimal():
            return None
        return cls(name, int(length), head if colon else None)

    def __str__(self) -> str:
        hashed = "" if self.head is None else f":{self.head}"
        return f"{self.name}:{self.length}{hashed}"
