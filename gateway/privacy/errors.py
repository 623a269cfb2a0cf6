"""Why an event cannot be made clean. No exception here quotes the event."""

from __future__ import annotations

from gateway.errors import GatewayError


class ScrubError(GatewayError):
    """An event that cannot be scrubbed. The message never quotes it."""


class TooDeepError(ScrubError):
    """Nested deeper than the walk goes; `limits.nesting` keeps events from it."""
