"""Sections of gateway.yaml that extensions bring, as typed and as strictly read as its own.

A section of an extension that is not installed is a mistake like any unknown setting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint
from typing import Any, TypeVar

from pydantic import create_model

from gateway import plugins
from gateway.config.model import GatewaySettings
from gateway.config.values import Settings
from gateway.event import EventPlace, JsonPath, TelemetryClass

SettingsT = TypeVar("SettingsT", bound=Settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What an extension adds to gateway.yaml."""

    name: str
    """The key that it stands under."""
    model: type[Settings]
    """Its settings, each with a default, so that the section may be left out."""
    sources: Callable[[GatewaySettings], Iterable[str]] = lambda _: ()
    """The names of the sources that its own events belong to; routes and rules may name them."""
    upstreams: Callable[[GatewaySettings], Mapping[JsonPath, str]] = lambda _: {}
    """The addresses that it sends to, by their settings; none may lead back to this gateway."""
    switch_variables: tuple[str, ...] = ()
    """Variables of the environment that switch optional events off, or on."""
    classes: Mapping[EventPlace, TelemetryClass] = field(default_factory=dict, hash=False)
    """The class of events that it makes or must always carry, whatever schemas say of them."""


def sections() -> tuple[Section, ...]:
    """Of all extensions that are installed. Raises PluginError."""
    names = plugins.entries(plugins.EXTENSIONS)
    return _sections(tuple(plugins.entry(plugins.EXTENSIONS, name) for name in names))


def settings_model() -> type[GatewaySettings]:
    """gateway.yaml with the sections of extensions. Raises PluginError."""
    return _model(sections())


def settings_of(gateway: GatewaySettings, name: str, model: type[SettingsT]) -> SettingsT:
    """The settings of a section."""
    found = getattr(gateway, name, None)
    return found if isinstance(found, model) else model()


@cache
def _sections(entries: tuple[EntryPoint, ...]) -> tuple[Section, ...]:
    """All that is known here of a declaration is `section` of `gateway.extensions.spec`."""
    found: list[Section] = []
    for entry in entries:
        section = getattr(plugins.load(entry), "section", None)
        if section is None:
            continue
        made: Section = section()
        if made.name in {*GatewaySettings.model_fields, *(one.name for one in found)}:
            raise plugins.PluginError(
                f"{plugins.package(entry)} brings the section `{made.name}`, which exists already;"
                " uninstall it"
            )
        found.append(made)
    return tuple(found)


@cache
def _model(brought: tuple[Section, ...]) -> type[GatewaySettings]:
    fields: dict[str, Any] = {each.name: (each.model, each.model()) for each in brought}
    if not fields:
        return GatewaySettings
    return create_model(
        GatewaySettings.__name__, __base__=GatewaySettings, __doc__=GatewaySettings.__doc__,
        **fields,
    )  # fmt: skip
