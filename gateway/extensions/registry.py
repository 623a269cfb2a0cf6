"""The extensions that are installed, and what they bring; whoever uses a hook asks here."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from gateway import plugins
from gateway.extensions.spec import Command, Extension

if TYPE_CHECKING:
    from gateway.extensions.hooks import Hooks


def extensions() -> tuple[Extension, ...]:
    """All of them, the gateway's own first. Raises PluginError."""
    names = plugins.entries(plugins.EXTENSIONS)
    return tuple(_declared(name, plugins.entry(plugins.EXTENSIONS, name)) for name in names)


def hooks() -> tuple[Hooks, ...]:
    """Where they take part. Raises PluginError."""
    return tuple(each.hooks() for each in extensions() if each.hooks)


def commands() -> tuple[Command, ...]:
    """Raises PluginError."""
    return tuple(command for each in extensions() for command in each.commands)


@cache
def _declared(name: str, entry: EntryPoint) -> Extension:
    found = plugins.load(entry)
    if not isinstance(found, Extension) or found.name != name:
        raise plugins.PluginError(
            f"{entry.value} of {plugins.package(entry)} declares no extension `{name}`;"
            " install a version of it that fits this gateway, or uninstall it"
        )
    return found
