"""What Mixpanel gets of an event: operations, with what identifies each made before the journal."""

from __future__ import annotations

from typing import assert_never

from gateway.event import USER_AGENT, Message, Reason, StoredEvent
from gateway.protocols import PROTOCOLS
from gateway.timestamps import read_time
from gateway.translation import limits, to_mixpanel
from gateway.translation.identifiers import DEVICE, insert_id, usable
from gateway.translation.operation import Operation
from gateway.translation.project import Project

_PAIRS = frozenset({"$identify", "$create_alias", "$merge"})
"""Events that join two ids."""
_IDENTITY_EVENTS = frozenset({"$identify", "$create_alias"})


def operations_of(event: StoredEvent, project: Project) -> tuple[Operation, ...] | Reason:
    """What Mixpanel is asked to do, in order."""
    match PROTOCOLS[event.header.protocol].form:
        case "segment":
            return to_mixpanel.translate(event.message, event.header, project)
        case "mixpanel":
            return _native(event)
        case "own":
            return Reason.NO_EQUIVALENT
        case unknown:
            assert_never(unknown)


def _native(event: StoredEvent) -> tuple[Operation, ...] | Reason:
    """A record of Mixpanel's own, as it came; only what `/import` would refuse is corrected."""
    record: Message = event.message
    kind = event.header.type
    record.pop(USER_AGENT, None)
    if kind == "people":
        # Refused by Mixpanel, it would have its whole batch sent again in halves.
        return (Operation("people", record),) if record.get("$distinct_id") else Reason.INCOMPLETE
    if kind == "groups":
        is_whole = record.get("$group_key") and record.get("$group_id")
        return (Operation("groups", record),) if is_whole else Reason.INCOMPLETE
    properties = record.get("properties")
    if not isinstance(properties, dict) or not isinstance(record.get("event"), str):
        return Reason.INCOMPLETE
    if record["event"] in _PAIRS and not _is_pair(record["event"], properties):
        return Reason.INCOMPLETE  # Mixpanel would fill the gap itself, with the id of nobody
    if record["event"] in _IDENTITY_EVENTS:
        properties.pop("time", None)  # /track would drop it for its age, and ids have none
        return (Operation("identity", record),)
    moment, arrival = read_time(properties.get("time")), round(event.header.received_at * 1000)
    if limits.timely(moment, arrival) != moment:
        properties["time"] = arrival
    properties["$insert_id"] = insert_id(properties.get("$insert_id") or event.header.message_id)
    if usable(properties.get("distinct_id")) is None:
        properties["distinct_id"] = _somebody(properties)
    properties.setdefault("ip", 0)
    return (Operation("event", record),)


def _is_pair(name: str, properties: Message) -> bool:
    """Whether both ids are there, and two."""
    match name:
        case "$identify":
            pair = (
                usable(properties.get("$identified_id")) or usable(properties.get("distinct_id")),
                usable(properties.get("$anon_id")) or usable(properties.get("$anon_distinct_id")),
            )
        case "$create_alias":
            pair = usable(properties.get("distinct_id")), usable(properties.get("alias"))
        case _:
            ids = properties.get("$distinct_ids")
            if not isinstance(ids, list) or len(ids) != 2:
                return False
            pair = usable(ids[0]), usable(ids[1])
    first, second = pair
    return first is not None and second is not None and first != second


def _somebody(properties: Message) -> str:
    """Without any distinct_id Mixpanel would make one of the sending address, which is ours."""
    user, device = usable(properties.get("$user_id")), usable(properties.get("$device_id"))
    return user or (DEVICE + device if device else "")
