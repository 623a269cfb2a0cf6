"""Segment's messages, as its HTTP API takes them and the gateway keeps them."""

from __future__ import annotations

from typing import Any

from gateway.event import Message
from gateway.protocols.spec import MessageType, ProtocolSpec


def _example(kind: str, **more: Any) -> Message:
    return {
        "type": kind,
        "messageId": f"example-{kind}",
        "timestamp": "2026-11-23T07:51:04.317Z",
        "userId": "user-1",
        "context": {"library": {"name": "analytics.js", "version": "1"}},
        **more,
    }


SEGMENT = ProtocolSpec(
    protocol="segment",
    form="segment",
    types={
        "track": MessageType(
            name_key="event",
            is_planned_by_name=True,
            example=_example("track", event="Signed Up", properties={"plan": "pro"}),
        ),
        "page": MessageType(
            name_key="name",
            is_planned_by_name=False,
            example=_example("page", name="Pricing", properties={"title": "Pricing"}),
        ),
        "screen": MessageType(
            name_key="name",
            is_planned_by_name=False,
            example=_example("screen", name="Home", properties={"title": "Home"}),
        ),
        "identify": MessageType(
            name_key=None,
            is_planned_by_name=False,
            example=_example("identify", traits={"plan": "pro"}),
        ),
        "group": MessageType(
            name_key=None,
            is_planned_by_name=False,
            example=_example("group", groupId="group-1", traits={"seats": 3}),
        ),
        "alias": MessageType(
            name_key=None,
            is_planned_by_name=False,
            example=_example("alias", previousId="visitor-1"),
        ),
    },
    retired_types=frozenset(),
    type_key="type",
    message_id=(("messageId",), ("properties", "$insert_id")),
    identities=(("userId",), ("anonymousId",), ("groupId",), ("previousId",)),
    person_ids=(
        ("userId",),
        ("anonymousId",),
        ("previousId",),
        ("traits", "id"),
        ("traits", "userId"),
        ("context", "traits", "id"),
        ("context", "traits", "userId"),
        ("context", "device", "id"),
        ("context", "externalIds", "*", "id"),
    ),
    group_ids=(("groupId",), ("context", "groupId")),
    addresses=(("context", "ip"),),
    address_goes_to=(("context", "ip"),),
    library=(("context", "library", "name"), ("context", "library", "version")),
    app_version=(("context", "app", "version"),),
    structural=(
        "/type",
        "/event",
        "/messageId",
        "/timestamp",
        "/originalTimestamp",
        "/sentAt",
        "/receivedAt",
        "/channel",
        "/version",
        "/integrations/*",
        "/_metadata/**",
        "/context/library/**",
        "/context/consent/**",
    ),
    indispensable=(
        "/type",
        "/event",
        "/messageId",
        "/timestamp",
        "/originalTimestamp",
        "/sentAt",
        "/receivedAt",
        "/channel",
        "/integrations/*",
        "/_metadata/bundled/*",
        "/_metadata/unbundled/*",
        "/_metadata/bundledIds/*",
        "/context/library/name",
        "/context/library/version",
        "/context/consent/categoryPreferences/*",
    ),
    free_form=(("properties",), ("traits",)),
    removable_below=frozenset({"properties", "traits", "context"}),
    essential_properties=(),
)
