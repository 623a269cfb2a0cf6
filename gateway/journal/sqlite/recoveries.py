"""What the journal recovered from stays written down when the log is gone.

`journal.recovered.jsonl` in the data folder has one line for each time, for people and the doctor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from gateway.timestamps import timestamp


@dataclass(frozen=True, slots=True)
class Recovery:
    """When something was found and what was done about it."""

    time: str
    what: str


def path(folder: Path) -> Path:
    """The file for the journal in `folder`."""
    return folder.with_name(f"{folder.name}.recovered.jsonl")


def note(folder: Path, now: float, what: str) -> None:
    """Add a line. `now` is in epoch seconds. Raises OSError."""
    with path(folder).open("ab") as file:
        file.write(orjson.dumps({"time": timestamp(now), "what": what}) + b"\n")


def noted(folder: Path) -> Iterator[Recovery]:
    """Every line that can be read, oldest first. Raises OSError."""
    try:
        lines = path(folder).read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield Recovery(**orjson.loads(line))
        except (ValueError, TypeError):
            continue
