"""Makes everything that reads the journal: every destination, and the gateway's own readers."""

from __future__ import annotations

from functools import partial
from typing import Any

from gateway import quarantine
from gateway.clock import Clock
from gateway.config import Configuration
from gateway.delivery import QUARANTINE, Feed, Sink, audit_feed, destination_feed, quarantine_feed
from gateway.destinations import Destination, Opening, registry
from gateway.destinations.jsonl.client import FileDestination, audit_line
from gateway.encryption import Keyring
from gateway.journal import Journal
from gateway.jsonl.chain import Chain
from gateway.jsonl.files import LineFiles
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
    configuration: Configuration,
    pseudonymizer: Pseudonymizer,
    journal: Journal,
    ring: Keyring | None = None,
) -> list[tuple[Feed[Any], Sink[Any]]]:
    """What reads the journal: every destination, and the gateway's own.

    `ring`: what quarantined events are encrypted with.
    """
    data_dir, files = configuration.gateway.data_dir, configuration.gateway.files
    consumers: list[tuple[Feed[Any], Sink[Any]]] = []
    for destination in destinations_of(configuration, pseudonymizer.mark, journal.clock):
        localise = pseudonymizer.domain(destination.name).localise
        consumers.append((destination_feed(journal, destination.name, localise), destination))
    audited = LineFiles(
        data_dir / "audit",
        rotate_bytes=files.rotate_bytes,
        keep_days=files.keep_days,
        clock=journal.clock,
        chain=Chain(),
    )
    consumers.append((audit_feed(journal), FileDestination("audit", audited, audit_line)))
    quarantined = LineFiles(
        data_dir / "quarantine",
        rotate_bytes=files.rotate_bytes,
        keep_days=files.keep_days,
        clock=journal.clock,
        same=quarantine.same_line(ring),
        may_grow=partial(quarantine.is_under_today, ring),
    )
    aside = FileDestination("quarantine", quarantined, partial(quarantine.line_of, ring))
    localise = pseudonymizer.domain(QUARANTINE).localise
    consumers.append((quarantine_feed(journal, localise), aside))
    return consumers
