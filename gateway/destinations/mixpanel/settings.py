"""What a Mixpanel destination may say in routing.yaml."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.config.routing import Vendor
from gateway.config.values import HttpUrl, Many, Seconds, Settings

_PLACEHOLDER = re.compile(r"\{(?!name\}|category\})[^}]*\}?")


def _event_name(value: str) -> str:
    if _PLACEHOLDER.search(value):
        raise ValueError("only {name} and {category} can be filled in")
    if not value.strip():
        raise ValueError("write the name of an event")
    return value


def _ordinary(value: str) -> str:
    if value in ("$identify", "$create_alias", "$merge"):
        raise ValueError("Mixpanel ignores this name with the simplified merge; write another one")
    if not value.strip():
        raise ValueError("write the name of an event")
    return value


EventName = Annotated[str, AfterValidator(_event_name)]


class ServiceAccount(Settings):
    """A Mixpanel service account, for `/import`."""

    username: str
    """Its user name."""
    secret: str = Field(repr=False)
    """Its secret."""
    project_id: str
    """The project it may import into."""


class MixpanelDeletion(Settings):
    """How `gateway erase` has Mixpanel delete a person: tasks of its GDPR API."""

    token: str = Field(min_length=1, repr=False)
    """An OAuth token for the GDPR API: Profile & Preferences → Data & Privacy. It ends after a
    year."""
    host: HttpUrl = "https://mixpanel.com"
    """Scheme and host; https://eu.mixpanel.com or https://in.mixpanel.com for other regions."""
    compliance: Literal["GDPR", "CCPA"] = "GDPR"
    """The law that the deletion is for."""


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
    deletion: MixpanelDeletion | None = None
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
    identify_event: Annotated[str, AfterValidator(_ordinary)] = "Identified"
    """The event that joins the two ids of an `identify` in a project with the simplified merge."""
    group_keys: Many[str] = ()
    """Further group keys: a trait of that name in a Segment group is the id of such a group, or a
    list of them."""
    set_once: Many[str] = ()
    """Traits that are written only where the profile has none yet (`$set_once`)."""
    union: Many[str] = ()
    """Traits whose values are added to a list, each once (`$union`)."""
    append: Many[str] = ()
    """Traits whose values are added to a list, as often as they come (`$append`). A request that is
    repeated after a crash counts twice."""
    super_properties: Many[str] = ()
    """Traits in `context.traits` that every event gets as properties; `*` for all of them."""
    sdk_properties: bool = False
    """Whether events also get what Mixpanel's own SDKs send and Segment's destination does not:
    `$os` and `$device` from the user agent, `$wifi`, `$screen_dpi`, and the click ids in the page's
    address."""
