"""Whatever reads the journal is made here: every destination, and the house's own readers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from gateway.clock import Clock
from gateway.config import Configuration
from gateway.config.model import Files
from gateway.config.outgoing import Outgoing
from gateway.config.routing import CloudSettings, MixpanelSettings, SegmentSettings
from gateway.config.routing import Destination as AnyDestination
from gateway.delivery import QUARANTINE, Feed, Sink, audit_feed, destination_feed, quarantine_feed
from gateway.destinations import Destination
from gateway.destinations.file import (
    FileDestination,
    audit_line,
    file_destination,
    same_event,
    segment_line,
)
from gateway.extensions.appsmith.consumer import LedgerSink, ledger_feed
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
    keys = {instance.id: instance.license_key for instance in gateway.appsmith.instances}
    return [
        _destination(name, settings, gateway.data_dir, keys, outgoing, clock=clock)
        for name, settings in configuration.routing.destinations.items()
    ]


def _destination(
    name: str,
    settings: AnyDestination,
    data_dir: FilePath,
    keys: Mapping[str, str],
    outgoing: Outgoing,
    *,
    clock: Clock | None,
) -> Destination:
    """The vendors' packages are loaded where they are used: they take 8 to 15 MiB."""
    match settings:
        case SegmentSettings():
            from gateway.destinations.segment import SegmentDestination  # noqa: PLC0415

            return SegmentDestination(name, settings, outgoing)
        case MixpanelSettings():
            from gateway.destinations.mixpanel import MixpanelDestination  # noqa: PLC0415

            return MixpanelDestination(name, settings, outgoing)
        case CloudSettings():
            from gateway.destinations.cloud import CloudDestination  # noqa: PLC0415

            return CloudDestination(name, settings, data_dir, keys, outgoing)
    return file_destination(name, settings, data_dir, clock)


def consumers_of(
    configuration: Configuration, pseudonymizer: Pseudonymizer, journal: Journal
) -> list[tuple[Feed[Any], Sink[Any]]]:
    """What reads the journal: every destination, and the house's own."""
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
    consumers.append((ledger_feed(journal), LedgerSink(data_dir)))
    return consumers


def _lines(folder: FilePath, files: Files, clock: Clock, same: Same = bytes.__eq__) -> LineFiles:
    return LineFiles(
        folder,
        rotate_bytes=files.rotate_bytes,
        keep_days=files.keep_days,
        clock=clock,
        same=same,
    )
