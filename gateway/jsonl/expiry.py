"""Old files of lines are deleted whole: by name, by last change, and by a certain clock."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from gateway.jsonl.names import day_of
from gateway.jsonl.retention import delete


def expire(folder: Path, before: float, chained_at: str | None = None) -> list[str]:
    """Delete the files whose every line was written before this time; their names.

    `before` comes from a clock that is certain. `chained_at`: the time, where lines are chained,
    so that it is written down what went. Blocks. Raises OSError.
    """
    day = datetime.fromtimestamp(max(before, 0.0), UTC).date().isoformat()
    gone: list[str] = []
    for path in sorted(folder.glob("*.jsonl*" if chained_at is None else "*.jsonl")):
        written_on = day_of(path.name.removesuffix(".gz"))
        with suppress(FileNotFoundError):
            if written_on and written_on < day and path.stat().st_mtime < before:
                if chained_at is None:
                    path.unlink()
                else:
                    delete([path], chained_at)
                gone.append(path.name)
    return gone
