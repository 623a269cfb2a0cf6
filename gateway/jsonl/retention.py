"""Old files go whole, and that they went is written down before: nobody else removed them.

`removed.log` stands beside the files of a chain, a JSON line for each file that was deleted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import orjson

from gateway.jsonl import history
from gateway.jsonl.chain import taken_apart

FILE = "removed.log"
_LAST_LINE = 4 * 1024 * 1024
"""Bytes at the end of a file that hold its last line."""


def delete(files: Iterable[Path], time: str) -> None:
    """Delete files of one folder. `time`: now, as a timestamp. Raises OSError."""
    for file in files:
        gone = {"time": time, "file": file.name, "hash": last_hash(file, file.stat().st_size)}
        history.append(file.parent / FILE, [orjson.dumps(gone)])
        file.unlink()


def removed(folder: Path) -> dict[str, str]:
    """The last hash of each file that was deleted, by its name. Raises OSError."""
    found: dict[str, str] = {}
    for line in history.read(folder / FILE):
        try:
            gone = orjson.loads(line)
            found[gone["file"]] = gone["hash"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
    return found


def last_hash(file: Path, length: int) -> str:
    """Of the last whole line within the first `length` bytes; empty where it has none."""
    try:
        with file.open("rb") as lines:
            end = min(length, lines.seek(0, os.SEEK_END))
            lines.seek(max(0, end - _LAST_LINE))
            whole = lines.read(min(end, _LAST_LINE)).rpartition(b"\n")[0]
    except FileNotFoundError:
        return ""
    return taken_apart(whole.rpartition(b"\n")[2]).hash or ""
