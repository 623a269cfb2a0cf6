"""Types of destinations are found by their entry points; the gateway's own come the same way.

A package declares `NAME = "module:DESTINATION"` in the group `gateway.destinations`; what stands
there is a `gateway.destinations.DestinationType`. It is loaded when a configuration names it, so a
package that is broken stops nobody who does not use it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from gateway.errors import GatewayError

GROUP = "gateway.destinations"
_OURS = "telemetry-gateway"
_CLONE = Path(__file__).parent.parent.parent / "pyproject.toml"
_PARTS = ("name", "settings", "make", "probe", "integration", "body", "service")


class UnusableTypeError(GatewayError):
    """A type of destinations that cannot be loaded; the text names the package and the cure."""


def names() -> list[str]:
    """Every type that a configuration may name, the gateway's own first."""
    return [*_entries()]


@cache
def declared(name: str) -> Any:
    """The declaration of a type. Raises KeyError or UnusableTypeError."""
    first, *others = _entries()[name]
    if others:
        packages = " and ".join(sorted(_package(one) for one in (first, *others)))
        raise UnusableTypeError(f"{packages} both bring `{name}`; uninstall one of them")
    try:
        found = first.load()
    except Exception as error:
        raise UnusableTypeError(
            f"{_package(first)} cannot be loaded from {first.value} ({_line(error)});"
            " install a version of it that fits this gateway, or uninstall it"
        ) from error
    if missing := [part for part in _PARTS if not hasattr(found, part)]:
        raise UnusableTypeError(
            f"{first.value} of {_package(first)} declares no destination: it has no"
            f" {', '.join(missing)}; install a version of it that fits this gateway, or"
            " uninstall it"
        )
    if found.name != name:
        raise UnusableTypeError(
            f"{_package(first)} registers `{found.name}` as `{name}`; correct its entry point"
        )
    return found


@cache
def _entries() -> Mapping[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in (*_own(), *_of_others()):
        if entry not in found.get(entry.name, ()):
            found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def _own() -> Iterator[EntryPoint]:
    """As the package's metadata has them; in a clone they may be older than the clone itself."""
    file = tomllib.loads(_CLONE.read_text("utf-8")) if _CLONE.is_file() else {}
    project = file.get("project", {})
    if project.get("name") == _OURS:
        for name, value in project["entry-points"][GROUP].items():
            yield EntryPoint(name, value, GROUP)
    else:
        yield from (entry for entry in entry_points(group=GROUP) if _package(entry) == _OURS)


def _of_others() -> list[EntryPoint]:
    others = (entry for entry in entry_points(group=GROUP) if _package(entry) != _OURS)
    return sorted(others, key=lambda entry: entry.name)


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else _OURS
