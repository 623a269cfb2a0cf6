"""What earlier starts recovered from, as the data folder still shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.cli.doctor.finding import Finding
from gateway.config import Configuration
from gateway.journal.sqlite import recoveries

_SHOWN = 3


def findings(configuration: Configuration) -> Iterator[Finding]:
    """The last recoveries of the journal, and the files that were set aside."""
    data_dir = configuration.gateway.data_dir
    try:
        noted = list(recoveries.noted(data_dir / "journal"))
    except OSError:
        noted = []
    for recovery in noted[-_SHOWN:]:
        yield Finding(
            "recovery", "warning", f"at {recovery.time}: {recovery.what}",
            "docs/recovery.md says what that means; delete "
            f"{recoveries.path(data_dir / 'journal')} when you have dealt with it",
        )  # fmt: skip
    for folder in _folders(configuration):
        count = sum(1 for _ in folder.glob("*.set-aside-*.jsonl"))
        if count:
            yield Finding(
                "recovery", "warning",
                f"{count} set-aside files in {folder} hold lines that the journal does not know",
                "they are ordinary JSON lines: keep, move or delete them",
            )  # fmt: skip


def _folders(configuration: Configuration) -> Iterator[Path]:
    data_dir = configuration.gateway.data_dir
    yield data_dir / "audit"
    yield data_dir / "quarantine"
    for settings in configuration.routing.destinations.values():
        if settings.folder is not None:
            yield data_dir / settings.folder
