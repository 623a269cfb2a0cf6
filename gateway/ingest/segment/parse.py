"""A Segment request becomes events of one shape, and one bad event never costs its neighbours.

A body that is no JSON as a whole is saved piece by piece (`gateway.ingest.salvage`).

Which source an event belongs to: the request's key is the first of the Authorization header's and
the body's that a source has. An item of a batch may name a key of its own; where that is another
source's, the event goes there, so that no source's events end up under another's name. Where the
request itself names no source, each item must.

Pure: no I/O, no clock. The facts are Segment's HTTP API and what its SDKs were seen to send.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import orjson

from gateway.config.model import Limits, Source
from gateway.errors import RequestError
from gateway.event import Message, Misfit, RawEvent, Reason
from gateway.ingest import Intake, Refusal
from gateway.ingest.client_info import Sender, is_on_a_device
from gateway.ingest.inflate import too_large
from gateway.ingest.json_decode import decode, exact, is_deeper
from gateway.ingest.misfits import InexactIdError, may_hold_empty_array, restore_ids
from gateway.ingest.salvage import LOST, salvage_envelopes, salvage_items
from gateway.ingest.segment.normalize import IDS, fill_objects, merged, normalise
from gateway.ingest.sources import Sources
from gateway.protocols.segment import SEGMENT
from gateway.timestamps import read_time

TYPES = tuple(SEGMENT.types)

_OF_EVENTS = frozenset({"event", "userId", "anonymousId", "groupId", "messageId", "type"})
_REASONS = {
    "invalid_write_key": Reason.UNKNOWN_WRITE_KEY,
    "origin_not_allowed": Reason.ORIGIN_NOT_ALLOWED,
    "too_deep": Reason.TOO_DEEP,
    "payload_too_large": Reason.EVENT_TOO_LARGE,
}
"""Why the events of one batch of several are not taken."""
_GROWTH = 4
"""How many times `limits.body_bytes` a body may become as each item gets what the envelope has."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What is known of a request beside its body."""

    type: str | None  # the message type that its path names; None: a batch
    sender: Sender
    received_at: float  # epoch seconds
    authorization: str | None = None
    keys: tuple[str, ...] = field(default=(), repr=False)  # in a header or query of their own


@dataclass(slots=True)  # made for every request, and a frozen one takes three times as long
class _Envelope:
    """What the events of one request have in common."""

    facts: RequestContext
    source: Source | None
    sources: Sources
    limits: Limits
    received: int  # epoch milliseconds, as `sent`
    sent: int | None
    context: Message
    integrations: Message
    shared_bytes: int  # of both as JSON
    may_be_deep: bool
    may_be_large: bool
    may_hold_empty_arrays: bool

    @property
    def source_name(self) -> str:
        return self.source.name if self.source else "unknown"


def read(body: bytes, facts: RequestContext, sources: Sources, limits: Limits) -> Intake:
    """The events of one request. Raises RequestError when it cannot be read as a whole.

    Its codes: `invalid_json`, `not_an_object`, `invalid_batch`, `too_deep`, `payload_too_large`,
    `invalid_write_key` and `origin_not_allowed`.
    """
    try:
        value = decode(body)
    except RequestError:
        if not (found := _salvaged(body, facts)):
            raise
        return _pieced(body, found, facts, sources, limits)
    try:
        return _whole(body, value, facts, sources, limits)
    except InexactIdError:
        value = decode(body)
        restore_ids(_batch(value, facts), _batch(exact(body), facts), IDS)
        return _whole(body, value, facts, sources, limits)


def _whole(
    body: bytes, value: Any, facts: RequestContext, sources: Sources, limits: Limits
) -> Intake:
    """The events of a body that is JSON. Raises InexactIdError beside what `read` raises."""
    if type(value) is not dict:
        raise RequestError("not_an_object", "the body must be a JSON object")
    batch = _batch(value, facts)
    if type(batch) is not list:
        raise RequestError("invalid_batch", "`batch` must be an array of events")
    shared = {"writeKey": value.pop("writeKey", None)} if facts.type else value
    intake = _read(body, batch, shared, facts, sources=sources, limits=limits)
    if facts.type and intake.refusals:
        raise _refused(intake.refusals[0].reason, limits)
    return intake


