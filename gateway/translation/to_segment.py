"""A Mixpanel record becomes the one Segment message that means the same, or none at all.

Segment has no word for `$add`, `$append`, `$union`, `$remove`, `$unset`, `$set_once` and `$delete`:
made into traits they would overwrite what they should have changed. They stay with Mixpanel and
file destinations. Facts: docs.mixpanel.com, identity merge, user and group profiles.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from gateway.event import USER_AGENT, CleanMessage, Header, Message, Reason
from gateway.translation import fields, identifiers
from gateway.translation.identifiers import DEVICE, usable
from gateway.translation.table import (
    CAMPAIGN,
    EVENT,
    GROUP_TRAITS,
    INTERNAL,
    OURS,
    PAGE,
    PAGE_VIEW,
    TRAITS,
)

_PAGE_NAMES = frozenset(name for row in PAGE.rows for name in row.mixpanel)
_KNOWN = {
    (is_view, is_ours): INTERNAL
    | (_PAGE_NAMES if is_view else frozenset())
    | (OURS if is_ours else frozenset())
    for is_view in (False, True)
    for is_ours in (False, True)
}
"""Properties that do not stay ones: of a page view or not, of ours or of a client."""


def translate(message: CleanMessage, header: Header, group_key: str) -> Message | Reason:
    """The Segment message of one record, or why there is none.

    `group_key` names the property that holds the group of an event; Segment knows only one kind.
    """
    translated: Message | Reason = Reason.NO_EQUIVALENT
    match header.type:
        case "event":
            translated = _event(message, header, group_key)
        case "people":
            translated = _people(message, header)
        case "groups":
            translated = _group(message, header, group_key)
    agent = message.get(USER_AGENT)
    if isinstance(translated, dict) and isinstance(agent, str):
        translated.setdefault("context", {})["userAgent"] = agent
    return translated


def as_it_came(record: CleanMessage, header: Header) -> Message:
    """The record for where Segment messages are kept: marked as what it is, dated, without token.

    `type`: `mixpanel_event`, `mixpanel_people` or `mixpanel_groups`.
    """
    is_event = header.type == "event"
    moment = _object(record.get("properties")).get("time") if is_event else record.get("$time")
    head = {"type": f"mixpanel_{header.type}", "timestamp": _moment(moment, header)}
    kept = {**head, **record, **head}
    kept.pop("$token", None)
    kept.pop(USER_AGENT, None)
    return kept


def _event(record: Message, header: Header, group_key: str) -> Message | Reason:
    name = record.get("event")
    properties = dict(_object(record.get("properties")))
    if not isinstance(name, str) or not name:
        return Reason.INCOMPLETE
    if properties.get("$ignore"):
        return Reason.NO_EQUIVALENT
    if name == "$identify" or properties.get("segment_call") == "identify":
        return _identify(properties, header)
    match name:
        case "$create_alias":
            return _alias(
                properties.get("distinct_id"), properties.get("alias"), properties, header
            )
        case "$merge":
            pair = properties.get("$distinct_ids")
            if not isinstance(pair, list) or len(pair) != 2:
                return Reason.INCOMPLETE
            return _alias(pair[1], pair[0], properties, header)
        case _:
            return _track(name, properties, header, group_key)


def _track(name: str, properties: Message, header: Header, group_key: str) -> Message:
    message = _message("page" if name == PAGE_VIEW else "track", properties, header)
    message |= _who(properties, message["messageId"])
    if name == PAGE_VIEW:
        ours = properties.get("$source") == "segment"
        title = properties.get("event_original_name" if ours else "current_page_title")
        if isinstance(title, str):
            message["name"] = title
        PAGE.read(dict(properties), message)
    else:
        message["event"] = name
    EVENT.read(properties, message)
    if group_key in properties:
        groups = properties[group_key]
        group = identifiers.group(groups[0] if isinstance(groups, list) and groups else groups)
        if group:
            message.setdefault("context", {})["groupId"] = group
            del properties[group_key]
    kept = message.setdefault("properties", {})
    known = _KNOWN[name == PAGE_VIEW, properties.get("$source") == "segment"]
    for key, value in properties.items():
        if key in known:
            continue
        head = key[:4]
        if head == CAMPAIGN and _is_campaign(key, value, message):
            continue
        if head != "$mp_" or key[:7] != "$mp_api":
            kept[key] = value
    return message


def _identify(properties: Message, header: Header) -> Message | Reason:
    user = usable(properties.get("$identified_id")) or usable(properties.get("distinct_id"))
    device = usable(properties.get("$anon_id")) or usable(properties.get("$anon_distinct_id"))
    if not user:
        return Reason.INCOMPLETE
    message = _message("identify", properties, header)
    message["userId"] = user
    if device:
        message["anonymousId"] = device.removeprefix(DEVICE)
    message["traits"] = {}
    _read_context(properties, message)
    return message


def _read_context(properties: Message, message: Message) -> None:
    """Move what has a place there into the message's context."""
    EVENT.read(properties, message)
    for key, value in properties.items():
        if key[:4] == CAMPAIGN:
            _is_campaign(key, value, message)


