"""Which gateway.yaml a command reads: the named one, that of this folder, or the packaged one."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TextIO

from gateway import defaults

USUAL = FilePath("config/gateway.yaml")
READS_NONE = frozenset({"init", "certificate"})
"""Commands that look at no configuration."""


def chosen(named: FilePath | None, out: TextIO) -> FilePath:
    """A folder with a config/ of its own never runs on anything else."""
    if named is not None:
        return named
    if USUAL.parent.exists():
        return USUAL
    packaged = defaults.folder("config") / USUAL.name
    print(
        f"gateway: no {USUAL} here, so {packaged} holds; `gateway init` writes your own", file=out
    )
    return packaged
