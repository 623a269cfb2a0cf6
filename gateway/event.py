"""A raw event cannot travel, and the type checker knows it: what is raw fits nowhere else.

Ingest makes a `RawEvent`. The pipeline consumes it and gives a `Decision`, which holds a
`CleanEvent` or the reason why there is none. The journal gives it back as a `StoredEvent`.

`CleanMessage`, `CleanText` and `CleanBytes` are made in `gateway.privacy`, and by the journal out
of what it wrote itself; `tests/test_types.py` names the few places. At run time they are the dict,
str and bytes that they look like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, NewType, Self, TypeAlias

import orjson

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
RawMessage = dict[str, Json]
"""A message as a client meant it. It fits nowhere where clean things are asked for."""

CleanText = NewType("CleanText", str)
"""A name, id, user or JSON Pointer in which nothing personal is left that the policy removes."""
CleanJson: TypeAlias = (
    "dict[str, CleanJson] | list[CleanJson] | CleanText | int | float | bool | None"
)
CleanMessage = NewType("CleanMessage", dict[str, CleanJson])
"""A message that the policy made clean. All texts in it are `CleanText`: what is read out of it may
travel, and nothing raw can be put into it."""
CleanBytes = NewType("CleanBytes", bytes)
"""A clean message, a header or an audit line, serialised."""
OverlayBytes = NewType("OverlayBytes", bytes)
"""What rules let out to single destinations, sealed: `gateway.privacy.overlays` alone reads it, for
the destination that it is for. It fits nowhere where clean things are asked for."""
SchemaText = NewType("SchemaText", str)
"""A sentence of a schema's own words, names and limits; made in `gateway.contract.violations`."""
GatewayMark = NewType("GatewayMark", str)
"""Names a gateway that an event has passed; read from requests in `gateway.config.outgoing`."""
NO_TEXT: Final = CleanText("")
NO_OVERLAYS: Final = OverlayBytes(b"")

Message = dict[str, Any]
"""A message in a form that the types do not follow: while it is parsed, or in a vendor's words."""
JsonPath = tuple[str | int, ...]
Protocol = Literal["segment", "mixpanel", "appsmith"]
TelemetryClass = Literal["essential", "billing", "optional"]
EventPlace = tuple[Protocol, str, str | None]
"""Protocol, type and exact name of an event."""

USER_AGENT = "$user_agent"
"""Where a Mixpanel record has what its browser called itself. Only the gateway writes it."""


class Stage(StrEnum):
    """Where in an event's life a reason ends it."""

    REJECTED = "rejected"  # never accepted: counted against `received`
    FILTERED = "filtered"  # accepted, and this destination does not get it
    DEAD = "dead"  # accepted, and this destination refused it for good


