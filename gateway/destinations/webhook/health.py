"""A webhook is asked with a GET, which no server takes for an event."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import Probe
from gateway.destinations.http_probe import asked
from gateway.destinations.webhook.settings import WebhookSettings


async def probe(settings: WebhookSettings, outgoing: Outgoing) -> Probe:
    """Whether it answers; what it answers to a GET says nothing of a POST."""
    answer = await asked("GET", settings.url, outgoing, settings.headers)
    if isinstance(answer, Probe):
        return answer
    parts = urlsplit(settings.url)
    return Probe(f"{parts.scheme}://{parts.netloc} answers")
