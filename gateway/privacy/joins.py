"""After a rotation an alias may join a person's pseudonym by the key before to the one of today.

It is off unless the policy says for how long. Only the id of an account is joined, and only where a
rule pseudonymised it as a whole value: never that of a device or a group, or a piece of a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from typing import cast

from gateway import __version__
from gateway.event import CleanMessage, CleanText, Protocol
from gateway.privacy.keys import KeyRing
from gateway.protocols import Keys

Join = tuple[CleanText, CleanText]
"""What stood for a person before the rotation, and what stands for the person now."""

_ACCOUNTS: Mapping[Protocol, tuple[Keys, ...]] = {
    "segment": (("userId",),),
    "mixpanel": (("properties", "$user_id"), ("properties", "distinct_id"), ("$distinct_id",)),
}
_DEVICE: Keys = ("properties", "$device_id")
_LIBRARY = {"name": "telemetry-gateway", "version": __version__}


def open_until(ring: KeyRing, seconds: float) -> float:
    """Epoch seconds until which persons are joined, counted from the end of the key's day."""
    made = ring.in_force.made
    if not seconds or made is None or len(ring.keys) == 1:
        return -inf
    try:
        day = datetime.fromisoformat(made).replace(tzinfo=UTC)
    except ValueError:  # nobody knows how old it is
        return -inf
    return (day + timedelta(days=1)).timestamp() + seconds


def join_in(
    protocol: Protocol,
    message: CleanMessage,
    identities: Iterable[str],
    tokens: Mapping[str, CleanText],
    previous: Callable[[str], CleanText],
) -> Join | None:
    """The account that a clean message names. `identities`: the whole values that became tokens."""
    account = next(filter(None, (_at(message, keys) for keys in _ACCOUNTS.get(protocol, ()))), None)
    if account is None or account == _at(message, _DEVICE):
        return None
    for value in identities:
        if (token := tokens[value]) == account:
            return previous(value), token
    return None


def id_of(join: Join) -> CleanText:
    """The same for the same pair, so that its alias is made once."""
    return CleanText(f"join-{hashlib.sha256(':'.join(join).encode()).hexdigest()[:32]}")


def alias(join: Join, time: str) -> CleanMessage:
    """Segment's message that joins the two."""
    previous, current = join
    message = {
        "type": "alias",
        "messageId": id_of(join),
        "timestamp": time,
        "previousId": previous,
        "userId": current,
        "context": {"library": {**_LIBRARY}},
    }
    return cast("CleanMessage", message)


def _at(message: CleanMessage, keys: Keys) -> object:
    value: object = message
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
