"""A request that this gateway sent, or that carries an event it sent, ends where it comes back.

The answer makes a delivery wait and kills no event: whoever runs the gateway corrects a host or a
proxy, and what waited goes on to where it was meant to go.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal

import structlog

from gateway.config.outgoing import hops_in
from gateway.event import Protocol

SENTENCE = "this gateway sent this request itself; correct the destination's host, or its proxy"

_LOG_SECONDS = 60.0

log = structlog.get_logger(__name__)
_logged_at = -_LOG_SECONDS


def is_own(headers: Mapping[str, str], mark: str) -> bool:
    return mark in hops_in(headers)


def warn(protocol: Protocol | Literal["http"]) -> None:
    """At most once a minute: a loop may be fast."""
    global _logged_at  # noqa: PLW0603 (one log for the process)
    if time.monotonic() - _logged_at > _LOG_SECONDS:
        _logged_at = time.monotonic()
        log.error(
            "a destination loops back to this gateway, so its events wait; correct its host or its "
            "proxy",
            protocol=protocol,
        )
