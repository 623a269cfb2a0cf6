"""routing.yaml, typed: the destinations, and which events each of them gets."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.config.model import Name
from gateway.config.values import Bytes, Many, Settings
from gateway.event import TelemetryClass


class Common(Settings):
    """What every destination may say."""

    consent: Many[str] = ()
    """Consent categories of the destination; an event whose `categoryPreferences` deny one of them
    stays away from it."""
    integration: str | None = None
    """What `integrations` objects call this destination, where not by its usual name."""


class FileDestination(Common):
    """JSON lines in a folder, one clean Segment-shaped message a line."""

    type: Literal["file"]
    path: str
    """Folder, relative to data_dir."""
    rotate_bytes: Bytes = Bytes(64 * 1024**2)
    """Size at which a new file begins; a new day (UTC) begins one too."""
    keep_days: int = Field(default=0, ge=0)
    """Days after which a rotated file is deleted. 0: never."""


Destination = Annotated[FileDestination, Field()]


class RouteMatch(Settings):
    """Which events a route takes. All selectors given must hold; none given takes every event."""

    telemetry_class: Many[TelemetryClass] = Field(default=(), alias="class")
    """Telemetry classes."""
    protocol: Many[Literal["segment", "mixpanel", "appsmith"]] = ()
    """Protocols the event came by."""
    type: Many[str] = ()
    """Message types: track, page, screen, identify, group, alias."""
    event: Many[str] = ()
    """Globs on the event name."""
    source: Many[str] = ()
    """Names of sources."""
    schema_: Many[str] = Field(default=(), alias="schema")
    """Globs on the name of the schema that matched."""


class Route(Settings):
    """Adds its destinations to every event it matches."""

    name: Name
    match: RouteMatch = RouteMatch()
    to: Many[str] = Field(min_length=1)
    """Destinations."""
    sample: float = Field(default=1, gt=0, le=1)
    """Share of users whose events it takes, chosen by a stable hash of the user."""


class Routing(Settings):
    """routing.yaml."""

    destinations: dict[Name, Destination]
    routes: Many[Route] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: set[str] = set()
        for route in self.routes:
            if route.name in seen:
                raise ValueError(f"two routes are called `{route.name}`")
            seen.add(route.name)
        return self
