"""Encrypts a journal in tiny pieces until killed; prints a line after each that was committed.

`python -m tests.journal.sqlite.converting FOLDER KEY`
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from gateway.encryption import Key, Keyring
from gateway.journal.sqlite import SqliteJournal, conversion
from tests.journal.building import NO_LIMIT


async def main(folder: Path, key: bytes) -> None:
    conversion.PIECE_BYTES = 1
    work = conversion.Conversion.work

    def told(self: conversion.Conversion) -> None:
        work(self)
        os.write(1, b"a piece\n")

    conversion.Conversion.work = told  # type: ignore[method-assign]
    journal = SqliteJournal.open(folder, NO_LIMIT, ring=Keyring(Key.of(key)))
    while len(journal.encryption_keys) > 1:  # noqa: ASYNC110 (another thread works)
        await asyncio.sleep(0.01)
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), bytes.fromhex(sys.argv[2])))
