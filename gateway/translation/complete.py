"""What Segment would answer with a 200 and then drop does not count as delivered.

Its checks on ingest have names (its docs, Delivery Overview, discards): `no_user_anon_id`,
`id_required`, `id_not_string`, `event_not_defined`, `event_not_string`, `name_not_string`,
`category_not_string`, `properties_not_object`, `traits_not_object`, and those of consent and of the
advertising id. An empty text that a message can do without is left out instead.
"""

from __future__ import annotations

from typing import Any

from gateway.event import Message

_OPTIONAL = ("userId", "anonymousId", "name", "category")
_OBJECTS = ("properties", "traits", "context")


def is_complete(message: Message) -> bool:
    """Whether Segment keeps the message; leaves out of it what is empty."""
    for key in _OPTIONAL:
        if key in message:
            value = message[key]
            if value == "" or value is None:
                del message[key]
            elif type(value) is not str:
                return False
    if "userId" not in message and "anonymousId" not in message:
        return False
    for key in _OBJECTS:
        if message.get(key) is not None and type(message[key]) is not dict:
            return False
    kind = message.get("type")
    needed = _NEEDED.get(kind) if type(kind) is str else None
    if needed and not _is_text(message.get(needed)):
        return False
    return _is_context_taken(message.get("context") or {})


_NEEDED = {"track": "event", "group": "groupId", "alias": "previousId"}
"""What a message of a type cannot be without, beside an id."""


def _is_text(value: Any) -> bool:
    return type(value) is str and value != ""


def _is_context_taken(context: Message) -> bool:
    device = context.get("device")
    if type(device) is dict and type(device.get("advertisingId", "")) not in (str, type(None)):
        return False
    consent = context.get("consent")
    if consent is None:
        return True
    preferences = consent.get("categoryPreferences") if type(consent) is dict else None
    return type(preferences) is dict and all(type(value) is bool for value in preferences.values())
