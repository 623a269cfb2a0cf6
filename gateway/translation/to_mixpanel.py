"""A Segment message becomes the Mixpanel operations that Segment's own destination would send.

Facts: segmentio/action-destinations, `destinations/mixpanel`. Where this differs (ids that Mixpanel
refuses, `$device:` on anonymous ids of projects with the simplified identity merge, the token that
a property may not replace) docs/mapping.md says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from gateway.event import CleanMessage, Header, Message, Reason
from gateway.timestamps import read_time
from gateway.translation import coerce, fields, identifiers, limits, profiles
from gateway.translation.browser import browser, device
from gateway.translation.identifiers import DEVICE, hashed, insert_id, usable
from gateway.translation.operation import Operation
from gateway.translation.project import Project
from gateway.translation.table import (
    CAMPAIGN,
    CLICK_IDS,
    EVENT,
    GROUP_TRAITS,
    ORDER_ONLY,
    PAGE,
    PAGE_VIEW,
    PRODUCT,
    RESERVED,
    TRAITS,
)

_DAY = 86_400_000
_FIVE_OF_CAMPAIGN = frozenset({"source", "medium", "name", "term", "content"})
_PLACEHOLDER = re.compile(r"\{name\}|\{category\}")
_CLICK_ID = re.compile(rf"[?&]({'|'.join(CLICK_IDS)})=([^&#]+)")


Operations = tuple[Operation, ...]


def translate(message: CleanMessage, header: Header, project: Project) -> Operations | Reason:
    """The operations of one message in the order they must be sent, or why there are none."""
    match header.type:
        case "track":
            return _track(message, header, project)
        case "page" | "screen":
            return _view(message, header, project)
        case "identify":
            return _identify(message, header, project)
        case "group":
            return _group(message, header, project)
        case "alias":
            return _alias(message, header, project)
    return Reason.NO_EQUIVALENT


def _track(message: Message, header: Header, project: Project) -> Operations | Reason:
    name = coerce.text(message.get("event"))
    if not name:
        return Reason.INCOMPLETE
    given = _object(message.get("properties"))
    properties = _properties(message, header, project, name, given)
    operations = [_event(name, properties)]
    if project.expand_orders and name == "Order Completed" and "products" in given:
        operations += _purchases(properties, given["products"], _arrival(header))
    if project.increments and "increment" in given:
        operations += _increments(message, header, project, given["increment"])
    return tuple(operations)


def _increments(
    message: Message, header: Header, project: Project, increment: Any
) -> Iterator[Operation]:
    """Each part that cannot be added is left out by itself."""
    sums, is_whole = profiles.increments(increment)
    whose = _whose(message, header, project)
    if sums and whose["$distinct_id"]:
        yield _profile(whose, "$add", sums)
        sums = {}
    if sums or not is_whole:
        yield Operation("people", {**whose, "$add": sums}, Reason.INCOMPLETE)


def _view(message: Message, header: Header, project: Project) -> Operations | Reason:
    """A page or a screen is an event whose name the project's template makes."""
    template = project.page_event if header.type == "page" else project.screen_event
    name = coerce.text(message.get("name"))
    category = coerce.text(message.get("category"))
    event = _filled(template, {"{name}": name, "{category}": category})
    if not event:
        return Reason.INCOMPLETE
    given = _object(message.get("properties"))
    viewed: Message = {"category": category} if category else {}
    if event == PAGE_VIEW:
        PAGE.write(message, viewed)
        taken = {row.segment[1] for row in PAGE.rows}
        given = {key: value for key, value in given.items() if key not in taken}
    properties = _properties(message, header, project, name, {**viewed, **given})
    return (_event(event, properties),)


def _filled(template: str, values: Mapping[str, str | None]) -> str:
    """What is missing takes the blank beside it along; blanks of a name itself are its own."""
    for placeholder in [each for each, value in values.items() if not value]:
        if placeholder in template:
            template = " ".join(template.replace(placeholder, "").split())
    return _PLACEHOLDER.sub(lambda found: values[found[0]] or "", template).strip()


