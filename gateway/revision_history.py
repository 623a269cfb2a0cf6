"""The numbers that policies and schemas were given: the same content gets the same number again.

`revisions.jsonl` in the data folder has a line for each content that was ever in force: when it
first was, what it is (policy or schema), its number and its digest. Lines are only added, so a
number only rises. The process that has claimed the data folder writes; anyone may read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path as FilePath
from typing import Literal

import orjson

from gateway.errors import ConfigurationError, Mistake
from gateway.jsonl import history
from gateway.revisions import Revision, Revisions
from gateway.timestamps import timestamp

FILE = "revisions.jsonl"
Kind = Literal["policy", "schema"]


@dataclass(frozen=True, slots=True)
class Numbered:
    """A content and its number, since when."""

    time: str
    kind: Kind
    number: int
    digest: str

    @property
    def revision(self) -> Revision:
        return Revision(self.number, self.digest)


def read(data_dir: FilePath) -> tuple[Numbered, ...]:
    """The list, oldest first; empty where there is none. Raises ConfigurationError."""
    file = data_dir / FILE
    found: list[Numbered] = []
    try:
        lines = history.read(file)
    except OSError as error:
        raise ConfigurationError([Mistake(str(file), 1, f"{error.strerror}")]) from None
    for number, line in enumerate(lines, 1):
        try:
            found.append(Numbered(**orjson.loads(line)))
        except (ValueError, TypeError):
            message = "not a line of the list of revisions; restore the file, or move it away"
            raise ConfigurationError([Mistake(str(file), number, message)]) from None
    return tuple(found)


def number(
    past: Sequence[Numbered], revisions: Revisions, now: float
) -> tuple[Revisions, tuple[Numbered, ...]]:
    """The revisions with their numbers, and what the list does not have yet. Pure."""
    policy = _numbered(past, "policy", revisions.policy.digest, now)
    schema = _numbered(past, "schema", revisions.schema.digest, now)
    new = tuple(one for one in (policy, schema) if one not in past)
    return Revisions(policy.revision, schema.revision), new


def entered(data_dir: FilePath, revisions: Revisions, now: float) -> Revisions:
    """The revisions with their numbers, which are in the list when this returns. Blocks.

    Raises OSError or ConfigurationError, and then the list is as it was.
    """
    given, new = number(read(data_dir), revisions, now)
    if new:
        history.append(data_dir / FILE, [orjson.dumps(asdict(one)) for one in new])
    return given


def _numbered(past: Sequence[Numbered], kind: Kind, digest: str, now: float) -> Numbered:
    highest = 0
    for one in past:
        if one.kind == kind:
            if one.digest == digest:
                return one
            highest = max(highest, one.number)
    return Numbered(timestamp(now), kind, highest + 1, digest)
