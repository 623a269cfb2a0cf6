"""Appsmith's cloud services, to which usage pulses are reported."""

from __future__ import annotations

from gateway.destinations import (
    BodyFormat,
    Destination,
    DestinationType,
    Example,
    Opening,
    Service,
)
from gateway.extensions.appsmith.cloud.health import probe
from gateway.extensions.appsmith.cloud.settings import CloudSettings
from gateway.extensions.appsmith.events import instance_of
from gateway.extensions.appsmith.settings import appsmith

_INSTANCES_AT_ONCE = 8
"""Lanes: one licence that is refused holds up no instance in another lane."""


def _make(opening: Opening[CloudSettings]) -> Destination:
    from gateway.extensions.appsmith.cloud.client import CloudDestination  # noqa: PLC0415 (when it is used)

    keys = {one.id: one.license_key for one in appsmith(opening.gateway).instances}
    return CloudDestination(
        opening.name, opening.settings, opening.data_dir, keys, opening.outgoing
    )


def _service(settings: CloudSettings) -> Service:
    return Service(
        lanes=_INSTANCES_AT_ONCE,
        pieces=200,
        interval=settings.interval,
        gives_up=False,
        user=instance_of,
    )


DESTINATION = DestinationType(
    name="cloud",
    settings=CloudSettings,
    make=_make,
    probe=probe,
    integration=(),
    body=BodyFormat.JSON,
    service=_service,
    deletion=None,
    secrets=frozenset(),
    example=Example({"license_key": "SYNTH-LICENSE-0000"}, '{"responseMeta": {"success": true}}'),
)
