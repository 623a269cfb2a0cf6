"""The gateway in the place of Appsmith's cloud services: a setting for each thing it does there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.config.model import GatewaySettings
from gateway.config.sections import Section, settings_of
from gateway.config.values import HttpUrl, Seconds, Settings
from gateway.event import JsonPath
from gateway.extensions.appsmith.classes import CLASSES

_INSTANCE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")


def is_instance_id(value: str) -> bool:
    """Whether a text can name an instance: 24 hexadecimal digits, or another product's own id."""
    return _INSTANCE.fullmatch(value) is not None


def _instance_id(value: str) -> str:
    if not is_instance_id(value):
        raise ValueError("write letters, digits, - and _, at most 64 characters")
    return value


def _prefix(value: str) -> str:
    if value and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError("write a path such as /cs, without a slash at the end")
    return value


def _header(value: str) -> str:
    if value and not _HEADER.fullmatch(value):
        raise ValueError("write the name of a header, for example X-Forwarded-Email")
    return value


InstanceId = Annotated[str, AfterValidator(_instance_id)]


class CloudServices(Settings):
    """The role of cs.appsmith.com: APPSMITH_CLOUD_SERVICES_BASE_URL of an instance leads here."""

    upstream: HttpUrl | None = None
    """Where its requests are relayed to, such as https://cs.appsmith.com. Without one the gateway
    answers what it can by itself, and usage reports are not acknowledged."""
    prefix: Annotated[str, AfterValidator(_prefix)] = "/cs"
    """Path under which the routes are served beside `/api/v1`. Changes at a restart."""
    relay: tuple[str, ...] = ()
    """More paths below `/api/v1/` that are relayed, `*` for any text. Those that Appsmith is known
    to ask for always are."""
    timeout: Seconds = Field(default=60, gt=0)
    """How long one relayed request may take, from the first byte to the last."""


class Instance(Settings):
    """One Appsmith installation."""

    id: InstanceId
    """Its instance id: 24 hexadecimal digits."""
    tenant_id: str = ""
    """The id of its organization, which usage pulses name."""
    hosts: tuple[str, ...] = ()
    """Host names that its people open in the browser: usage pulses sent there are its own. Not
    needed for a single instance."""
    paying: bool = False
    """Whether usage pulses are kept and reported. Of others they are answered and counted."""
    license_key: str = Field(default="", repr=False)
    """Signs the usage reports of the gateway for it, and verifies those that it sends itself. Takes
    effect after a restart."""


class Ping(Settings):
    """A keep-alive ping that the gateway sends for a product that has none."""

    instance_id: InstanceId
    """Whose."""
    version: str
    """Version of the product."""
    edition: str = "CE"
    """Edition of the product."""


class Appsmith(Settings):
    """Self-hosted Appsmith instances, and products like it."""

    source: str = Field(default="appsmith", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    """The source that events made of this traffic belong to."""
    cloud_services: CloudServices = CloudServices()
    instances: tuple[Instance, ...] = ()
    """The installations of this gateway. Where some are listed, pings of others are relayed and not
    recorded."""
    user_header: Annotated[str, AfterValidator(_header)] = ""
    """Header in which a trusted proxy names who is signed in, such as X-Forwarded-Email. Without it
    a usage pulse counts sessions instead of people."""
    ping_interval: Seconds = Field(default=7200, gt=0)
    """How often instances ping. One that was silent for two of these is overdue."""
    pings: tuple[Ping, ...] = ()
    """Pings that the gateway sends itself."""

    @model_validator(mode="after")
    def _instances_differ(self) -> Self:
        ids = [instance.id for instance in self.instances]
        if len(set(ids)) < len(ids):
            raise ValueError("two instances have the same id")
        hosts = [host.lower() for instance in self.instances for host in instance.hosts]
        if len(set(hosts)) < len(hosts):
            raise ValueError("two instances have a host in common")
        paying = [instance for instance in self.instances if instance.paying]
        if len(self.instances) > 1 and any(not instance.hosts for instance in paying):
            raise ValueError(
                "a paying instance needs its `hosts` where there are several instances"
            )
        return self


def appsmith(gateway: GatewaySettings) -> Appsmith:
    """The section of gateway.yaml."""
    return settings_of(gateway, SECTION.name, Appsmith)


def _upstreams(gateway: GatewaySettings) -> Mapping[JsonPath, str]:
    upstream = appsmith(gateway).cloud_services.upstream
    return {("appsmith", "cloud_services", "upstream"): upstream} if upstream else {}


SECTION = Section(
    name="appsmith",
    model=Appsmith,
    sources=lambda gateway: (appsmith(gateway).source,),
    upstreams=_upstreams,
    switch_variables=("APPSMITH_DISABLE_TELEMETRY",),
    classes=CLASSES,
)
