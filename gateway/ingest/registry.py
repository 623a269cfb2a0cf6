"""The protocols that come in: whatever folder here declares an `INGEST`.

A protocol is in the registry by having a folder, so that nothing else must name it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from gateway import ingest
from gateway.ingest.protocol import ProtocolIngest


def _declared() -> Iterator[ProtocolIngest]:
    for folder in pkgutil.iter_modules(ingest.__path__, f"{ingest.__name__}."):
        if folder.ispkg:
            declared = importlib.import_module(folder.name).INGEST
            if not isinstance(declared, ProtocolIngest):
                raise TypeError(f"{folder.name}.INGEST must be a ProtocolIngest")
            yield declared


INGESTS = tuple(sorted(_declared(), key=lambda declared: declared.takes_the_rest))
"""In the order in which they are asked."""
