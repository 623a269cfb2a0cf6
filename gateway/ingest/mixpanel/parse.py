"""A Mixpanel request becomes events as they came, and one bad event never costs its neighbours.

Which source an event belongs to: its own token's, else the first of the request's keys that a
source has (Basic user, `api_key`, `token`, `project_id`). One request may mix tokens.

Pure: no I/O, no clock. The forms are those that the SDKs were recorded with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from gateway.config.model import Limits, Source
from gateway.errors import RequestError
from gateway.event import Message, Misfit, RawEvent, Reason
from gateway.ingest import Intake, Refusal
from gateway.ingest.client_info import Sender, basic_user, is_on_a_device
from gateway.ingest.json_decode import exact, is_deeper
from gateway.ingest.misfits import (
    InexactIdError,
    fill_empty_arrays,
    may_hold_empty_array,
    restore_ids,
    without_odd_ids,
)
from gateway.ingest.mixpanel.insert_id import LEGAL_ID, identify
from gateway.ingest.mixpanel.unpack import Call, items, json_text
from gateway.ingest.salvage import LOST
from gateway.ingest.sources import Sources
from gateway.protocols.mixpanel import MIXPANEL

Kind = Literal["event", "people", "groups"]

_ON_A_DEVICE = frozenset({"web", "swift", "iphone", "android", "react-native", "flutter", "unity"})
_ON_A_SERVER = frozenset({"python", "node", "jdk", "go", "ruby", "php"})
"""What SDKs call themselves in `mp_lib`."""
_IDS: dict[Kind, tuple[str, ...]] = {
    "event": ("distinct_id", "$device_id", "$user_id"),
    "people": ("$distinct_id",),
    "groups": ("$group_id",),
}
_IDS_OF_MERGES = ("$identified_id", "$anon_id")
_OBJECTS: dict[Kind, tuple[str, ...]] = {
    "event": ("properties", "$mp_metadata"),
    "people": ("$set", "$set_once", "$add", "$append", "$remove", "$union", "$mp_metadata"),
    "groups": ("$set", "$set_once", "$add", "$append", "$remove", "$union"),
}
_TOKEN: dict[Kind, str] = {"event": "token", "people": "$token", "groups": "$token"}


@dataclass(frozen=True, slots=True)
class MixpanelContext:
    """What is known of a request beside what it carries."""

    kind: Kind
    is_import: bool
    sender: Sender
    received_at: float  # epoch seconds
    seal: bytes = field(repr=False)  # a secret of at most 64 bytes, for the ids made here
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that was not taken, by its place in the request."""

    index: int
    insert_id: str = field(repr=False)
    reason: Reason


@dataclass(frozen=True, slots=True)
class Reading:
    """What one request holds. `$ignore`d events are refused, and no failure."""

    intake: Intake
    failures: list[Failure]


class _Sources:
    """The source of each token that a request names."""

    def __init__(self, keys: Iterable[str], sources: Sources, facts: MixpanelContext) -> None:
        self._keys = tuple(keys)
        self._sources = sources
        self._origin = facts.sender.origin
        self._kind = facts.kind
        self._found: dict[str, Source | Refusal] = {}

    def of(self, token: Any) -> Source | Refusal:
        """The source, or why the event goes to none."""
        own = token if type(token) is str else ""
        if own not in self._found:
            self._found[own] = self._search(own)
        return self._found[own]

    def _search(self, own: str) -> Source | Refusal:
        named = [key for key in (own, *self._keys) if key]
        unknown = self._sources.unknown if named else None
        source = next(filter(None, map(self._sources.find, named)), unknown)
        if source is None:
            return Refusal("unknown", self._kind, Reason.UNKNOWN_WRITE_KEY)
        if not self._sources.allows(source, self._origin):
            return Refusal(source.name, self._kind, Reason.ORIGIN_NOT_ALLOWED)
        return source


@dataclass(slots=True)  # as `Call`
class _Request:
    """What the events of one request have in common."""

    facts: MixpanelContext
    sources: _Sources
    limits: Limits
    may_be_the_users: bool  # the peer's address, by the request's word
    may_be_deep: bool
    may_be_large: bool
    may_hold_empty_arrays: bool
    twins: Counter[bytes]  # events that differ in nothing


def read(call: Call, facts: MixpanelContext, sources: Sources, limits: Limits) -> Reading:
    """The events of one request. Raises RequestError when it cannot be read as a whole.

    Its codes: `no_data`, `invalid_encoding`, `invalid_json`, `too_deep`, `not_an_object` and, for
    /import, whose callers can send less at once, `too_many_events`.
    """
    text = json_text(call.data)
    found = items(text, limits.batch_events)
    try:
        return _read(text, found, call, facts, sources=sources, limits=limits)
    except InexactIdError:
        found = items(text, limits.batch_events)
        _restore_ids(text, found, facts.kind)
        return _read(text, found, call, facts, sources=sources, limits=limits)