def _read(
    body: bytes,
    batch: list[Any],
    shared: Message,
    facts: RequestContext,
    *,
    sources: Sources,
    limits: Limits,
) -> Intake:
    """The events of one batch. `shared`: what it says for all of them, its write key too."""
    keys = (*facts.keys, _write_key(facts.authorization), shared.get("writeKey"))
    source = _source(keys, batch, sources, facts.sender.origin)
    envelope = _envelope(body, batch, shared, facts, source=source, sources=sources, limits=limits)
    taken = [_event(item, envelope) for item in batch[: limits.batch_events]]
    events = [event for event in taken if type(event) is RawEvent]
    refusals = [event for event in taken if type(event) is Refusal]
    behind = len(batch) - limits.batch_events
    if behind > 0:
        refusals.append(Refusal(envelope.source_name, None, Reason.TOO_MANY_IN_BATCH, behind))
    return Intake("segment", events, refusals)


def _batch(value: Message, facts: RequestContext) -> Any:
    return [value] if facts.type else _listed(value.get("batch"))


def _listed(batch: Any) -> Any:
    """PHP writes a list with gaps as an object whose keys are numbers."""
    if type(batch) is dict and batch and all(map(str.isdecimal, batch)):
        return list(batch.values())
    return batch


def _salvaged(body: bytes, facts: RequestContext) -> list[Message]:
    """The batches of a malformed body; what comes by the path of one event is one batch."""
    if not facts.type:
        return salvage_envelopes(body, _is_event)
    items = salvage_items(body, _may_be_event)
    return [{"batch": items}] if items else []


def _is_event(value: Message) -> bool:
    """Whether it can be nothing but an event, wherever it stands."""
    of = value.get("type")
    return type(of) is str and of.lower() in TYPES and len(_OF_EVENTS.intersection(value)) > 1


def _may_be_event(value: Message) -> bool:
    return not _OF_EVENTS.isdisjoint(value)


def _pieced(
    body: bytes, found: list[Message], facts: RequestContext, sources: Sources, limits: Limits
) -> Intake:
    """The events of several batches. Raises RequestError where none of them can be read."""
    intakes: list[Intake] = []
    refusals: list[Refusal] = []
    failure: RequestError | None = None
    for each in found:
        batch = each["batch"]
        restore_ids(batch, batch, IDS)
        try:
            intakes.append(_read(body, batch, each, facts, sources=sources, limits=limits))
        except RequestError as error:
            failure = error
            refusals.append(Refusal("unknown", None, _REASONS[error.code], len(batch)))
    if failure and not intakes:
        raise failure
    return Intake(
        "segment",
        [event for intake in intakes for event in intake.events],
        [refusal for intake in intakes for refusal in intake.refusals] + refusals,
    )


def _write_key(authorization: str | None) -> str | None:
    """The user of `Basic`; the colon behind it may be missing. `Bearer` (OAuth) names no key."""
    scheme, _, credentials = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials + "==").decode().partition(":")[0]
    except ValueError:
        return None


def _source(
    keys: Iterable[Any], batch: list[Any], sources: Sources, origin: str | None
) -> Source | None:
    """The source that the request names; None where only its items name one.

    Raises RequestError `invalid_write_key` or `origin_not_allowed`.
    """
    named = [key for key in keys if _is_key(key)]
    source = next(filter(None, map(sources.find, named)), sources.unknown if named else None)
    if source is None:
        if any(_own_source(item, sources) for item in batch if type(item) is dict):
            return None
        raise RequestError("invalid_write_key", "no source of this gateway has this write key")
    if not sources.allows(source, origin):
        raise RequestError("origin_not_allowed", "the source accepts no events from this origin")
    return source


def _own_source(item: Message, sources: Sources) -> Source | None:
    """The source that an item of a batch names for itself."""
    key = item.get("writeKey")
    return (sources.find(key) or sources.unknown) if _is_key(key) else None


def _is_key(value: Any) -> TypeGuard[str]:
    return type(value) is str and value != ""


