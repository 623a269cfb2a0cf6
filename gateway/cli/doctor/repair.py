"""`gateway doctor --repair` is how a person tells the gateway to go on with a damaged journal.

It copies the journal before it changes anything, and works only while no gateway runs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from gateway.cli.output import write_json
from gateway.cli.own_consumers import own_consumers
from gateway.config import load
from gateway.errors import GatewayError
from gateway.journal.block import Stream
from gateway.journal.sqlite.repair import repair
from gateway.process.data_dir_lock import claimed


class RepairError(GatewayError):
    """Nothing could be repaired, and nothing was changed."""


def run(file: Path, environment: Mapping[str, str], *, as_json: bool, out: TextIO) -> int:
    """Repair the journal and say what was done; 0. Raises GatewayError."""
    configuration = load(file, environment)
    data_dir = configuration.gateway.data_dir
    consumers: dict[str, Stream] = dict.fromkeys(configuration.routing.destinations, "events")
    consumers |= own_consumers()
    ring = configuration.keyring(environment)
    with claimed(data_dir):
        try:
            done = repair(data_dir / "journal", consumers, time.time(), ring)
        except OSError as error:
            raise RepairError(f"{error.filename or data_dir}: {error.strerror}") from None
    if as_json:
        copy = str(done.copy) if done.copy else None
        write_json({"copy": copy, "done": done.sentences}, out)
        return 0
    if not done.sentences:
        print("The journal is whole; nothing was changed.", file=out)
    for sentence in done.sentences:
        print(f"{sentence[:1].upper()}{sentence[1:]}.", file=out)
    if done.copy:
        print(f"What was there before is in {done.copy}.", file=out)
    return 0
