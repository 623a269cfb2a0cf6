"""What packages bring is found by their entry points; the gateway's own parts come the same way.

One that cannot be used stops the command with the name of its package: nothing is left out quietly.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from gateway.errors import GatewayError

EXTENSIONS = "gateway.extensions"
"""The group of entry points that lead to extensions."""

_OURS = "telemetry-gateway"
_CLONE = Path(__file__).parent.parent / "pyproject.toml"


class PluginError(GatewayError):
    """A part that cannot be loaded; the text names the package and the remedy."""


@cache
def entries(group: str) -> Mapping[str, EntryPoint]:
    """Every entry point of a group by its name, the gateway's own first. Raises PluginError."""
    found: dict[str, EntryPoint] = {}
    for entry in (*_own(group), *_of_others(group)):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            packages = " and ".join(sorted({package(other), package(entry)}))
            raise PluginError(f"{packages} both bring `{entry.name}`; uninstall one of them")
    return found


def load(entry: EntryPoint) -> object:
    """What an entry point leads to. Raises PluginError."""
    try:
        return entry.load()
    except Exception as error:
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise PluginError(
            f"{package(entry)} cannot be loaded from {entry.value} ({why});"
            " install a version of it that fits this gateway, or uninstall it"
        ) from error


def package(entry: EntryPoint) -> str:
    """Who brings it."""
    return entry.dist.name if entry.dist else _OURS


def _own(group: str) -> Iterator[EntryPoint]:
    """As the package's metadata has them; in a clone they may be older than the clone itself."""
    project = tomllib.loads(_CLONE.read_text("utf-8"))["project"] if _CLONE.is_file() else {}
    if project.get("name") == _OURS:
        for name, value in project["entry-points"].get(group, {}).items():
            yield EntryPoint(name, value, group)
    else:
        yield from (entry for entry in entry_points(group=group) if package(entry) == _OURS)


def _of_others(group: str) -> list[EntryPoint]:
    others = (entry for entry in entry_points(group=group) if package(entry) != _OURS)
    return sorted(others, key=lambda entry: entry.name)
