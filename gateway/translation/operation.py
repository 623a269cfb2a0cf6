"""One thing that Mixpanel is asked to do; a message may need several, each with its own outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.event import Message, Reason

Kind = Literal["event", "identity", "people", "groups"]

PROFILE_OPERATIONS = (
    "$set",
    "$set_once",
    "$add",
    "$append",
    "$union",
    "$remove",
    "$unset",
    "$delete",
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One record for Mixpanel, without the token. `identity` is an event that only joins ids.

    One with a `reason` is not sent: Mixpanel would refuse it. The others of its message are.
    """

    kind: Kind
    record: Message
    reason: Reason | None = None

    @property
    def part(self) -> str:
        """What people call it, out of a few words: what it does to a profile, or its kind."""
        done = next((name for name in PROFILE_OPERATIONS if name in self.record), None)
        return done or self.kind
