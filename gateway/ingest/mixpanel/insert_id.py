"""An event has a `$insert_id` and a `time` when it leaves here, and keeps both forever.

Mixpanel's pages on deduplication: two events count as one where event, time, distinct_id and
`$insert_id` agree, and on one day even without the time. A delivery that is repeated must therefore
carry the same id, and two events that only look alike must not.

- The SDK's own id stays. Phones send theirs as `$mp_metadata.$mp_event_id`.
- Otherwise an event whose own time is finer than a second gets the keyed hash of its content: a
  request that comes twice, because its answer was lost, gives the same ids. Twins within one
  request are numbered.
- Otherwise the id is random. Without such a time two honest events of one user and one day can be
  equal in all they say, and one of them would vanish.

The hash has a key because its input holds what the policy has yet to remove: without one, anybody
who has the clean event could try out the rest.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import Counter
from typing import Any

import orjson

from gateway.event import Message, Misfit
from gateway.ingest.misfits import dropped_id, unread_time
from gateway.timestamps import read_time

LEGAL_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
"""Mixpanel's form of `$insert_id`."""

_MILLISECONDS_FROM = 100_000_000_000
"""A smaller `time` counts seconds; the SDKs send either."""
_USUAL_TEXT = re.compile(
    r"\d{9,13}|\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_FINER_FROM = 10**14
"""A larger `time` counts microseconds or less, which Mixpanel does not read."""


def identify(
    item: Message,
    properties: Message,
    received_at: float,
    seal: bytes,
    *,
    twins: Counter[bytes],
    misfits: list[Misfit],
) -> str | None:
    """Give an event the id and the time it lacks, in place.

    A time stays in the client's unit, if that is one that Mixpanel reads.

    Returns what a copy of the event has, too: Mixpanel counts two events with one `$insert_id` as
    one where they are of the same name and user. None: its id is random.

    `properties`: the item's. `received_at`: epoch seconds. `twins`: of the request, counted here.
    `misfits`: gets what could not be read.
    """
    found = properties.get("$insert_id")
    if not _is_id(found):
        if type(found) in (dict, list, bool):
            misfits.append(dropped_id(("properties", "$insert_id"), found))
        found = _own_id(item) or _made_id(item, properties, seal, twins)
        properties["$insert_id"] = found or str(uuid.uuid4())
    given = properties.get("time")
    time = read_time(given)
    if time is None:
        if given is not None:
            misfits.append(unread_time(("properties", "time"), given))
        properties["time"] = round(received_at, 3)
    elif type(given) is str:
        if not _USUAL_TEXT.fullmatch(given):
            properties["time"] = time
    elif given is not None and abs(given) >= _FINER_FROM:
        properties["time"] = time
    return f"{found}\0{item.get('event')}\0{properties.get('distinct_id')}" if found else None


def _is_id(value: Any) -> bool:
    return (type(value) is str and value != "") or type(value) is int


def _own_id(item: Message) -> str | None:
    metadata = item.get("$mp_metadata")
    found = metadata.get("$mp_event_id") if type(metadata) is dict else None
    return found if type(found) is str and LEGAL_ID.fullmatch(found) else None


def _made_id(item: Message, properties: Message, seal: bytes, twins: Counter[bytes]) -> str | None:
    if not _is_fine(properties.get("time")):
        return None
    content = orjson.dumps([item.get("event"), properties])
    digest = _digest(content, seal)
    place = twins[digest]
    twins[digest] += 1
    return (_digest(digest + str(place).encode(), seal) if place else digest).hex()


def _digest(content: bytes, seal: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=18, key=seal).digest()


def _is_fine(time: Any) -> bool:
    """Whether a time tells more than the second."""
    if type(time) is not int and type(time) is not float:
        return False
    return abs(time) >= _MILLISECONDS_FROM or time % 1 != 0
