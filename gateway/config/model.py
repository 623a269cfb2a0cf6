"""gateway.yaml, typed. The docstrings below are the configuration reference."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path as FilePath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from gateway.config.encryption import EncryptionSettings
from gateway.config.values import (
    Age,
    Bytes,
    HeaderName,
    Listen,
    ListenAddress,
    Many,
    NetworkAddress,
    ProxyUrl,
    Seconds,
    Settings,
)
from gateway.event import TelemetryClass

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("write a name of small letters, digits, - and _, at most 63 characters")
    return value


Name = Annotated[str, AfterValidator(_name)]


class Certificate(Settings):
    """The certificate of a listener that speaks https. SIGHUP reloads the files."""

    cert: FilePath
    """PEM file with the certificate and its chain."""
    key: FilePath
    """PEM file with its key, unencrypted."""


class Tls(Certificate):
    """A listener for SDK traffic over https, beside the plain one."""

    listen: ListenAddress = Listen("127.0.0.1", 8443)
    """Address and port."""


class ForwardProxySettings(Settings):
    """The proxy for an app whose host names cannot be changed: its HTTPS_PROXY points here.

    It answers with the certificate of `tls`, which must be for the names of `here` and trusted by
    the app. Ports other than 443 are refused. Changes at a restart.
    """

    listen: ListenAddress = Listen("127.0.0.1", 3128)
    """Address and port."""
    clients: tuple[NetworkAddress, ...] = _LOOPBACK
    """Networks that may use it."""
    here: tuple[str, ...] = Field(min_length=1)
    """Hosts that the gateway answers for, such as api.segment.io; `*` stands for any text."""
    through: tuple[str, ...] = ()
    """Hosts that are connected to untouched and unread. Every other host is refused."""


class Admin(Settings):
    """The listener for the people who run the gateway: pages, health, metrics, API."""

    listen: ListenAddress = Listen("127.0.0.1", 8081)
    """Address and port. Environment: GATEWAY_ADMIN_LISTEN."""
    token: str = Field(default="", repr=False)
    """What a person signs in with. Required as soon as the listener is not loopback."""
    tls: Certificate | None = None
    """With it the listener speaks https only."""

    @field_validator("token")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 16:
            raise ValueError("a token under 16 characters can be guessed")
        return value


class Outbound(Settings):
    """How requests leave: to vendors, to token servers, to what an extension sends to.

    Nothing else changes them: no ~/.netrc, and no variable that is not named here. Changes at a
    restart.
    """

    proxy: ProxyUrl | None = Field(default=None, repr=False)
    """The proxy that they go through, such as http://user:password@proxy:3128. `none`: no proxy.
    Empty: what HTTPS_PROXY, HTTP_PROXY and ALL_PROXY say."""
    no_proxy: Many[str] | None = None
    """Hosts that are reached without it: a domain with all below it, an address or a network, a
    host with a port, `*`. Empty: what NO_PROXY says."""
    ca_bundle: FilePath | None = None
    """PEM file or folder with the authorities to trust instead of the usual ones. Empty: what
    REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE say."""


class Source(Settings):
    """An app or a site that may send."""

    name: Name
    """What logs, metrics, routes and rules call it."""
    write_keys: tuple[str, ...] = Field(min_length=1)
    """Segment write keys and Mixpanel tokens that name this source."""
    kind: Literal["browser", "mobile", "server", "any"] = "any"
    """Where its SDK runs. `any`: decided for each request."""
    origins: tuple[str, ...] = ("*",)
    """Origins that may send from a browser; `*` inside a pattern stands for any text."""

    @field_validator("write_keys")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(key.strip() for key in value):
            raise ValueError("a write key is empty")
        return value


class Telemetry(Settings):
    """The switch. Essential and billing events flow whatever it says."""

    enabled: bool = True
    """Whether optional events are taken. DO_NOT_TRACK and the variables of extensions win."""
    classes: dict[TelemetryClass, bool] = Field(default_factory=dict)
    """The switch of one class, where it differs."""
    respect_opt_out: bool = True
    """Whether `Sec-GPC: 1` and `DNT: 1` on a request opt its optional events out."""


class Schemas(Settings):
    """The contract: which events may come and what they may hold."""

    path: FilePath = FilePath("../schemas")
    """The folder of `*.schema.json` files."""
    format_assertion: bool = False
    """Whether `format` is a rule in schemas whose `x-telemetry.format_assertion` does not say.
    `gateway init` writes true; without it `format` only describes, as in 0.1 and 0.2."""
    unplanned_events: Literal["allow", "quarantine", "block"] = "allow"
    """A track event that no schema names."""
    unplanned_properties: Literal["allow", "omit"] = "omit"
    """A property or trait that the event's schema does not list."""
    violations: Literal["allow", "omit", "quarantine", "block"] = "allow"
    """An event that breaks its schema. `omit` removes the offending properties."""


