"""A usage pulse is taken exactly where Appsmith's own server would take it.

The product hashes the address of who is signed in. A gateway does not know the product's sessions:
a trusted proxy may name the person in a header; else users are counted by their session, and
somebody who signs in again counts again. Either is hashed with SHA-256, as the product does, and
the policy makes a pseudonym of the hash. Pure: no I/O, no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import RequestError
from gateway.event import RawEvent, Reason
from gateway.extensions.appsmith.events import Pulse, keep_alive, registered, usage_pulse
from gateway.extensions.appsmith.settings import Appsmith, Instance, is_instance_id
from gateway.ingest import Intake, Refusal
from gateway.ingest.json_decode import decode

_LONGEST_ID = 256
"""Characters of a visitor's id."""


@dataclass(frozen=True, slots=True)
class PulseContext:
    """What is known of a pulse beside its body."""

    host: str
    received_at: float  # epoch seconds
    signed_in_as: str | None = field(default=None, repr=False)  # by a trusted proxy
    session: str | None = field(default=None, repr=False)  # of Appsmith's cookie


def read_pulse(body: bytes, facts: PulseContext, settings: Appsmith) -> Intake:
    """The pulse, or a refusal where its instance does not pay. Raises RequestError."""
    value = decode(body)
    if type(value) is not dict:
        raise RequestError("not_an_object", "the body must be a JSON object")
    view_mode, visitor = value.get("viewMode"), value.get("anonymousUserId")
    if type(view_mode) is not bool:
        raise _invalid("viewMode")
    if visitor is not None and (not view_mode or type(visitor) is not str):
        raise _invalid("anonymousUserId")
    user = _signed_in(facts, settings, visitor)
    somebody = user or visitor
    if not somebody or len(somebody) > _LONGEST_ID:
        raise _invalid("anonymousUserId")
    pulse = Pulse(somebody, is_anonymous=user is None, view_mode=view_mode)
    instance = _instance(facts.host, settings.instances)
    if instance is None or not instance.paying:
        return _refused(settings, "usage_pulse", Reason.NOT_PAYING)
    event = usage_pulse(settings.source, facts.received_at, instance, pulse)
    return Intake("appsmith", [event], [])


def read_ping(query: Mapping[str, str], received_at: float, settings: Appsmith) -> Intake:
    """The keep-alive ping that asks for release notes. Raises RequestError `unreadable_ping`."""
    instance_id = _instance_id(query.get("instanceId"), "unreadable_ping")
    event = keep_alive(
        settings.source, received_at, instance_id, query.get("version"), query.get("edition")
    )
    return _of_an_instance(event, instance_id, settings)


def read_registration(body: bytes, received_at: float, settings: Appsmith) -> Intake:
    """The registration of a new instance. Raises RequestError."""
    value = decode(body)
    key: Any = value.get("key") if type(value) is dict else None
    instance_id = _instance_id(key, "unreadable_registration")
    event = registered(settings.source, received_at, instance_id)
    return _of_an_instance(event, instance_id, settings)


def _signed_in(facts: PulseContext, settings: Appsmith, visitor: str | None) -> str | None:
    """The hash of who is signed in; None for a visitor."""
    name = (facts.signed_in_as or "").strip().lower() if settings.user_header else ""
    if not name and not visitor:
        name = facts.session or ""
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest() if name else None


def _instance(host: str, instances: Sequence[Instance]) -> Instance | None:
    """Whose pulse it is, by the host that the browser has open."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    name = name.rstrip(".").lower()
    for instance in instances:
        if name in {known.lower() for known in instance.hosts}:
            return instance
    alone = len(instances) == 1 and not instances[0].hosts
    return instances[0] if alone else None


def _of_an_instance(event: RawEvent, instance_id: str, settings: Appsmith) -> Intake:
    known = {instance.id for instance in settings.instances}
    if known and instance_id not in known:
        return _refused(settings, event.type, Reason.UNKNOWN_INSTANCE)
    return Intake("appsmith", [event], [])


def _instance_id(value: Any, code: str) -> str:
    if type(value) is not str or not is_instance_id(value):
        raise RequestError(code, "no instance is named")
    return value


def _refused(settings: Appsmith, of: str, reason: Reason) -> Intake:
    return Intake("appsmith", [], [Refusal(settings.source, of, reason)])


def _invalid(parameter: str) -> RequestError:
    """In the product's words."""
    return RequestError("invalid_parameter", f"Please enter a valid parameter {parameter}.")