def _identify(message: Message, header: Header, project: Project) -> Operations | Reason:
    whose = _whose(message, header, project)
    if not whose["$distinct_id"]:
        return Reason.INCOMPLETE
    operations = []
    if "$user_id" in whose and "$device_id" in whose:
        operations.append(_joined(whose, message, header, project))
    traits = message.get("traits") or _object(message.get("context")).get("traits")
    if isinstance(traits, dict) and traits:
        profile = profiles.of_user(TRAITS, traits)
        for name, values in profiles.operations(TRAITS, profile, project):
            operations.append(_profile(whose, name, values))
    return tuple(operations) or Reason.INCOMPLETE


def _joined(whose: Message, message: Message, header: Header, project: Project) -> Operation:
    """What tells Mixpanel that both ids are one person.

    Projects with the simplified merge ignore `$identify`; any other event with both ids joins them.
    Its id and its time are those of the pair and the day, so that Mixpanel keeps one of the copies
    (docs/decisions/0019-one-event-joins-a-pair.md).
    """
    user, device_id, moment = whose["$user_id"], whose["$device_id"], whose["$time"]
    joined = {
        "distinct_id": user,
        "$identified_id": user,
        "$anon_id": device_id,
        "$user_id": user,
        "$device_id": device_id,
    }
    if project.identity == "original":
        return _identity("$identify", joined, message, header)
    joined |= {
        "ip": 0,
        "time": moment - moment % _DAY,
        "$insert_id": hashed(f"identify\0{user}\0{device_id}"),
        "$source": _source(message),
        "segment_source_name": header.source,
        "segment_call": "identify",
    }
    return _event(project.identify_event, joined)


def _group(message: Message, header: Header, project: Project) -> Operations | Reason:
    """The profile of each group, and that the user belongs to it."""
    traits = _object(message.get("traits"))
    own = identifiers.group(traits.get(project.group_key)) or message.get("groupId")
    found = {project.group_key: [group] if (group := identifiers.group(own)) else []}
    for key in project.group_keys:
        given = traits.get(key)
        each = given if isinstance(given, list) else [given]
        found[key] = [group for one in each if (group := identifiers.group(one))]
    profile = profiles.named(GROUP_TRAITS, traits)
    operations = [
        Operation("groups", {"$group_key": key, "$group_id": group, "$set": profile})
        for key, groups in found.items()
        for group in groups
    ]
    if not operations:
        return Reason.INCOMPLETE
    links = {key: groups for key, groups in found.items() if groups}
    whose = _whose(message, header, project)
    if whose["$distinct_id"]:
        operations.append(_profile(whose, "$union", links))
    return tuple(operations)


def _alias(message: Message, header: Header, project: Project) -> Operations | Reason:
    if project.identity == "simplified":
        return Reason.NO_EQUIVALENT
    former = usable(message.get("previousId"))
    present = usable(message.get("userId")) or usable(message.get("anonymousId"))
    if not former or not present or former == present:
        return Reason.INCOMPLETE
    joined = {"distinct_id": former, "alias": present}
    return (_identity("$create_alias", joined, message, header),)


def _properties(
    message: Message, header: Header, project: Project, name: str | None, given: Message
) -> Message:
    """All of an event but its name; what the client gave wins over what the context says."""
    built: Message = {
        **_identifiers(message, project),
        "$source": _source(message),
        "segment_source_name": header.source,
    }
    if name:
        built["event_original_name"] = name
    EVENT.write(message, built)
    _from_context(_object(message.get("context")), project, built)
    built.setdefault("ip", 0)
    built["time"] = limits.timely(built.get("time"), _arrival(header))
    built.setdefault("$insert_id", insert_id(header.message_id))
    for key, value in given.items():
        if key not in RESERVED:
            built[key] = value
    return built


