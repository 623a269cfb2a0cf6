"""routing.yaml, typed: the destinations, and which events each of them gets."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.config.model import Name
from gateway.config.values import Bytes, HttpUrl, Many, Seconds, Settings
from gateway.event import Protocol, TelemetryClass

_PLACEHOLDER = re.compile(r"\{(?!name\}|category\})[^}]*\}?")


def _event_name(value: str) -> str:
    if _PLACEHOLDER.search(value):
        raise ValueError("only {name} and {category} can be filled in")
    if not value.strip():
        raise ValueError("write the name of an event")
    return value


EventName = Annotated[str, AfterValidator(_event_name)]


class Common(Settings):
    """What every destination may say."""

    consent: Many[str] = ()
    """Consent categories of the destination; an event whose `categoryPreferences` deny one of them
    stays away from it."""
    integration: str | None = None
    """What `integrations` objects call this destination, where not by its usual name."""


class FileSettings(Common):
    """JSON lines in a folder, one clean Segment-shaped message a line."""

    type: Literal["file"]
    path: str
    """Folder, relative to data_dir."""
    rotate_bytes: Bytes = Bytes(64 * 1024**2)
    """Size at which a new file begins; a new day (UTC) begins one too."""
    keep_days: int = Field(default=0, ge=0)
    """Days after which a rotated file is deleted. 0: never."""


class Guarded(Common):
    """What every destination outside the house may say."""

    egress: Literal["warn", "block"] = "block"
    """What becomes of a request that holds what the policy removes. `block`: its event becomes a
    dead letter; `warn`: it is sent. Both are logged and counted."""


class Vendor(Guarded):
    """What every vendor's destination may say."""

    lanes: int = Field(default=4, ge=1, le=8)
    """Requests on their way at once at most; fewer while the vendor strains. One user's events go
    one after the other in any case."""


class OAuth(Settings):
    """Signs in to a Segment source that asks for OAuth 2.0 beside the write key."""

    client_id: str
    """The OAuth app's client id."""
    key_id: str
    """The id of its public key."""
    private_key: str = Field(repr=False)
    """The private key itself in PEM form, best from the environment."""
    auth_server: HttpUrl = "https://oauth2.segment.io"
    """Where tokens come from."""
    scope: str = "tracking_api:write"
    """What a token is asked for."""


class SegmentSettings(Vendor):
    """Segment, or whatever takes batches as Segment does."""

    type: Literal["segment"]
    write_key: str = Field(min_length=1, repr=False)
    """The write key of the source that the events shall appear under."""
    host: HttpUrl = "https://api.segment.io"
    """Scheme and host; `/v1/batch` is added."""
    timeout: Seconds = Field(default=15, gt=0)
    """How long one request may take, from the first byte to the last."""
    oauth: OAuth | None = None
    group_key: str = "$group_id"
    """The property of a Mixpanel event that becomes its `context.groupId`."""


class ServiceAccount(Settings):
    """A Mixpanel service account, for `/import`."""

    username: str
    """Its user name."""
    secret: str = Field(repr=False)
    """Its secret."""
    project_id: str
    """The project it may import into."""


class MixpanelSettings(Vendor):
    """A Mixpanel project."""

    type: Literal["mixpanel"]
    token: str = Field(min_length=1, repr=False)
    """The project's token."""
    host: HttpUrl = "https://api.mixpanel.com"
    """Scheme and host: https://api-eu.mixpanel.com and https://api-in.mixpanel.com for the other
    regions."""
    service_account: ServiceAccount | None = None
    """Signs imports; without one the token does."""
    strict: bool = True
    """Whether Mixpanel shall check each imported event and name the ones it refuses."""
    timeout: Seconds = Field(default=15, gt=0)
    """How long one request may take, from the first byte to the last."""
    identity: Literal["simplified", "original"] = "simplified"
    """The project's identity merge: Project Settings → Identity Merge."""
    page_event: EventName = "Viewed {name}"
    """What a Segment page is called; `{name}` and `{category}` are filled in. Mixpanel's own is
    `$mp_web_page_view`."""
    screen_event: EventName = "Viewed {name}"
    """What a Segment screen is called."""
    group_key: str = "$group_id"
    """The group key under which Segment groups are kept."""
    expand_orders: bool = True
    """Whether `Order Completed` is followed by a `Product Purchased` for each product."""
    increments: bool = False
    """Whether `properties.increment` of a track is added to the user's profile. A request that is
    repeated after a crash counts twice."""


class CloudSettings(Guarded):
    """Appsmith's cloud services, which bill by the usage pulses that this destination reports."""

    type: Literal["cloud"]
    license_key: str = Field(min_length=1, repr=False)
    """Signs the reports of instances that have no `license_key` of their own under
    `appsmith.instances`."""
    host: HttpUrl = "https://cs.appsmith.com"
    """Scheme, host and path; `/api/v1/usage/report` is added."""
    interval: Seconds = Field(default=3600, ge=0)
    """How long pulses wait for company, so that reports leave once in this time."""
    timeout: Seconds = Field(default=30, gt=0)
    """How long one request may take, from the first byte to the last."""


Destination = Annotated[
    FileSettings | SegmentSettings | MixpanelSettings | CloudSettings,
    Field(discriminator="type"),
]


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
