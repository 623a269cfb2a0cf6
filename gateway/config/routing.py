"""routing.yaml, typed: the destinations, and which events each of them gets.

What a destination of one type may say stands beside that type; what all of them may say, here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from gateway.config import destination_types
from gateway.config.model import Name
from gateway.config.values import Many, Settings
from gateway.event import Protocol, TelemetryClass


class Common(Settings):
    """What every destination may say."""

    type: str
    """What it is; the other settings depend on it."""
    consent: Many[str] = ()
    """Consent categories of the destination; an event whose `categoryPreferences` deny one of them
    stays away from it."""
    integration: str | None = None
    """What `integrations` objects call this destination, where not by its usual names. Its name in
    this file always counts, too."""

    @property
    def folder(self) -> str | None:
        """The folder that it writes to, relative to data_dir; None: it writes nothing there."""
        return None

    @property
    def takes_stdout(self) -> bool:
        """Whether it writes to standard output, where nothing else may stand then."""
        return False

    @property
    def address(self) -> tuple[str, str] | None:
        """The setting that says where its requests go, `host` or `url`, and what it says."""
        named = ((name, getattr(self, name, None)) for name in ("host", "url"))
        return next(((name, given) for name, given in named if isinstance(given, str)), None)


class Guarded(Common):
    """What every destination outside the house may say."""

    egress: Literal["warn", "block"] = "block"
    """What becomes of a request that holds what the policy removes. `block`: its event becomes a
    dead letter; `warn`: it is sent. Both are logged and counted. A request that cannot be read does
    not leave in either case."""


class Vendor(Guarded):
    """What every vendor's destination may say."""

    lanes: int = Field(default=4, ge=1, le=8)
    """Requests on their way at once at most; fewer while the vendor strains. One user's events go
    one after the other in any case."""


class RouteMatch(Settings):
    """Which events a route takes. All selectors given must hold; none given takes every event."""

    telemetry_class: Many[TelemetryClass] = Field(default=(), alias="class")
    """Telemetry classes."""
    protocol: Many[Protocol] = ()
    """Protocols the event came by."""
    type: Many[str] = ()
    """Message types: track, page, screen, identify, group, alias."""
    event: Many[str] = ()
    """Globs on the event name."""
    not_event: Many[str] = ()
    """Globs on the names of events that it does not take."""
    source: Many[str] = ()
    """Names of sources."""
    schema_: Many[str] = Field(default=(), alias="schema")
    """Globs on the name of the schema that matched."""


class Route(Settings):
    """Adds its destinations to every event it matches."""

    name: Name
    """What people call it."""
    match: RouteMatch = RouteMatch()
    to: Many[str] = Field(min_length=1)
    """Destinations."""
    sample: float = Field(default=1, gt=0, le=1)
    """Share of users whose events it takes, chosen by a stable hash of the user."""


class Routing(Settings):
    """routing.yaml."""

    destinations: dict[Name, Common]
    routes: Many[Route] = ()

    @field_validator("destinations", mode="before")
    @classmethod
    def _typed(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: typed(one) for name, one in given.items()}

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: set[str] = set()
        for route in self.routes:
            if route.name in seen:
                raise ValueError(f"two routes are called `{route.name}`")
            seen.add(route.name)
        return self


def typed(given: Any) -> Any:
    """The settings of a destination, of its own type. Raises ValueError or PluginError."""
    if not isinstance(given, Mapping):
        return given
    return destination_types.declared(given["type"]).settings.model_validate(given)
