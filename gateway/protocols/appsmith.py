"""What Appsmith's servers report of their use. The gateway makes these messages itself."""

from __future__ import annotations

from gateway.protocols.spec import MessageType, ProtocolSpec

_CREATED_AT = "2026-11-23T07:51:04.317Z"

APPSMITH = ProtocolSpec(
    protocol="appsmith",
    form="own",
    types={
        "usage_pulse": MessageType(
            name_key=None,
            is_planned_by_name=False,
            example={
                "type": "usage_pulse",
                "messageId": "example-usage-pulse",
                "user": "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5",
                "instanceId": "6645f1a2c3d4e5f6a7b8c9d0",
                "tenantId": "6645f1a2c3d4e5f6a7b8c9d1",
                "viewMode": True,
                "isAnonymousUser": False,
                "createdAt": _CREATED_AT,
            },
        ),
        "usage_report": MessageType(
            name_key=None,
            is_planned_by_name=False,
            example={
                "type": "usage_report",
                "messageId": "example-usage-report",
                "instanceId": "6645f1a2c3d4e5f6a7b8c9d0",
                "createdAt": _CREATED_AT,
                "usageData": [{"viewMode": True, "createdAt": _CREATED_AT}],
                "pulses": 1,
                "accepted": True,
                "signature": "unknown",
                "messageDigest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "dataDigest": "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
            },
        ),
    },
    retired_types=frozenset({"registration"}),  # 0.1.0 shipped a schema for it
    type_key=None,
    message_id=(("messageId",), ("properties", "$insert_id")),
    identities=(("user",), ("instanceId",)),
    person_ids=(("user",), ("usageData", "*", "user")),
    group_ids=(),
    addresses=(),
    address_goes_to=(),
    library=(),
    app_version=(),
    structural=("/viewMode", "/isAnonymousUser", "/instanceId", "/createdAt"),
    indispensable=("/viewMode", "/isAnonymousUser", "/instanceId", "/createdAt"),
    free_form=((),),
    removable_below=frozenset(),
    essential_properties=(),
)
