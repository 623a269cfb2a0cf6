"""What instances do becomes events that hold the documented fields, whatever else was sent."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway import __version__
from gateway.event import Message, RawEvent, StoredEvent
from gateway.extensions.appsmith.classes import KEEP_ALIVE, REGISTERED
from gateway.extensions.appsmith.settings import Appsmith, Instance, is_instance_id
from gateway.extensions.appsmith.signature import verify
from gateway.timestamps import read_time, write_time

_LIBRARY = {"name": "telemetry-gateway", "version": __version__}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,63}")
"""What a version or an edition looks like."""
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "user": str,
    "tenantId": str,
    "organizationId": str,
    "viewMode": bool,
    "isAnonymousUser": bool,
    "createdAt": (str, int, float),
}


@dataclass(frozen=True, slots=True)
class Pulse:
    """Somebody used an instance. `user`: a hash of who is signed in, or a visitor's random id."""

    user: str
    is_anonymous: bool
    view_mode: bool


def keep_alive(
    source: str, received_at: float, instance_id: str, version: str | None, edition: str | None
) -> RawEvent:
    """The ping as Appsmith's telemetry page documents it."""
    given = {"edition": edition, "version": version}
    known = {key: value for key, value in given.items() if value and _WORD.fullmatch(value)}
    return _of_cloud_services(
        KEEP_ALIVE, source, received_at, instance_id, {**known, "type": "fetch-release-notes"}
    )


def registered(source: str, received_at: float, instance_id: str) -> RawEvent:
    """A new instance made itself known."""
    return _of_cloud_services(
        REGISTERED, source, received_at, instance_id, {"type": "register-installation"}
    )


def usage_pulse(source: str, received_at: float, instance: Instance, pulse: Pulse) -> RawEvent:
    """A pulse as Appsmith's server would store it."""
    message: Message = {
        "type": "usage_pulse",
        "messageId": str(uuid.uuid4()),
        "user": pulse.user,
        "instanceId": instance.id,
        "tenantId": instance.tenant_id,
        "viewMode": pulse.view_mode,
        "isAnonymousUser": pulse.is_anonymous,
        "createdAt": _iso(received_at),
    }
    return RawEvent(source, "appsmith", "usage_pulse", None, message, received_at)


def instance_of(event: StoredEvent) -> str:
    """Whose pulse it is."""
    return str(event.message.get("instanceId") or "")


def usage_report(
    body: Any, settings: Appsmith, received_at: float, *, accepted: bool
) -> RawEvent | None:
    """What a report said, and whether it is plausible; None where it is no report.

    The random text and its signature stay out: whoever had both could send them again.
    """
    data = body.get("usageData") if type(body) is dict else None
    if type(data) is not list:
        return None
    said = body.get("message")
    nonce = said if type(said) is str else ""
    message: Message = {
        "type": "usage_report",
        "messageId": str(uuid.uuid4()),
        "createdAt": _iso(received_at),
        "usageData": [_documented(item) for item in data if type(item) is dict],
        "pulses": len(data),
        "accepted": accepted,
        "signature": _verdict(body, nonce, settings),
        "messageDigest": hashlib.sha256(nonce.encode("utf-8", "replace")).hexdigest(),
        "dataDigest": hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    }
    for key in ("instanceId", "hashedInstanceId"):
        if type(value := body.get(key)) is str and is_instance_id(value):
            message[key] = value
    return RawEvent(settings.source, "appsmith", "usage_report", None, message, received_at)


def _of_cloud_services(
    name: str, source: str, received_at: float, instance_id: str, properties: Message
) -> RawEvent:
    time = _iso(received_at)
    message: Message = {
        "type": "track",
        "messageId": str(uuid.uuid4()),
        "timestamp": time,
        "receivedAt": time,
        "userId": instance_id,
        "event": name,
        "context": {"library": _LIBRARY},
        "integrations": {},
        "properties": {
            "id": instance_id,
            "instanceId": instance_id,
            "originService": "cloud-services",
            **properties,
        },
    }
    return RawEvent(source, "segment", "track", name, message, received_at)


def _documented(item: Message) -> Message:
    pulse = {key: item[key] for key, kind in _KINDS.items() if isinstance(item.get(key), kind)}
    if (moment := read_time(pulse.get("createdAt"))) is not None:
        pulse["createdAt"] = write_time(moment)
    return pulse


def _verdict(body: Message, nonce: str, settings: Appsmith) -> str:
    given, signature = body.get("instanceId"), body.get("hashedMessage")
    keys = {instance.id: instance.license_key for instance in settings.instances}
    if type(given) is str:
        key = keys.get(given, "")
    else:  # older versions send a hash of the id, which is of use only for a lone instance
        key = next(iter(keys.values())) if len(keys) == 1 else ""
    return verify(nonce, signature if type(signature) is str else "", key)


def _iso(seconds: float) -> str | None:
    return write_time(int(seconds * 1000))
