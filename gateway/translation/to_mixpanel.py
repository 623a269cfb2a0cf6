"""A Segment message becomes the Mixpanel operations that Segment's own destination would send.

Facts: segmentio/action-destinations, `destinations/mixpanel`. Where this differs (ids that Mixpanel
refuses, `$device:` on anonymous ids of projects with the simplified identity merge, the token that
a property may not replace) docs/mapping.md says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gateway.event import CleanMessage, Header, Message, Reason
from gateway.timestamps import read_time
from gateway.translation import fields
from gateway.translation.browser import browser
from gateway.translation.identifiers import DEVICE, hashed, insert_id, usable
from gateway.translation.project import Project
from gateway.translation.table import (
    EVENT,
    GROUP_TRAITS,
    ORDER_ONLY,
    PAGE,
    PAGE_VIEW,
    RESERVED,
    TRAITS,
)

MAX_INCREMENTS = 20

Kind = Literal["event", "identity", "people", "groups"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One record for Mixpanel, without the token. `identity` is an event that only joins ids."""

    kind: Kind
    record: Message


def translate(
    message: CleanMessage, header: Header, project: Project
) -> tuple[Operation, ...] | Reason:
    """The operations of one message in the order they must be sent, or why there are none."""
    match header.type:
        case "track":
            return _track(message, header, project)
        case "page" | "screen":
            return _view(message, header, project)
        case "identify":
            return _identify(message, header, project)
        case "group":
            return _group(message, project)
        case "alias":
            return _alias(message, header)
    return Reason.NO_EQUIVALENT


def _track(message: Message, header: Header, project: Project) -> tuple[Operation, ...] | Reason:
    name = message.get("event")
    if not isinstance(name, str) or not name:
        return Reason.INCOMPLETE
    given = _object(message.get("properties"))
    properties = _properties(message, header, project, name, given)
    operations = [_event(name, properties)]
    products = given.get("products")
    if project.expand_orders and name == "Order Completed" and isinstance(products, list):
        operations += _purchases(properties, products)
    if project.increments and (sums := _sums(given.get("increment"))):
        operations.append(_profile(message, header, project, "$add", sums))
    return tuple(operations)


def _view(message: Message, header: Header, project: Project) -> tuple[Operation, ...] | Reason:
    """A page or a screen is an event whose name the project's template makes."""
    template = project.page_event if header.type == "page" else project.screen_event
    name = message.get("name")
    category = message.get("category")
    filled = template.replace("{name}", name if isinstance(name, str) else "").replace(
        "{category}", category if isinstance(category, str) else ""
    )
    event = " ".join(filled.split())
    if not event:
        return Reason.INCOMPLETE
    given = _object(message.get("properties"))
    viewed: Message = {}
    if event == PAGE_VIEW:
        PAGE.write(message, viewed)
        taken = {row.segment[1] for row in PAGE.rows}
        given = {key: value for key, value in given.items() if key not in taken}
    properties = _properties(message, header, project, name, {**viewed, **given})
    return (_event(event, properties),)


def _identify(message: Message, header: Header, project: Project) -> tuple[Operation, ...] | Reason:
    user, device = usable(message.get("userId")), usable(message.get("anonymousId"))
    if not user and not device:
        return Reason.INCOMPLETE
    operations = []
    if user and device:
        joined = {
            "distinct_id": user,
            "$identified_id": user,
            "$anon_id": device,
            "$user_id": user,
            "$device_id": device,
        }
        operations.append(_identity("$identify", joined, message, header))
    traits = message.get("traits") or _object(message.get("context")).get("traits")
    if isinstance(traits, dict) and traits:
        profile = _traits(TRAITS, traits)
        full = f"{traits.get('firstName')} {traits.get('lastName')}"
        if traits.get("firstName") and traits.get("lastName"):
            profile.setdefault("$name", full)
        operations.append(_profile(message, header, project, "$set", profile))
    return tuple(operations) or Reason.INCOMPLETE


def _group(message: Message, project: Project) -> tuple[Operation, ...] | Reason:
    traits = message.get("traits")
    if not isinstance(traits, dict) or not traits:
        return Reason.INCOMPLETE
    group = usable(traits.get(project.group_key)) or usable(message.get("groupId"))
    if not group:
        return Reason.INCOMPLETE
    record = {
        "$group_key": project.group_key,
        "$group_id": group,
        "$set": _traits(GROUP_TRAITS, traits),
    }
    return (Operation("groups", record),)


def _alias(message: Message, header: Header) -> tuple[Operation, ...] | Reason:
    former = usable(message.get("previousId"))
    present = usable(message.get("userId")) or usable(message.get("anonymousId"))
    if not former or not present or former == present:
        return Reason.INCOMPLETE
    joined = {"distinct_id": former, "alias": present}
    return (_identity("$create_alias", joined, message, header),)


