"""What an Appsmith must always be able to say has its class here, whatever schemas are configured.

Billing and the life signs of an installation flow while optional events are off.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.event import EventPlace, TelemetryClass

KEEP_ALIVE = "FETCH_RELEASE_NOTES"
REGISTERED = "Installation Registered"
SETUP_EVENTS = frozenset({REGISTERED, "Installation Setup Complete", "server_setup_complete"})

CLASSES: Mapping[EventPlace, TelemetryClass] = {
    ("appsmith", "usage_pulse", None): "billing",
    ("appsmith", "usage_report", None): "billing",
    **{("segment", "track", name): "essential" for name in (KEEP_ALIVE, *SETUP_EVENTS)},
    **{("mixpanel", "event", name): "essential" for name in (KEEP_ALIVE, *SETUP_EVENTS)},
}
