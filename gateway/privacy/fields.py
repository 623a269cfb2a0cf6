"""What each protocol's messages are made of, as far as privacy must know."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.event import Protocol

STRUCTURAL: Mapping[Protocol, tuple[str, ...]] = {
    "segment": (
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
    "mixpanel": (
        "/event",
        "/properties/time",
        "/properties/$insert_id",
        "/properties/token",
        "/properties/mp_lib",
        "/properties/$lib_version",
        "/properties/$mp_api_endpoint",
        "/properties/$source",
        "/$token",
        "/$time",
        "/$ignore_time",
        "/$ignore_alias",
        "/$group_key",
        "/$mp_metadata/**",
        "/$set",
        "/$set_once",
        "/$add",
        "/$append",
        "/$union",
        "/$remove",
        "/$unset",
        "/$delete",
    ),
    "appsmith": ("/viewMode", "/isAnonymousUser", "/instanceId", "/createdAt"),
}
"""Fields without which a message is none. A rule touches them only by naming their path."""

ADDRESS_PLACES: Mapping[Protocol, tuple[tuple[str, ...], ...]] = {
    "segment": (("context", "ip"),),
    "mixpanel": (("properties", "ip"), ("properties", "$ip"), ("$ip",)),
    "appsmith": (),
}
"""Where each protocol carries the address of the person's device."""
