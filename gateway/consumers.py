"""Makes everything that reads the journal: every destination, and the gateway's own readers."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any

from gateway.clock import Clock
from gateway.config import Configuration
from gateway.config.model import Files
from gateway.delivery import QUARANTINE, Feed, Sink, audit_feed, destination_feed, quarantine_feed
from gateway.destinations import Destination, Opening, registry
from gateway.destinations.jsonl.client import FileDestination, audit_line
from gateway.destinations.jsonl.mapping import same_event, segment_line
from gateway.journal import Journal
from gateway.jsonl.files import LineFiles
from gateway.jsonl.surplus import Same
from gateway.privacy import Pseudonymizer


def destinations_of(
    configuration: Configuration, mark: str, clock: Clock | None = None
) -> list[Destination]:
    """Every destination of routing.yaml, not yet open.

    `mark` is on what they send, and `clock` dates what they write to files.
    """
    gateway, outgoing = configuration.gateway, configuration.outgoing.marked(mark)
    dated = clock or Clock()
    return [
        registry.made(Opening(name, settings, outgoing, gateway.data_dir, dated, gateway))
        for name, settings in configuration.routing.destinations.items()
    ]


def consumers_of(
    configuration: Configuration, pseudonymizer: Pseudonymizer, journal: Journal
) -> list[tuple[Feed[Any], Sink[Any]]]:
    """What reads the journal: every destination, and the gateway's own."""
    data_dir, files = configuration.gateway.data_dir, configuration.gateway.files
    consumers: list[tuple[Feed[Any], Sink[Any]]] = []
    for destination in destinations_of(configuration, pseudonymizer.mark, journal.clock):
        localise = pseudonymizer.domain(destination.name).localise
        consumers.append((destination_feed(journal, destination.name, localise), destination))
    audit_files = FileDestination(
        "audit", _lines(data_dir / "audit", files, journal.clock), audit_line
    )
    consumers.append((audit_feed(journal), audit_files))
    quarantined = _lines(data_dir / "quarantine", files, journal.clock, same_event)
    aside = FileDestination("quarantine", quarantined, segment_line)
    localise = pseudonymizer.domain(QUARANTINE).localise
    consumers.append((quarantine_feed(journal, localise), aside))
    return consumers


def _lines(folder: FilePath, files: Files, clock: Clock, same: Same = bytes.__eq__) -> LineFiles:
    return LineFiles(
        folder,
        rotate_bytes=files.rotate_bytes,
        keep_days=files.keep_days,
        clock=clock,
        same=same,
    )