def _from_context(context: Message, project: Project, built: Message) -> None:
    """What takes more than a row of the table."""
    if group := identifiers.group(context.get("groupId")):
        built[project.group_key] = group
    agent = context.get("userAgent")
    if isinstance(agent, str):
        found, version = browser(agent)
        if found:
            built["$browser"] = found
        if version:
            built["$browser_version"] = version
    campaign = context.get("campaign")
    if isinstance(campaign, dict) and not campaign.keys() <= _FIVE_OF_CAMPAIGN:
        for key in campaign.keys() - _FIVE_OF_CAMPAIGN:
            if value := coerce.text(campaign[key]):
                built.setdefault(CAMPAIGN + key, value)
    if project.super_properties:
        traits = _object(context.get("traits"))
        is_all = "*" in project.super_properties
        for key in traits if is_all else project.super_properties:
            if key in traits and key not in RESERVED:
                built.setdefault(key, traits[key])
    if project.sdk_properties:
        _as_sdks_say(context, agent, built)


def _as_sdks_say(context: Message, agent: Any, built: Message) -> None:
    """What Mixpanel's own SDKs add to an event and Segment's destination does not."""
    if isinstance(agent, str):
        system, kind = device(agent)
        if system:
            built.setdefault("$os", system)
        if kind:
            built.setdefault("$device", kind)
    for ours, theirs in (("$wifi_enabled", "$wifi"), ("$screen_density", "$screen_dpi")):
        if ours in built:
            built.setdefault(theirs, built[ours])
    page = _object(context.get("page"))
    for address in (page.get("url"), page.get("search")):
        if isinstance(address, str) and "=" in address:
            for key, value in _CLICK_ID.findall(address):
                built.setdefault(key, unquote_plus(value))


def _identifiers(message: Message, project: Project) -> Message:
    user, device_id = usable(message.get("userId")), usable(message.get("anonymousId"))
    own = _distinct_id(user, device_id, project)
    built: Message = {"distinct_id": own, "id": own}
    if user:
        built |= {"$user_id": user, "$identified_id": user}
    if device_id:
        built |= {"$device_id": device_id, "$anon_id": device_id}
    return built


def _distinct_id(user: str | None, device_id: str | None, project: Project) -> str:
    """Whose event it is; empty stands for nobody, where an absent one would be made of an address.

    The simplified merge makes `$device:` ids itself for events; profiles have to be given the same.
    """
    if user:
        return user
    if not device_id:
        return ""
    return device_id if project.identity == "original" else DEVICE + device_id


def _source(message: Message) -> str:
    integration = _object(_object(message.get("context")).get("integration"))
    return "Iterable" if integration.get("name") == "Iterable" else "segment"


def _arrival(header: Header) -> int:
    return round(header.received_at * 1000)


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


def _whose(message: Message, header: Header, project: Project) -> Message:
    """What a profile update says of its person; `$time` is when it was meant, not sent."""
    user, device_id = usable(message.get("userId")), usable(message.get("anonymousId"))
    moment = limits.timely(read_time(message.get("timestamp")), _arrival(header))
    record: Message = {"$distinct_id": _distinct_id(user, device_id, project), "$time": moment}
    if user:
        record["$user_id"] = user
    if device_id:
        record["$device_id"] = device_id
    address = _object(message.get("context")).get("ip")
    if isinstance(address, str) and address and fields.ADDRESS.to_mixpanel(address):
        record["$ip"] = address
    return record


def _profile(whose: Message, operation: str, values: Message) -> Operation:
    return Operation("people", {**whose, operation: values})


def _purchases(order: Message, products: Any, arrival: int) -> list[Operation]:
    """One `Product Purchased` for each product, a millisecond apart and just before its order."""
    shared = {key: value for key, value in order.items() if key not in ORDER_ONLY}
    purchases = []
    for i, product in enumerate(products if isinstance(products, list) else [products]):
        if isinstance(product, dict):
            own = {
                **shared,
                **_product(product),
                "$insert_id": hashed(f"{i}:{order['$insert_id']}"),
                "time": limits.timely(order["time"] - 1 - i, arrival),
            }
            purchases.append(_event("Product Purchased", own))
    return purchases


def _product(product: Message) -> Message:
    """What Segment knows of a product has a type; what cannot be given it leaves as it came."""
    own = {key: value for key, value in product.items() if key not in RESERVED}
    for key in own.keys() & PRODUCT.keys():
        value = PRODUCT[key](own[key])
        own[key] = own[key] if value is None else value
    return own


def _object(value: Any) -> Message:
    return value if isinstance(value, dict) else {}
