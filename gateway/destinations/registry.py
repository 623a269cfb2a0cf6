"""Every type of destination there is, as its package declares it; nothing else lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.config import destination_types
from gateway.config.routing import Common
from gateway.destinations.contract import Destination, DestinationType, Opening
from gateway.errors import GatewayError, fault


def type_of(settings: Common) -> DestinationType[Any]:
    """The type of a destination of a configuration, which is loaded by then."""
    return declared(settings.type)


def declared(name: str) -> DestinationType[Any]:
    """Raises KeyError or PluginError."""
    found: DestinationType[Any] = destination_types.declared(name)
    return found


def types() -> Iterator[DestinationType[Any]]:
    """All of them. Raises PluginError."""
    return (declared(name) for name in destination_types.names())


def made(opening: Opening[Any]) -> Destination:
    """A destination of a configuration, not yet open. Raises GatewayError."""
    kind = type_of(opening.settings)
    try:
        return kind.make(opening)
    except Exception as error:
        raise GatewayError(
            f"`{opening.name}` cannot be made ({fault(error)}); update the package that brings"
            f" `{kind.name}`"
        ) from error