class Limits(Settings):
    """Where the gateway says no, so that no client can exhaust it."""

    body_bytes: Bytes = Bytes(1024 * 1024)
    """A request body after decompression. SDKs send up to 512,000 bytes."""
    event_bytes: Bytes = Bytes(64 * 1024)
    """One event as compact JSON. SDKs send up to 32,768 bytes."""
    batch_events: int = Field(default=2500, ge=1)
    """Events in one request; those behind are rejected."""
    nesting: int = Field(default=64, ge=8, le=200)
    """Levels of objects and arrays in one event."""
    header_seconds: Seconds = Field(default=10, gt=0)
    """How long the head of a request may take to arrive, and before it the TLS handshake."""
    event_work: int = Field(default=0, ge=0)
    """Characters of one event that may be looked at, each time that one is; those of texts nested
    in texts are, again and again. An event beyond is rejected as `over_budget`. 0: eight times
    `event_bytes`."""
    body_seconds: Seconds = Field(default=8, gt=0)
    """How long a body may take to arrive. SDKs give up on an answer after 8 to 20 seconds."""
    body_bytes_per_second: int = Field(default=1024, ge=0)
    """How fast a body must arrive once 3 seconds have passed. 0: at any pace."""
    bodies_bytes: Bytes = Bytes(64 * 1024**2)
    """Bodies in memory that are being read or wait. Sources may have half of it and one of them a
    quarter; where a request names no source before its body, they have the other half and one
    address an eighth. Changes at a restart."""
    queue_seconds: Seconds = Field(default=2.5, gt=0)
    """How long a request waits for its turn: before its body is read, and before it is decoded.
    Then it is answered 429 where its own source sends too much, and 503 where all together do."""
    connections: int = Field(default=12_000, ge=16)
    """Connections of SDK traffic at once, fewer where the limit of open files is low. When all are
    taken, the address with the most gives up a silent one for a newcomer. Changes at a restart."""
    connections_per_address: int = Field(default=0, ge=0)
    """Of one address, or of one IPv6 /64; `trusted_proxies` may have more. 0: half of all. Changes
    at a restart."""
    requests_in_flight: int = Field(default=1024, ge=1)
    """Requests worked on at once. More are answered 503, and 429 where half are of one source."""
    events_per_second: int = Field(default=0, ge=0)
    """Events taken from one source in a second; more are answered 429. 0: no limit."""

    @property
    def budget(self) -> int:
        """`event_work`, worked out."""
        return self.event_work or 8 * self.event_bytes


class JournalSettings(Settings):
    """The durable log between accepting and delivering."""

    max_bytes: Bytes = Bytes(8 * 1024**3)
    """Size at which the gateway answers 503 rather than accept what it cannot keep."""
    min_free_bytes: Bytes = Bytes(64 * 1024**2)
    """Free disk space below which the gateway answers 503."""


class DedupSettings(Settings):
    """What an SDK sends again, because it got no answer, is dropped. Changes at a restart."""

    window: Seconds = Field(default=24 * 3600, ge=0, le=30 * 24 * 3600)
    """How long the `messageId` or `$insert_id` of an event is remembered, for each source. 0: not
    at all."""


class Files(Settings):
    """How the gateway rotates the JSON lines it writes: audit and quarantine."""

    rotate_bytes: Bytes = Bytes(64 * 1024**2)
    """Size at which a new file begins; a new day (UTC) begins one too."""
    keep_days: int = Field(default=0, ge=0)
    """Days after which a rotated file is deleted. 0: never."""


