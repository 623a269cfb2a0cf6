"""Segment is asked with a GET: it has no call that tells whether a write key is good."""

from __future__ import annotations

import re

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import Probe
from gateway.destinations.http_probe import asked, is_of
from gateway.destinations.segment.settings import SegmentSettings

_KEY = re.compile(r"[A-Za-z0-9]{32}")


async def probe(settings: SegmentSettings, outgoing: Outgoing) -> Probe:
    """Whether it answers, and whether the write key looks like one of its own."""
    host = settings.host
    answer = await asked("GET", f"{host}/", outgoing)
    if isinstance(answer, Probe):
        return answer
    if is_of(host, "segment.io", "segment.com") and not _KEY.fullmatch(settings.write_key):
        return Probe(
            f"{host} answers, but the write key is not 32 letters and digits", "copy it again"
        )
    return Probe(f"{host} answers")
