"""A Mixpanel project."""

from __future__ import annotations

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import (
    BodyFormat,
    Deletion,
    Destination,
    DestinationType,
    Example,
    Opening,
    Probe,
    Service,
)
from gateway.destinations.mixpanel.settings import MixpanelSettings

_BATCH = 400


def _make(opening: Opening[MixpanelSettings]) -> Destination:
    from gateway.destinations.mixpanel.client import MixpanelDestination  # noqa: PLC0415 (15 MiB)

    return MixpanelDestination(opening.name, opening.settings, opening.outgoing)


async def _probe(settings: MixpanelSettings, outgoing: Outgoing) -> Probe:
    from gateway.destinations.mixpanel.health import probe  # noqa: PLC0415 (loads an HTTP client)

    return await probe(settings, outgoing)


def _deletion(name: str, settings: MixpanelSettings, outgoing: Outgoing) -> Deletion | None:
    from gateway.destinations.mixpanel.deletion import DeletionTasks  # noqa: PLC0415 (loads an HTTP client)

    if settings.deletion is None:
        return None
    return DeletionTasks(name, settings, settings.deletion, outgoing)


DESTINATION = DestinationType(
    name="mixpanel",
    settings=MixpanelSettings,
    make=_make,
    probe=_probe,
    deletion=_deletion,
    integration=(
        "Mixpanel (Actions)",
        "Actions Mixpanel",
        "Mixpanel Actions",
        "actions-mixpanel",
        "Mixpanel",
        "Mixpanel (Legacy)",
        "MP",
    ),
    body=BodyFormat.FORM_JSON,
    service=lambda settings: Service(lanes=settings.lanes, batch=_BATCH),
    secrets=frozenset({"token", "$token", "api_key"}),
    example=Example({"token": "project-token"}, '{"error": null, "status": 1}'),
)
