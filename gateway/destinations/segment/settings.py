"""What a Segment destination may say in routing.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.config.routing import Vendor
from gateway.config.values import ApiUrl, HttpUrl, Seconds, Settings


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


class SegmentDeletion(Settings):
    """How `gateway erase` has Segment delete a person: regulations of its Public API."""

    token: str = Field(min_length=1, repr=False)
    """A Public API token that may create regulations."""
    source_id: str | None = None
    """The id of the source whose data is meant. Empty: the whole workspace."""
    host: HttpUrl = "https://api.segmentapis.com"
    """Scheme and host; https://eu1.api.segmentapis.com for a workspace in Europe."""
    forward: bool = True
    """Whether Segment passes the deletion on to the destinations behind it, which may charge."""


class SegmentSettings(Vendor):
    """Segment, or whatever takes batches as Segment does."""

    type: Literal["segment"]
    write_key: str = Field(min_length=1, repr=False)
    """The write key of the source that the events shall appear under."""
    host: ApiUrl = "https://api.segment.io"
    """Scheme and host; `/v1/batch` is added, and a `/v1` that stands there already is no other."""
    timeout: Seconds = Field(default=15, gt=0)
    """How long one request may take, from the first byte to the last."""
    oauth: OAuth | None = None
    deletion: SegmentDeletion | None = None
    group_key: str = "$group_id"
    """The property of a Mixpanel event that becomes its `context.groupId`."""
