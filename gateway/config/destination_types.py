"""Types of destinations are found by their entry points; the gateway's own come the same way.

A package declares `NAME = "module:DESTINATION"` in the group `gateway.destinations`; what stands
there is a `gateway.destinations.DestinationType`. It is loaded when a configuration names it, so a
package that is broken stops nobody who does not use it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from gateway import plugins
from gateway.plugins import PluginError

_PARTS = ("name", "settings", "make", "probe", "integration", "body", "service")


def names() -> list[str]:
    """Every type that a configuration may name, the gateway's own first."""
    return [*plugins.entries(plugins.DESTINATIONS)]


@cache
def declared(name: str) -> Any:
    """The declaration of a type. Raises KeyError or PluginError."""
    entry = plugins.entry(plugins.DESTINATIONS, name)
    found: Any = plugins.load(entry)
    if missing := [part for part in _PARTS if not hasattr(found, part)]:
        raise PluginError(
            f"{entry.value} of {plugins.package(entry)} declares no destination: it has no"
            f" {', '.join(missing)}; install a version of it that fits this gateway, or"
            " uninstall it"
        )
    if found.name != name:
        who = plugins.package(entry)
        raise PluginError(f"{who} registers `{found.name}` as `{name}`; correct its entry point")
    return found
