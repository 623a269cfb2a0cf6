"""Standard output, one clean message a line: for a look, and for collectors of container logs."""

from __future__ import annotations

from gateway.destinations.contract import (
    BodyFormat,
    Destination,
    DestinationType,
    Example,
    Opening,
    Service,
)
from gateway.destinations.stdout.health import probe
from gateway.destinations.stdout.settings import StdoutSettings


def _make(opening: Opening[StdoutSettings]) -> Destination:
    from gateway.destinations.stdout.client import StdoutDestination  # noqa: PLC0415 (when it is used)

    return StdoutDestination(opening.name)


DESTINATION = DestinationType(
    name="stdout",
    settings=StdoutSettings,
    make=_make,
    probe=probe,
    integration=(),
    body=BodyFormat.JSON_LINES,
    service=lambda _: Service(gives_up=False),
    deletion=None,
    secrets=frozenset(),
    example=Example({}),
)
