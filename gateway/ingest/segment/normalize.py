"""Whatever a client left out or wrote its own way, a message has Segment's stored shape afterwards.

It has `type`, a `messageId` of at most 100 characters, `timestamp` and `receivedAt`, its ids are
strings, and no null stands at its top level. Nulls inside properties, traits and context mean null.
What cannot be read is left out, and stands in the audit.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from gateway.event import Message, Misfit
from gateway.ingest.misfits import dropped_id, fill_empty_arrays, id_text, unread_time
from gateway.timestamps import read_time, write_time

_IDS = ("userId", "anonymousId", "groupId", "previousId")
IDS = (*_IDS, "messageId")
_NOT_OF_THE_EVENT = ("writeKey", "sequence", "batch")
_MESSAGE_ID_LENGTH = 100
_OBJECTS = ("properties", "traits", "context", "integrations")
_OBJECTS_OF_CONTEXT = (
    *("app", "campaign", "consent", "device", "library", "location", "network", "os", "page"),
    *("protocols", "referrer", "screen", "traits"),
)


def normalise(
    message: Message, of: str, sent: int | None, received: int, misfits: list[Misfit]
) -> str | None:
    """Bring a message to its stored shape, in place; returns its id, if the client gave it one.

    `of`: its type. `sent`: the envelope's `sentAt`, for a message without one. `received`: the
    gateway's clock. Both in epoch milliseconds. `misfits`: gets what could not be read.

    Raises InexactIdError.
    """
    for key in _NOT_OF_THE_EVENT:
        message.pop(key, None)
    if None in message.values():
        for key in [key for key, value in message.items() if value is None]:
            del message[key]
    message["type"] = of
    for key in _IDS:
        value = message.get(key)
        if value is not None and type(value) is not str:
            if (text := id_text(value)) is not None:
                message[key] = text
            else:
                del message[key]
                misfits.append(dropped_id((key,), value))
    given = message_id = message.get("messageId")
    if type(message_id) is not str or not 0 < len(message_id) <= _MESSAGE_ID_LENGTH:
        message_id = message["messageId"] = _message_id(given)
        if type(given) in (dict, list, bool):
            misfits.append(dropped_id(("messageId",), given))
    _correct_times(message, sent, received, misfits)
    return message_id if type(given) in (str, int, float) and given != "" else None


def fill_objects(message: Message) -> None:
    """Read PHP's empty array as the empty object that it is, wherever Segment has an object."""
    fill_empty_arrays(message, _OBJECTS)
    if type(context := message.get("context")) is dict:
        fill_empty_arrays(context, _OBJECTS_OF_CONTEXT)


def merged(shared: Message, own: Message) -> Message:
    """Both in one, deep; `own` wins. Nothing in it is also part of `shared`."""
    result = {key: _copy(value) for key, value in shared.items() if key not in own}
    for key, value in own.items():
        under = shared.get(key)
        both = type(under) is dict and type(value) is dict
        result[key] = merged(shared[key], value) if both else value
    return result


def _copy(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copy(inner) for key, inner in value.items()}
    if type(value) is list:
        return [_copy(inner) for inner in value]
    return value


def _message_id(given: Any) -> str:
    """A retry of a message whose id is too long must get the same id again."""
    if (number := id_text(given)) is not None:
        return number
    if type(given) is str and given:
        return hashlib.blake2b(given.encode(), digest_size=16).hexdigest()
    return str(uuid.uuid4())


def _correct_times(
    message: Message, sent: int | None, received: int, misfits: list[Misfit]
) -> None:
    """Give the moment by the gateway's clock: receivedAt - (sentAt - originalTimestamp).

    That is Segment's formula. Without a `sentAt` the client's clock is believed; without a
    readable time of its own the event happened when it arrived.
    """
    original = read_time(given := message.get("timestamp"))
    if original is None:
        if given is not None:
            misfits.append(unread_time(("timestamp",), given))
        if "originalTimestamp" in message:
            original = read_time(given := message["originalTimestamp"])
            if original is None:
                misfits.append(unread_time(("originalTimestamp",), given))
    if "sentAt" in message:
        own_sent = read_time(given_sent := message.pop("sentAt"))
        if own_sent is not None:
            sent = own_sent
        else:
            misfits.append(unread_time(("sentAt",), given_sent))
    received_text = write_time(received)
    corrected = None
    if original is not None:
        given = write_time(original)
        corrected = None if sent is None else write_time(received - (sent - original))
        corrected = corrected or given
    message["timestamp"] = corrected or received_text
    message["receivedAt"] = received_text
    message.pop("originalTimestamp", None)
    if type(given) is str:
        message["originalTimestamp"] = given
    if sent is not None:
        message["sentAt"] = write_time(sent)
