"""Which policy and which schemas: each content has a number, and keeps it.

A digest says what a policy or a set of schemas means, whatever its file looks like. Pure; the list
of numbers is kept by `gateway.revision_history`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from gateway import __version__


@dataclass(frozen=True, slots=True)
class Revision:
    """One content: 1 is the first that this installation has had. 0: it has no number yet."""

    number: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Revisions:
    """What an event is decided by."""

    policy: Revision
    schema: Revision
    mark: str = field(init=False)
    """Stands beside each stored event: both numbers, and what differs with a list of numbers that
    was begun again and with a version of the gateway, whose detectors may know more."""

    def __post_init__(self) -> None:
        whole = digest([self.policy.digest, self.schema.digest, __version__])
        mark = f"{self.policy.number}.{self.schema.number}-{whole[:8]}"
        object.__setattr__(self, "mark", mark)

    def as_json(self) -> dict[str, Any]:
        return {"policy": asdict(self.policy), "schema": asdict(self.schema)}


def digest(meaning: Any) -> str:
    """Of plain JSON: the same whatever the order of keys, another whatever else differs."""
    canonical = orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return blake2b(canonical, digest_size=16).hexdigest()


UNNUMBERED = Revisions(Revision(), Revision())
