"""Mixpanel's records, as /track, /engage, /groups and /import take them."""

from __future__ import annotations

from gateway.protocols.spec import MessageType, ProtocolSpec

MIXPANEL = ProtocolSpec(
    protocol="mixpanel",
    form="mixpanel",
    types={
        "event": MessageType(
            name_key="event",
            is_planned_by_name=True,
            example={
                "event": "Signed Up",
                "properties": {
                    "time": 1795420264,
                    "$insert_id": "example-event",
                    "distinct_id": "user-1",
                    "plan": "pro",
                },
            },
        ),
        "people": MessageType(
            name_key=None,
            is_planned_by_name=False,
            example={"$distinct_id": "user-1", "$set": {"plan": "pro"}},
        ),
        "groups": MessageType(
            name_key=None,
            is_planned_by_name=False,
            example={"$group_key": "company", "$group_id": "group-1", "$set": {"seats": 3}},
        ),
    },
    retired_types=frozenset(),
    type_key=None,
    message_id=(("messageId",), ("properties", "$insert_id")),
    identities=(
        ("properties", "distinct_id"),
        ("properties", "$user_id"),
        ("properties", "$device_id"),
        ("$distinct_id",),
        ("$group_id",),
    ),
    addresses=(("properties", "ip"), ("properties", "$ip"), ("$ip",)),
    address_goes_to=(("properties", "ip"), ("$ip",)),
    library=(("properties", "mp_lib"), ("properties", "$lib_version")),
    app_version=(("properties", "$app_version_string"), ("properties", "$app_version")),
    structural=(
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
    indispensable=(
        "/event",
        "/properties/time",
        "/properties/$insert_id",
        "/properties/token",
        "/properties/mp_lib",
        "/properties/$lib_version",
        "/$token",
        "/$time",
        "/$ignore_time",
        "/$ignore_alias",
        "/$group_key",
    ),
    free_form=(("properties",), ("$set",), ("$set_once",), ("$add",), ("$append",), ("$union",)),
    removable_below=frozenset({"properties", "$set", "$set_once", "$add", "$append", "$union"}),
    essential_properties=("token", "distinct_id", "time", "$insert_id"),
)
