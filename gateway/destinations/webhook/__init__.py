"""Any server that takes JSON: batches of clean messages, signed."""

from __future__ import annotations

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import (
    BodyFormat,
    Destination,
    DestinationType,
    Example,
    Opening,
    Probe,
    Service,
)
from gateway.destinations.webhook.settings import WebhookSettings


def _make(opening: Opening[WebhookSettings]) -> Destination:
    from gateway.destinations.webhook.client import WebhookDestination  # noqa: PLC0415 (loads HTTP)

    return WebhookDestination(opening.name, opening.settings, opening.outgoing)


async def _probe(settings: WebhookSettings, outgoing: Outgoing) -> Probe:
    from gateway.destinations.webhook.health import probe  # noqa: PLC0415 (loads an HTTP client)

    return await probe(settings, outgoing)


DESTINATION = DestinationType(
    name="webhook",
    settings=WebhookSettings,
    make=_make,
    probe=_probe,
    integration=(),
    body=BodyFormat.JSON,
    service=lambda settings: Service(lanes=settings.lanes, batch=settings.batch),
    deletion=None,
    secrets=frozenset(),
    example=Example({"secret": "whsec_MDEyMzQ1Njc4OWFi", "headers": {"X-Key": "k-0123"}}),
)
