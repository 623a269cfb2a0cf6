"""What packages bring is found by their entry points; the gateway's own parts come the same way.

One that cannot be used is an error with the name of its package where it is asked for: nothing is
left out quietly.
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
DESTINATIONS = "gateway.destinations"
"""The group of those that lead to types of destinations."""

_OURS = "telemetry-gateway"
_CLONE = Path(__file__).parent.parent / "pyproject.toml"


class PluginError(GatewayError):
    """A part that cannot be loaded; the text names the package and the remedy."""


@cache
def entries(group: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """The entry points of a group by their names, the gateway's own first."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in (*_own(group), *_of_others(group)):
        if entry not in found.get(entry.name, ()):
            found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def entry(group: str, name: str) -> EntryPoint:
    """The one of this name. Raises KeyError or PluginError."""
    first, *others = entries(group)[name]
    if others:
        packages = " and ".join(sorted(package(one) for one in (first, *others)))
        raise PluginError(f"{packages} both bring `{name}`; uninstall one of them")
    return first


def load(found: EntryPoint) -> object:
    """What an entry point leads to. Raises PluginError."""
    try:
        return found.load()
    except Exception as error:
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise PluginError(
            f"{package(found)} cannot be loaded from {found.value} ({why});"
            " install a version of it that fits this gateway, or uninstall it"
        ) from error


def package(found: EntryPoint) -> str:
    """Who brings it."""
    return found.dist.name if found.dist else _OURS


def _own(group: str) -> Iterator[EntryPoint]:
    """As the package's metadata has them; in a clone they may be older than the clone itself."""
    file = tomllib.loads(_CLONE.read_text("utf-8")) if _CLONE.is_file() else {}
    project = file.get("project", {})
    if project.get("name") == _OURS:
        for name, value in project["entry-points"].get(group, {}).items():
            yield EntryPoint(name, value, group)
    else:
        yield from (one for one in entry_points(group=group) if package(one) == _OURS)


def _of_others(group: str) -> list[EntryPoint]:
    others = (one for one in entry_points(group=group) if package(one) != _OURS)
    return sorted(others, key=lambda one: one.name)