def _is_campaign(key: str, value: Any, message: Message) -> bool:
    """Whether it is a member of `context.campaign` that has no row; then it stands there."""
    if not isinstance(value, str) or key == CAMPAIGN:
        return False
    campaign = message.setdefault("context", {}).setdefault("campaign", {})
    campaign.setdefault(key[4:], value)
    return True


def _alias(former: Any, present: Any, properties: Message, header: Header) -> Message | Reason:
    previous, user = usable(former), usable(present)
    if not previous or not user:
        return Reason.INCOMPLETE
    message = _message("alias", properties, header)
    message["previousId"] = previous.removeprefix(DEVICE)
    message["userId"] = user.removeprefix(DEVICE)
    _read_context(properties, message)
    return message


def _people(record: Message, header: Header) -> Message | Reason:
    traits = record.get("$set")
    if not isinstance(traits, dict):
        return Reason.NO_EQUIVALENT
    message = _update("identify", record, header)
    identifiers = {
        "distinct_id": record.get("$distinct_id"),
        "$user_id": record.get("$user_id"),
        "$device_id": record.get("$device_id"),
    }
    message |= _who(identifiers, message["messageId"])
    message["traits"] = _traits(TRAITS, traits)
    _read_address(record, message)
    return message


def _read_address(record: Message, message: Message) -> None:
    address = fields.ADDRESS.to_segment(record.get("$ip"))
    if address is not None:
        message["context"] = {"ip": address}


def _group(record: Message, header: Header, group_key: str) -> Message | Reason:
    traits = record.get("$set")
    if not isinstance(traits, dict):
        return Reason.NO_EQUIVALENT
    group = identifiers.group(record.get("$group_id"))
    if not group:
        return Reason.INCOMPLETE
    message = _update("group", record, header)
    message["groupId"] = group
    message["anonymousId"] = message["messageId"]
    message["traits"] = _traits(GROUP_TRAITS, traits)
    if record.get("$group_key") != group_key:
        message["traits"]["$group_key"] = record.get("$group_key")
    _read_address(record, message)
    return message


def _message(kind: str, properties: Message, header: Header) -> Message:
    return {
        "type": kind,
        "messageId": str(properties.get("$insert_id") or header.message_id),
        "timestamp": _moment(properties.get("time"), header),
    }


def _update(kind: str, record: Message, header: Header) -> Message:
    """Profile updates carry no id; one made of their content is the same each time."""
    content = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    seal = hashlib.blake2b(content, digest_size=18, key=str(header.received_at).encode())
    return {
        "type": kind,
        "messageId": header.message_id or seal.hexdigest(),
        "timestamp": _moment(record.get("$time"), header),
    }


def _moment(value: Any, header: Header) -> str:
    return fields.timestamp(value) or fields.timestamp(header.received_at) or ""


def _who(properties: Message, fallback: str) -> Message:
    """Who it is, in Segment's two ids. It wants one: a record of nobody stands for itself.

    With the original identity merge an anonymous distinct_id is the bare `$device_id`.
    """
    user, device = usable(properties.get("$user_id")), usable(properties.get("$device_id"))
    own = usable(properties.get("distinct_id"))
    if own and own.startswith(DEVICE):
        device = device or own.removeprefix(DEVICE)
    elif own and own != device:
        user = user or own
    who = {"userId": user, "anonymousId": device}
    return {key: value for key, value in who.items() if value} or {"anonymousId": fallback}


def _traits(table: fields.Table, profile: Message) -> Message:
    rest = dict(profile)
    traits: Message = {}
    table.read(rest, traits)
    return {**rest, **traits}


def _object(value: Any) -> Message:
    return value if isinstance(value, dict) else {}