class Retention(Settings):
    """How long what is kept is kept: a duration such as 30d, or `forever`.

    It is looked at once an hour and at the start. Files are deleted whole, a day after their last
    line grew too old at most. A `keep_days` that is shorter holds as well. A clock that was set
    ahead deletes nothing before that has lasted a day.
    """

    events: Age = "forever"
    """Event files of file destinations; they may be the only archive there is, so nothing is
    deleted unless you say so."""
    audit: Age = 400 * 24 * 3600.0
    """Audit files."""
    quarantine: Age = 30 * 24 * 3600.0
    """Files of quarantined events."""
    dead_letters: Age = 30 * 24 * 3600.0
    """Dead letters that nobody replayed; they count as discarded."""

    def shown(self) -> dict[str, str]:
        """Each for a person."""
        return {
            part: age if isinstance(age, str) else f"{age / 86400:g} days"
            for part, age in self.model_dump().items()
        }


class AnalyticsJs(Settings):
    """The browser build of analytics.js that the gateway serves as Segment's CDN does."""

    path: FilePath | None = None
    """Folder with `standalone.js` and its chunks: `dist/umd` of @segment/analytics-next."""
    host: str | None = None
    """Host and port that browsers reach this gateway at, and the path where a proxy serves it under
    one: app.example.com/telemetry. Empty: what they asked for, and X-Forwarded-Prefix."""
    protocol: Literal["http", "https"] | None = None
    """Scheme that browsers reach this gateway with. Empty: the one they used."""


class Fields(Settings):
    """Which fields events have: `gateway fields` lists them, `new_fields` of privacy.yaml acts."""

    learn_for: Seconds = 604800.0
    """How long every field becomes known by being seen, from the first start on."""


class GatewaySettings(Settings):
    """gateway.yaml."""

    listen: ListenAddress = Listen("127.0.0.1", 8080)
    """Address and port of SDK traffic. Environment: GATEWAY_LISTEN."""
    tls: Tls | None = None
    """Takes SDK traffic over https too."""
    forward_proxy: ForwardProxySettings | None = None
    """Takes the traffic of apps that can only be given a proxy."""
    admin: Admin = Admin()
    outbound: Outbound = Outbound()
    data_dir: FilePath = FilePath("data")
    """Where everything durable lives, from the working directory. Environment: GATEWAY_DATA_DIR."""
    processes: Literal["auto", 1] = "auto"
    """Processes that serve; this version runs one."""
    trusted_proxies: tuple[NetworkAddress, ...] = ()
    """Networks whose word about the client's address is believed. Their own is nobody's."""
    client_address_headers: Many[HeaderName] = Field(
        default=("Forwarded", "X-Forwarded-For"), min_length=1
    )
    """Headers in which `trusted_proxies` write it; of those that are there, the first decides.
    Name others where your proxy sets them, such as X-Real-IP, CF-Connecting-IP, True-Client-IP or
    Fastly-Client-IP, and only those: a client can send any that the proxy does not overwrite."""
    sources: tuple[Source, ...] = ()
    """Who may send."""
    unknown_keys: Literal["reject", "accept"] = "reject"
    """What becomes of a write key no source has: 400, or events of the source `unknown`."""
    telemetry: Telemetry = Telemetry()
    schemas: Schemas = Schemas()
    policy: FilePath = FilePath("privacy.yaml")
    """The privacy policy."""
    routing: FilePath = FilePath("routing.yaml")
    """Destinations and routes."""
    limits: Limits = Limits()
    journal: JournalSettings = JournalSettings()
    dedup: DedupSettings = DedupSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    files: Files = Files()
    fields: Fields = Fields()
    retention: Retention = Retention()
    analytics_js: AnalyticsJs = AnalyticsJs()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the gateway says on standard error."""

    @model_validator(mode="after")
    def _sources_differ(self) -> Self:
        names: set[str] = {"unknown"}
        keys: dict[str, str] = {}
        for source in self.sources:
            if source.name in names:
                raise ValueError(f"the source name `{source.name}` is taken; choose another")
            names.add(source.name)
            for key in source.write_keys:
                if key in keys:
                    raise ValueError(
                        f"`{source.name}` and `{keys[key]}` have a write key in common"
                    )
                keys[key] = source.name
        if not self.sources and self.unknown_keys == "reject":
            raise ValueError("no source may send; add one under `sources`")
        return self

    @model_validator(mode="after")
    def _proxy_can_answer(self) -> Self:
        if self.forward_proxy and not self.tls:
            raise ValueError(
                "forward_proxy answers with the certificate of `tls`; add that section"
                " (`gateway certificate` makes a pair)"
            )
        return self

    @model_validator(mode="after")
    def _admin_is_guarded(self) -> Self:
        if not self.admin.token and not self.admin.listen.is_loopback:
            raise ValueError("admin.token is required when admin.listen is not a loopback address")
        return self