def _properties(
    message: Message, header: Header, project: Project, name: Any, given: Message
) -> Message:
    """All of an event but its name; what the client gave wins over what the context says."""
    built: Message = {
        **_identifiers(message, project),
        "$source": _source(message),
        "segment_source_name": header.source,
    }
    if isinstance(name, str):
        built["event_original_name"] = name
    EVENT.write(message, built)
    context = _object(message.get("context"))
    if group := usable(context.get("groupId")):
        built[project.group_key] = group
    if isinstance(agent := context.get("userAgent"), str):
        found, version = browser(agent)
        built |= {"$browser": found} if found else {}
        built |= {"$browser_version": version} if version else {}
    built.setdefault("ip", 0)
    built.setdefault("time", int(header.received_at * 1000))
    built.setdefault("$insert_id", insert_id(header.message_id))
    for key, value in given.items():
        if key not in RESERVED:
            built[key] = value
    return built


def _identifiers(message: Message, project: Project) -> Message:
    user, device = usable(message.get("userId")), usable(message.get("anonymousId"))
    own = _distinct_id(user, device, project)
    built: Message = {"distinct_id": own, "id": own}
    if user:
        built |= {"$user_id": user, "$identified_id": user}
    if device:
        built |= {"$device_id": device, "$anon_id": device}
    return built


def _distinct_id(user: str | None, device: str | None, project: Project) -> str:
    """Whose event it is; empty stands for nobody, where an absent one would be made of an address.

    The simplified merge makes `$device:` ids itself for events; profiles have to be given the same.
    """
    if user:
        return user
    if not device:
        return ""
    return device if project.identity == "original" else DEVICE + device


def _source(message: Message) -> str:
    integration = _object(_object(message.get("context")).get("integration"))
    return "Iterable" if integration.get("name") == "Iterable" else "segment"


def _event(name: str, properties: Message) -> Operation:
    return Operation("event", {"event": name, "properties": properties})


def _identity(name: str, joined: Message, message: Message, header: Header) -> Operation:
    """No `time`: /track drops what is older than five days, and a merge of ids has no date."""
    properties = {
        **joined,
        "$insert_id": insert_id(message.get("messageId") or header.message_id),
        "$source": _source(message),
        "segment_source_name": header.source,
    }
    return Operation("identity", {"event": name, "properties": properties})


def _profile(
    message: Message, header: Header, project: Project, operation: str, values: Message
) -> Operation:
    """A profile update of whom the message is about; `$time` is when it was meant, not sent."""
    user, device = usable(message.get("userId")), usable(message.get("anonymousId"))
    moment = read_time(message.get("timestamp")) or int(header.received_at * 1000)
    record: Message = {"$distinct_id": _distinct_id(user, device, project), "$time": moment}
    if user:
        record["$user_id"] = user
    if device:
        record["$device_id"] = device
    address = _object(message.get("context")).get("ip")
    if isinstance(address, str) and fields.ADDRESS.to_mixpanel(address):
        record["$ip"] = address
    record[operation] = values
    return Operation("people", record)


def _traits(table: fields.Table, traits: Message) -> Message:
    """Traits under their Mixpanel names; those without one keep their own. A null stays a null."""
    profile: Message = {}
    named = {row.segment[0]: row.mixpanel[0] for row in table.rows if row.mixpanel}
    for trait, name in named.items():
        if trait in traits:
            profile.setdefault(name, traits[trait])
    for trait, value in traits.items():
        if trait not in named:
            profile[trait] = value
    return profile


def _purchases(order: Message, products: list[Any]) -> list[Operation]:
    """One `Product Purchased` for each product, a millisecond apart and just before its order."""
    shared = {key: value for key, value in order.items() if key not in ORDER_ONLY}
    purchases = []
    for i, product in enumerate(products):
        if isinstance(product, dict):
            own = {
                **shared,
                **{key: value for key, value in product.items() if key not in RESERVED},
                "$insert_id": hashed(f"{i}:{order['$insert_id']}"),
                "time": order["time"] - 1 - i,
            }
            purchases.append(_event("Product Purchased", own))
    return purchases


def _sums(increment: Any) -> Message | None:
    """What `$add` takes: numbers, and texts that are numbers. None when there is none."""
    if not isinstance(increment, dict) or not 0 < len(increment) <= MAX_INCREMENTS:
        return None
    sums: Message = {}
    for key, value in increment.items():
        number = _number(value)
        if number is None:
            return None
        sums[key] = number
    return sums


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else number if number == number else None  # noqa: PLR0124 (NaN)


def _object(value: Any) -> Message:
    return value if isinstance(value, dict) else {}