class Reason(StrEnum):
    """Why an event did not reach a destination: one list for logs, metrics, pages and docs."""

    stage: Stage
    meaning: str

    def __new__(cls, value: str, stage: Stage, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.stage = stage
        member.meaning = meaning
        return member

    NOT_AN_OBJECT = "not_an_object", Stage.REJECTED, "A batch item was not a JSON object."
    MALFORMED = (
        "malformed",
        Stage.REJECTED,
        "A piece of its body was no JSON; what was whole beside it was taken.",
    )
    UNKNOWN_TYPE = (
        "unknown_type",
        Stage.REJECTED,
        "The type is none of the protocol's message types.",
    )
    EVENT_TOO_LARGE = "event_too_large", Stage.REJECTED, "Larger than `limits.event_bytes`."
    TOO_DEEP = "too_deep", Stage.REJECTED, "Nested deeper than `limits.nesting`."
    TOO_MANY_IN_BATCH = (
        "too_many_in_batch",
        Stage.REJECTED,
        "Behind the first `limits.batch_events` events of its batch.",
    )
    UNKNOWN_WRITE_KEY = (
        "unknown_write_key",
        Stage.REJECTED,
        "A batch item named a write key that no source has.",
    )
    ORIGIN_NOT_ALLOWED = (
        "origin_not_allowed",
        Stage.REJECTED,
        "Its source takes no events from pages of that origin.",
    )
    SUPPRESSED = (
        "suppressed",
        Stage.REJECTED,
        "It is of a person whom `gateway erase --suppress` refuses.",
    )
    TELEMETRY_OFF = "telemetry_off", Stage.REJECTED, "Telemetry is off for the class of this event."
    OPTED_OUT = "opted_out", Stage.REJECTED, "The request said `Sec-GPC: 1` or `DNT: 1`."
    IGNORED = "ignored", Stage.REJECTED, "It carried `$ignore`, which tells Mixpanel to drop it."
    NOT_FORWARDED = (
        "not_forwarded",
        Stage.REJECTED,
        "A session replay or feature flag request of a Mixpanel SDK: personal by nature.",
    )
    REPEATED = (
        "repeated",
        Stage.REJECTED,
        "Its id came from its source within `dedup.window`; or a setup event, from its instance.",
    )
    UNKNOWN_INSTANCE = (
        "unknown_instance",
        Stage.REJECTED,
        "A ping of an instance that is not among `appsmith.instances`.",
    )
    NOT_PAYING = (
        "not_paying",
        Stage.REJECTED,
        "A usage pulse of an instance that is not configured as paying.",
    )
    UNPLANNED_EVENT = (
        "unplanned_event",
        Stage.REJECTED,
        "No schema describes it and `schemas.unplanned_events` is `block`.",
    )
    SCHEMA_VIOLATION = (
        "schema_violation",
        Stage.REJECTED,
        "It breaks its schema and `schemas.violations` is `block`.",
    )
    OVER_BUDGET = (
        "over_budget",
        Stage.REJECTED,
        "It takes more work than `limits.event_work`: texts nested in texts, mostly.",
    )
    PRIVACY_FAILED = (
        "privacy_failed",
        Stage.REJECTED,
        "The policy could not be applied to it, so nothing of it was kept.",
    )

    NO_ROUTE = "no_route", Stage.FILTERED, "No route in routing.yaml sends it to the destination."
    INTEGRATIONS = (
        "integrations",
        Stage.FILTERED,
        "Its `integrations` object switches the destination off.",
    )
    CONSENT = (
        "consent",
        Stage.FILTERED,
        "The person did not consent to a category of the destination.",
    )
    SAMPLED_OUT = "sampled_out", Stage.FILTERED, "Its user is outside the route's sample."
    BUNDLED = (
        "bundled",
        Stage.FILTERED,
        "analytics.js had already sent it to the destination from the browser.",
    )
    QUARANTINED = (
        "quarantined",
        Stage.FILTERED,
        "Stored in `quarantine/`, because it breaks its schema or no schema describes it.",
    )
    NO_EQUIVALENT = (
        "no_equivalent",
        Stage.FILTERED,
        "The destination's protocol has no equivalent.",
    )
    INCOMPLETE = (
        "incomplete",
        Stage.FILTERED,
        "It lacks a name, an id or any trait, or has it in a form that the destination drops.",
    )
    OVER_VENDOR_LIMIT = (
        "over_vendor_limit",
        Stage.FILTERED,
        "Larger than the destination accepts, or with more properties, or nested deeper.",
    )
    ERASED = ("erased", Stage.FILTERED, "`gateway erase` took it out before it was sent.")
    DESTINATION_AWAY = (
        "destination_away",
        Stage.FILTERED,
        "The destination was not in routing.yaml while the event was in the journal.",
    )

    REFUSED = "refused", Stage.DEAD, "The destination refused it for good."
    UNRENDERABLE = (
        "unrenderable",
        Stage.DEAD,
        "The gateway could not put it into the destination's form.",
    )
    LEAK = (
        "leak",
        Stage.DEAD,
        "Its request contained what the policy removes, and the destination's `egress` is `block`.",
    )
    NOT_SCRUBBED = (
        "not_scrubbed",
        Stage.DEAD,
        "Older than the policy in force, which failed on it; or its schema is gone.",
    )
    UNCHECKED = (
        "unchecked",
        Stage.DEAD,
        "The egress guard could not read its request, which therefore did not leave.",
    )
    UNREADABLE = (
        "unreadable",
        Stage.DEAD,
        "Its bytes in the journal are not those that were written: look at the disk.",
    )
    GIVEN_UP = (
        "given_up",
        Stage.DEAD,
        "The destination failed on it repeatedly while it accepted others.",
    )


@dataclass(slots=True, eq=False)
class RawEvent:
    """One event as a client meant it, normalised to its protocol's shape and not yet clean.

    The message is consumed, not shared: whoever takes it out is its only owner, and to read it here
    afterwards is an AttributeError. Neither it nor the client's address shows in a repr, so that no
    traceback can carry them.
    """

    source: str
    protocol: Protocol
    type: str  # track, page, screen, identify, group, alias; for Mixpanel event, people, groups
    name: str | None = field(repr=False)  # a track's event, a page's or screen's name
    message: RawMessage = field(repr=False)
    received_at: float  # epoch seconds
    client_address: str | None = field(default=None, repr=False)  # of a browser's or phone's user
    opted_out: bool = False  # the request said Sec-GPC: 1 or DNT: 1
    hops: tuple[GatewayMark, ...] = ()  # the gateways it has passed
    given_id: str | None = field(default=None, repr=False)
    """What a copy of it has, too, and no other event of its source. None: unknown."""
    misfits: tuple[Misfit, ...] = ()
    """What could not be read in it, for the audit."""
    user_agent: str | None = field(default=None, repr=False)
    """What a device's request said, where the protocol's messages do not say it."""

    def take(self) -> RawMessage:
        """The message, which the event does not hold any more."""
        message = self.message
        del self.message
        return message

    def discard(self) -> None:
        """Let go of the message, if nobody has taken it."""
        if hasattr(self, "message"):
            del self.message


@dataclass(frozen=True, slots=True)
class Misfit:
    """One value that cannot be what it should be, and is left out. Never the value."""

    path: JsonPath
    action: str  # drop; replace, where the gateway has a value of its own
    rule: str  # `wire:id`, `wire:time` or `wire:placeholder`
    kind: str  # its JSON type
    length: int  # as that of a `Change`


@dataclass(frozen=True, slots=True)
class Change:
    """One value that did not leave as it came. Never the value."""

    pointer: CleanText  # JSON Pointer whose keys are clean too
    action: str  # drop, mask, pseudonymize, truncate, strip_query, omit; replace
    rule: str  # id in privacy.yaml, or one of the gateway's own: `contract`, `wire:id`, …
    kind: str  # a detector's name, or the JSON type of what went
    length: int  # characters of a string, digits of a number, members of an object or array
    destinations: tuple[str, ...] = ()  # whom alone the rule is for; none: it is for all

    def as_json(self) -> dict[str, str | int | list[str]]:
        account: dict[str, str | int | list[str]] = {
            "pointer": self.pointer,
            "action": self.action,
            "rule": self.rule,
            "kind": self.kind,
            "length": self.length,
        }
        return {**account, "destinations": [*self.destinations]} if self.destinations else account


@dataclass(frozen=True, slots=True)
class Violation:
    """Where an event breaks its schema, in RudderStack's type names. Never the value."""

    type: str  # Required-Missing, Datatype-Mismatch, Additional-Properties, Unplanned-Event, …
    pointer: CleanText
    message: SchemaText
    code: str = ""  # what the sentence is made of: see gateway.contract.violations
    arguments: tuple[SchemaText | int, ...] = ()

    def as_json(self) -> dict[str, str]:
        return {"type": self.type, "pointer": self.pointer, "message": self.message}


@dataclass(frozen=True, slots=True)
class Header:
    """What the rooms behind the journal need to know without parsing the message."""

    message_id: CleanText
    source: str
    protocol: Protocol
    type: str
    name: CleanText | None
    schema: str
    telemetry_class: TelemetryClass
    received_at: float
    user: CleanText  # user or anonymous id; the lane and the sample of the event
    pseudonyms: tuple[
        CleanText, ...
    ]  # the tokens in the message that each destination makes its own
    to: tuple[str, ...]  # destinations
    filtered: Mapping[str, Reason]  # for every other destination, why not
    hops: tuple[GatewayMark, ...] = ()  # the gateways it passed before this one
    revision: str = ""  # of the policy and the schemas that it was made clean by; 0.1.0 wrote none


UNREADABLE = Header(
    message_id=NO_TEXT,
    source="unknown",
    protocol="segment",
    type="unreadable",
    name=None,
    schema="none",
    telemetry_class="optional",
    received_at=0.0,
    user=NO_TEXT,
    pseudonyms=(),
    to=(),
    filtered=MappingProxyType({}),
)
"""Stands for the header of an event whose bytes are damaged: nothing of it may be believed."""


@dataclass(frozen=True, slots=True)
class CleanEvent:
    """What may travel."""

    header: Header
    message: CleanMessage
    overlays: OverlayBytes = field(default=NO_OVERLAYS, repr=False)

    def stored(self, sequence: int) -> StoredEvent:
        """As the journal will give it back at this place in the log."""
        return StoredEvent(sequence, self.header, serialised(self.message), self.overlays)


def serialised(message: CleanMessage) -> CleanBytes:
    return CleanBytes(orjson.dumps(message))


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A clean event as the journal gives it back, at its place in the log."""

    sequence: int
    header: Header
    body: CleanBytes  # the message, serialised; where it is not readable, the damaged bytes
    overlays: OverlayBytes = field(default=NO_OVERLAYS, repr=False)

    @property
    def is_readable(self) -> bool:
        """Whether it is what was written."""
        return self.header is not UNREADABLE

    @property
    def message(self) -> CleanMessage:
        loaded: CleanMessage = orjson.loads(self.body)
        return loaded


class SeenFields(NamedTuple):
    """Which fields a clean event has. Equal for events of equal keys."""

    protocol: Protocol
    event: str  # its name, or its type
    schema: str
    keys: tuple[object, ...]  # see gateway.pipeline.fields


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one event: an event that is accepted, or the reason why it is not.

    `changes` and `violations` are what the audit tells; every text in them is clean.
    """

    source: str
    protocol: Protocol
    type: str
    name: CleanText | None
    message_id: CleanText
    received_at: float
    event: CleanEvent | None
    reason: Reason | None  # set when the event was rejected, or quarantined
    schema: str | None
    telemetry_class: TelemetryClass | None
    changes: tuple[Change, ...] = ()
    violations: tuple[Violation, ...] = ()
    fields: SeenFields | None = None  # of an event that is accepted
    fault: str | None = None  # where the code failed, with reason `privacy_failed`
    policy_revision: int = 0
    schema_revision: int = 0
    library: CleanText = NO_TEXT  # name/version of what sent it
    app_version: CleanText = NO_TEXT
    join: tuple[CleanText, CleanText] | None = None  # see gateway.pipeline.joining
