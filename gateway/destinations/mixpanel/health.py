"""Mixpanel is asked to import nothing, which also tells whether the token may import."""

from __future__ import annotations

import base64
import re

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import Probe
from gateway.destinations.http_probe import asked, is_of
from gateway.destinations.mixpanel.settings import MixpanelSettings

_TOKEN = re.compile(r"[0-9a-f]{32}")


async def probe(settings: MixpanelSettings, outgoing: Outgoing) -> Probe:
    """Whether it answers and lets us import, and whether the token looks like one of its own."""
    host, account = settings.host, settings.service_account
    signer = f"{account.username}:{account.secret}" if account else f"{settings.token}:"
    query = f"?strict=1&project_id={account.project_id}" if account else "?strict=1"
    headers = {
        "Authorization": f"Basic {base64.b64encode(signer.encode()).decode()}",
        "Content-Type": "application/json",
    }
    answer = await asked("POST", f"{host}/import{query}", outgoing, headers, b"[]")
    if isinstance(answer, Probe):
        return answer
    if answer.status in (401, 403):
        return Probe(
            f"{host} refuses imports ({answer.status})",
            "compare token or service_account with Project Settings, and host with the region",
        )
    if is_of(host, "mixpanel.com") and not _TOKEN.fullmatch(settings.token):
        return Probe(f"{host} answers, but the token is not 32 hexadecimal digits", "copy it again")
    return Probe(f"{host} answers")
