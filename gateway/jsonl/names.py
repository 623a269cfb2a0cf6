"""Names of files of JSON lines sort as the files follow each other, whatever the clock did."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)-(\d{4,})\.jsonl")
_ASIDE = re.compile(r"\.set-aside-\d+(?=\.jsonl\Z)")
_WIDTH = 6


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """The name of a file: its day, and a number that grows through all days.

    Version 0.1.0 began with 0001 each day; its files come before all others.
    """

    counts_through: bool
    day_of_old: str = field(repr=False)
    number: int
    day: str = field(compare=False)

    @classmethod
    def of(cls, day: str, number: int) -> Self:
        return cls(counts_through=True, day_of_old="", number=number, day=day)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        if len(match[2]) >= _WIDTH:
            return cls.of(match[1], int(match[2]))
        return cls(counts_through=False, day_of_old=match[1], number=int(match[2]), day=match[1])

    def __str__(self) -> str:
        width = _WIDTH if self.counts_through else 4
        return f"{self.day}-{self.number:0{width}}.jsonl"


def day_of(text: str) -> str | None:
    """The day of a file of lines, one that was set aside as well; None where it is neither."""
    name = Name.parse(_ASIDE.sub("", text))
    return name.day if name else None


def set_aside_name(folder: Path, name: Name) -> Path:
    """A file that is not there yet, for lines of `name` that the journal does not know."""
    stem = str(name).removesuffix(".jsonl")
    number = 1
    while (file := folder / f"{stem}.set-aside-{number}.jsonl").exists():
        number += 1
    return file
