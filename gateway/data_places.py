"""What a configuration says of the places where people's data is, and of who else has it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from gateway.config import Configuration
from gateway.delivery import QUARANTINE
from gateway.destinations import Deletion, registry
from gateway.retention import Part

_NO_API = "the gateway knows no deletion API of `{type}`: ask for the deletion there yourself"
_NO_SETTINGS = (
    "routing.yaml has no `deletion` for it: add that, or ask for the deletion there yourself"
)


def folders(configuration: Configuration) -> Mapping[str, FilePath]:
    """Where consumers write lines of events, by consumer."""
    data_dir = configuration.gateway.data_dir
    found = {
        name: data_dir / settings.folder
        for name, settings in configuration.routing.destinations.items()
        if settings.folder is not None
    }
    return {**found, QUARANTINE: data_dir / "quarantine"}


def retained(configuration: Configuration) -> Mapping[FilePath, Part]:
    """Where files of lines grow old."""
    data_dir = configuration.gateway.data_dir
    found: dict[FilePath, Part] = {data_dir / "audit": "audit"}
    for consumer, folder in folders(configuration).items():
        found[folder] = "quarantine" if consumer == QUARANTINE else "events"
    return found


def deletions(configuration: Configuration, mark: str) -> Mapping[str, Deletion | str]:
    """The deletion API of each destination outside the house, or why there is none."""
    outgoing = configuration.outgoing.marked(mark)
    found: dict[str, Deletion | str] = {}
    for name, settings in configuration.routing.destinations.items():
        if settings.folder is not None:
            continue
        made = registry.type_of(settings).deletion
        if made is None:
            found[name] = _NO_API.format(type=settings.type)
        else:
            found[name] = made(name, settings, outgoing) or _NO_SETTINGS
    return found
