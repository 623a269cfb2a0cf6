"""The declaration of an extension: what it is called, and where each part that it brings is.

It is loaded by every command, `gateway --help` too, so its heavy parts are loaded when first asked
for: the section of gateway.yaml with the configuration, and the hooks with what uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.config.sections import Section
    from gateway.extensions.hooks import Hooks


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the command line."""

    name: str
    """What a person types behind `gateway`."""
    help: str
    """What it does, as `gateway --help` lists it."""
    module: str
    """Where it is: a module with `EXAMPLE`, `options` and `run`; see `gateway.cli.registry`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """All that an extension brings. What it has not is left out."""

    name: str
    """The name of its entry point in the group `gateway.extensions`."""
    section: Callable[[], Section] | None = None
    """Its settings in gateway.yaml."""
    commands: tuple[Command, ...] = ()
    """Its commands."""
    hooks: Callable[[], Hooks] | None = None
    """Its part in the running gateway, and in the commands that look at one."""
