"""How far the journal had come is written beside it, so that one put in its place is recognised.

`journal.mark` in the data folder has the id of the journal and its last sequences. It is written
about once a second, after the commit it speaks of: a journal that holds less than its mark says is
an older copy, has lost its WAL, was emptied, or is another installation's.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson

_MOST_FORMER = 32
Kind = Literal["older", "emptied", "foreign"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What the journal held, at least."""

    generation: str
    events: int  # the last sequence of each stream
    audit: int
    time: float  # epoch seconds that had surely come; see `gateway.clock`
    former: tuple[str, ...] = ()
    """Ids that this journal had before: a copy of it that still has one is an older copy."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A journal that is not the one that the mark speaks of."""

    kind: Kind
    events: int
    """The last sequence that the journal holds."""
    marked: int
    """The last sequence that it held once, at least."""

    @property
    def sentence(self) -> str:
        """What was found, for a person."""
        if self.kind == "emptied":
            return f"the journal is empty, and {self.marked:,} events had been accepted into it"
        if self.kind == "foreign":
            return (
                f"the journal is another installation's: it holds events up to {self.events:,}, "
                f"and this one's had come to {self.marked:,}"
            )
        return (
            f"the journal is an older copy: it ends at event {self.events:,}, "
            f"and {self.marked:,} had been accepted"
        )


def path(folder: Path) -> Path:
    """The mark of the journal in `folder`: beside it, so that it is not replaced with it."""
    return folder.with_name(f"{folder.name}.mark")


def read(file: Path) -> Mark | None:
    """The mark; None where there is none that can be read. Raises OSError."""
    try:
        found = orjson.loads(file.read_bytes())
        return Mark(**{**found, "former": tuple(found.get("former", ()))})
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None


def write(file: Path, mark: Mark) -> None:
    """Replace the mark, whole or not at all. Raises OSError."""
    new = file.with_name(f"{file.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(orjson.dumps(asdict(mark)))
    new.replace(file)


def former(mark: Mark | None) -> tuple[str, ...]:
    """The ids that a journal has had when it gets a new one."""
    return (mark.generation, *mark.former)[:_MOST_FORMER] if mark else ()


def mismatch(mark: Mark | None, generation: str | None, events: int, audit: int) -> Mismatch | None:
    """What is wrong with a journal of this generation and these heads; None: it is the marked one.

    `generation` is None for a journal that version 0.1.0 wrote, or that has no tables yet.
    """
    if mark is None or not (mark.events or mark.audit):
        return None
    if not (events or audit):
        return Mismatch("emptied", 0, mark.events)
    if generation is not None and generation not in (mark.generation, *mark.former):
        return Mismatch("foreign", events, mark.events)
    if events < mark.events or audit < mark.audit:
        return Mismatch("older", events, mark.events)
    return None