def _read(
    text: bytes,
    found: list[Any],
    call: Call,
    facts: MixpanelContext,
    *,
    sources: Sources,
    limits: Limits,
) -> Reading:
    """The events of `found`. Raises InexactIdError beside what `read` raises."""
    if facts.is_import and len(found) > limits.batch_events:
        message = f"send at most {limits.batch_events} events in one request"
        raise RequestError("too_many_events", message)
    keys = (basic_user(facts.authorization), *call.keys)
    request = _Request(
        facts=facts,
        sources=_Sources(keys, sources, facts),
        limits=limits,
        # /track uses the address where `ip=1` asks for it; the others unless `ip=0` forbids it.
        may_be_the_users=call.ip is not False
        and (call.ip is True or facts.is_import or facts.kind != "event"),
        may_be_deep=text.count(b"{") + text.count(b"[") > limits.nesting
        and is_deeper(found, limits.nesting),
        may_be_large=len(text) > limits.event_bytes,
        may_hold_empty_arrays=may_hold_empty_array(text) is not None,
        twins=Counter(),
    )
    taken = [_event(item, request) for item in found[: limits.batch_events]]
    events = [event for event in taken if type(event) is RawEvent]
    refusals = [event for event in taken if type(event) is Refusal]
    if behind := len(found) - len(taken):
        source = events[0].source if events else "unknown"
        refusals.append(Refusal(source, facts.kind, Reason.TOO_MANY_IN_BATCH, behind))
    failures = [
        Failure(index, _insert_id(found[index]), event.reason)
        for index, event in enumerate(taken)
        if type(event) is Refusal and event.reason is not Reason.IGNORED
    ]
    return Reading(Intake("mixpanel", events, refusals), failures)


def _restore_ids(text: bytes, found: list[Any], kind: Kind) -> None:
    """Give ids their digits back, in place, as far as the request is JSON as a whole."""
    try:
        twins = exact(text)
        twins = twins if type(twins) is list else [twins]
    except ValueError:
        twins = found
    if len(twins) != len(found):
        twins = found
    keys = (*_IDS[kind], *_IDS_OF_MERGES)
    if kind == "event":
        restore_ids(map(_properties, found), map(_properties, twins), keys)
    else:
        restore_ids(found, twins, keys)


def _properties(item: Any) -> Any:
    return item.get("properties") if type(item) is dict else None


def _event(item: Any, request: _Request) -> RawEvent | Refusal:
    facts = request.facts
    kind = facts.kind
    if type(item) is not dict:
        reason = Reason.MALFORMED if item is LOST else Reason.NOT_AN_OBJECT
        return Refusal("unknown", kind, reason)
    if request.may_hold_empty_arrays:
        fill_empty_arrays(item, _OBJECTS[kind])
    if kind == "event":
        properties = item.get("properties")
        if properties is None:
            properties = item["properties"] = {}
        elif type(properties) is not dict:
            return Refusal("unknown", kind, Reason.NOT_AN_OBJECT)
    else:
        properties = item
    source = request.sources.of(properties.get(_TOKEN[kind]))
    if isinstance(source, Refusal):
        return source
    if kind == "event" and properties.get("$ignore"):
        return Refusal(source.name, kind, Reason.IGNORED)
    limits = request.limits
    if request.may_be_deep and is_deeper(item, limits.nesting):
        return Refusal(source.name, kind, Reason.TOO_DEEP)
    if request.may_be_large and len(orjson.dumps(item)) > limits.event_bytes:
        return Refusal(source.name, kind, Reason.EVENT_TOO_LARGE)
    is_the_devices = _is_on_a_device(item, properties, source, facts)
    is_the_users = request.may_be_the_users and is_the_devices
    misfits: list[Misfit] = []
    without_odd_ids(properties, _IDS[kind], misfits, ("properties",) if kind == "event" else ())
    given_id = None
    if kind == "event":
        if item.get("event") == "$identify":
            without_odd_ids(properties, _IDS_OF_MERGES, misfits, ("properties",))
        given_id = identify(
            item,
            properties,
            facts.received_at,
            facts.seal,
            twins=request.twins,
            misfits=misfits,
        )
    return RawEvent(
        source=source.name,
        protocol="mixpanel",
        type=kind,
        name=MIXPANEL.name_of(item, kind),
        message=item,
        received_at=facts.received_at,
        client_address=facts.sender.address if is_the_users else None,
        opted_out=facts.sender.opted_out,
        hops=facts.sender.hops,
        given_id=given_id,
        misfits=tuple(misfits) if misfits else (),
        user_agent=facts.sender.user_agent if is_the_devices else None,
    )


def _is_on_a_device(
    item: Message, properties: Message, source: Source, facts: MixpanelContext
) -> bool:
    """Profile updates name no library; a phone's carry `$mp_metadata`."""
    if source.kind == "any":
        library = properties.get("mp_lib")
        if type(library) is str and library in _ON_A_SERVER:
            return False
        if type(library) is str and library in _ON_A_DEVICE:
            return True
        if type(item.get("$mp_metadata")) is dict:
            return True
    return is_on_a_device(source.kind, None, facts.sender)


def _insert_id(item: Any) -> str:
    """The id by which a sender knows its event; empty unless it is one of Mixpanel's form."""
    properties = item.get("properties") if type(item) is dict else None
    found = properties.get("$insert_id") if type(properties) is dict else None
    return found if type(found) is str and LEGAL_ID.fullmatch(found) else ""