def _envelope(
    body: bytes,
    batch: list[Any],
    shared: Message,
    facts: RequestContext,
    *,
    source: Source | None,
    sources: Sources,
    limits: Limits,
) -> _Envelope:
    """`shared`: the body of a batch; a message that is sent alone shares nothing.

    Raises RequestError where what is shared would make too much of the body.
    """
    arrays = body.count(b"[")
    empty_arrays = arrays > 0 and may_hold_empty_array(body) is not None
    context, integrations = (
        found if type(found := shared.get(key)) is dict else {}
        for key in ("context", "integrations")
    )
    may_be_deep = body.count(b"{") + arrays > limits.nesting and is_deeper(batch, limits.nesting)
    shared_bytes = 0
    if context or integrations:
        if is_deeper([context, integrations], limits.nesting):
            raise _refused(Reason.TOO_DEEP, limits)
        shared_bytes = len(orjson.dumps([context, integrations]))
        if shared_bytes * len(batch) > _GROWTH * limits.body_bytes:
            raise too_large(limits.body_bytes)
    return _Envelope(
        facts=facts,
        source=source,
        sources=sources,
        limits=limits,
        received=round(facts.received_at * 1000),
        sent=read_time(shared.get("sentAt")),
        context=context,
        integrations=integrations,
        shared_bytes=shared_bytes,
        may_be_deep=may_be_deep,
        may_be_large=len(body) > limits.event_bytes,
        may_hold_empty_arrays=empty_arrays,
    )


def _event(item: Any, envelope: _Envelope) -> RawEvent | Refusal:
    if type(item) is not dict:
        reason = Reason.MALFORMED if item is LOST else Reason.NOT_AN_OBJECT
        return Refusal(envelope.source_name, None, reason)
    of = item.get("type")
    of = of.lower() if type(of) is str else None
    of = of if of in TYPES else envelope.facts.type
    source = envelope.source
    if "writeKey" in item and (own := _own_source(item, envelope.sources)) is not source:
        if own is None or own is envelope.sources.unknown:
            source = source or own
        elif envelope.sources.allows(own, envelope.facts.sender.origin):
            source = own
        else:
            return Refusal(own.name, of, Reason.ORIGIN_NOT_ALLOWED)
    if source is None:
        return Refusal("unknown", of, Reason.UNKNOWN_WRITE_KEY)
    if of is None:
        return Refusal(source.name, None, Reason.UNKNOWN_TYPE)
    limits = envelope.limits
    if envelope.may_be_deep and is_deeper(item, limits.nesting):
        return Refusal(source.name, of, Reason.TOO_DEEP)
    if envelope.may_be_large and (
        len(orjson.dumps(item)) + envelope.shared_bytes > limits.event_bytes
    ):
        return Refusal(source.name, of, Reason.EVENT_TOO_LARGE)
    if envelope.may_hold_empty_arrays:
        fill_objects(item)
    misfits: list[Misfit] = []
    given_id = normalise(item, of, envelope.sent, envelope.received, misfits)
    _share(item, envelope)
    facts = envelope.facts
    return RawEvent(
        source=source.name,
        protocol="segment",
        type=of,
        name=SEGMENT.name_of(item, of),
        message=item,
        received_at=facts.received_at,
        client_address=facts.sender.address
        if _is_on_a_device(item, source, facts.sender)
        else None,
        opted_out=facts.sender.opted_out,
        hops=facts.sender.hops,
        given_id=given_id,
        misfits=tuple(misfits) if misfits else (),
    )


def _share(message: Message, envelope: _Envelope) -> None:
    """Give the message what its envelope says for all; its own word wins.

    An option of an integration belongs together, so it is taken whole.
    """
    if envelope.context and type(own := message.get("context", {})) is dict:
        message["context"] = merged(envelope.context, own)
    if envelope.integrations and type(own := message.get("integrations", {})) is dict:
        message["integrations"] = merged(envelope.integrations, {}) | own


def _is_on_a_device(message: Message, source: Source, sender: Sender) -> bool:
    """`context.direct` is how a caller of the HTTP API says that it runs on a person's device."""
    context = message.get("context")
    if type(context) is not dict:
        return is_on_a_device(source.kind, None, sender)
    if context.get("direct") is True and source.kind == "any":
        return True
    library = context.get("library")
    name = library.get("name") if type(library) is dict else None
    return is_on_a_device(source.kind, name if type(name) is str else None, sender)


def _refused(reason: Reason, limits: Limits) -> RequestError:
    """The only event of a request is not taken, so the client gets the reason."""
    if reason is Reason.EVENT_TOO_LARGE:
        message = f"the event is larger than {limits.event_bytes} bytes"
        return RequestError("payload_too_large", message)
    return RequestError("too_deep", "the JSON is nested too deeply")
