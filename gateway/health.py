"""Whether events can be accepted: readiness, pages, metrics, log and `gateway doctor` agree on it.

The judgement is a pure function of facts. No text in it holds a path, for everybody may read
`/readyz`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LEAST_FREE_BYTES: Final = 64 * 1024
"""With less, an ordinary request cannot be written, whatever `journal.min_free_bytes` says."""
HEALED_SECONDS: Final = 5.0
"""For so long events must have been accepted again before that is announced."""

STOPPING: Final = "the gateway is stopping"
UNREACHABLE: Final = "the folder of the journal cannot be reached"
REPLACED: Final = "the files of the journal were moved, deleted or replaced while it is open"
READ_ONLY: Final = "the disk of the journal is read-only"
FULL: Final = "the disk is full"
DAMAGED: Final = "the journal is damaged"

_REMEDIES: Mapping[str, str] = {
    STOPPING: "start it again, if it does not restart by itself",
    UNREACHABLE: "mount its disk again, or put the folder back where it was",
    REPLACED: "put the same files back, or restart the gateway to begin with what is there now",
    READ_ONLY: "mount it for writing; `dmesg` says why it is not",
    FULL: "free space on the disk of data_dir; no restart is needed",
    "the disk is failing": "look at the disk (`dmesg`), and at who may write to data_dir",
    "the journal is read-only": "let the gateway's user write to data_dir, and restart the gateway",
    "another program holds the journal locked": (
        "end the program that has journal.db open; `fuser` names it"
    ),
    DAMAGED: "stop the gateway and run `gateway doctor --repair`",
    "the journal holds": (
        "`gateway doctor` names the destinations that wait; or raise journal.max_bytes and restart"
    ),
    "the disk has": (
        "free space on the disk of data_dir, or lower journal.min_free_bytes and restart"
    ),
}
"""By how the reason begins; `gateway.journal.sqlite.store.cause` names what SQLite reports."""
_ANY_REMEDY = "look into the log of the gateway, and run `gateway doctor`"


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system, as this process may use it."""

    device: int
    total: int
    free: int | None
    """None where there is no limit, as on a tmpfs without a size."""
    is_read_only: bool = False


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """What readiness depends on. Sizes are bytes."""

    used: int
    """What the journal holds."""
    max_bytes: int
    disk: Disk | None
    """None where the folder of the journal cannot be reached."""
    min_free_bytes: int
    is_replaced: bool = False
    """Whether other files are in the place of those that are open."""
    fault: str | None = None
    """Why the last write failed."""
    is_stopping: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """`reason` and `remedy` while nothing can be accepted; `warning` before it comes to that."""

    reason: str | None = None
    warning: str | None = None

    @property
    def ready(self) -> bool:
        return self.reason is None

    @property
    def remedy(self) -> str | None:
        return remedy(self.reason) if self.reason else None


def reason(facts: HealthFacts) -> str | None:
    """Why nothing can be accepted, or None."""
    if facts.is_stopping:
        return STOPPING
    if facts.disk is None:
        return UNREACHABLE
    if facts.is_replaced:
        return REPLACED
    if facts.disk.is_read_only:
        return READ_ONLY
    if facts.fault:
        return facts.fault
    if facts.used >= facts.max_bytes:
        return f"the journal holds {size(facts.used)}, its journal.max_bytes"
    free = facts.disk.free
    if free is None:
        return None
    if free < facts.min_free_bytes:
        return (
            f"the disk has {size(free)} left; "
            f"journal.min_free_bytes keeps {size(facts.min_free_bytes)}"
        )
    return FULL if free < LEAST_FREE_BYTES else None


def remedy(reason: str) -> str:
    """What to do about a reason."""
    found = (remedy for begin, remedy in _REMEDIES.items() if reason.startswith(begin))
    return next(found, _ANY_REMEDY)


def size(count: float) -> str:
    """`12.0 MiB`, `45.0 KiB`; from 10 GiB on in GiB."""
    if count >= 10 * 1024**3:
        return f"{count / 1024**3:,.1f} GiB"
    if count >= 1024**2 or not count:
        return f"{count / 1024**2:,.1f} MiB"
    return f"{count / 1024:,.1f} KiB"


@dataclass(frozen=True, slots=True)
class Began:
    """From now on events are refused."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Events are accepted again."""

    reason: str
    seconds: float
    requests: int
    events: int


class Outages:
    """Makes one `Began` and one `Ended` of each time of refusing. Times are monotonic seconds.

    What comes again within HEALED_SECONDS is the same outage.
    """

    def __init__(self) -> None:
        self._reason: str | None = None
        self._since = 0.0
        self._healthy_since: float | None = None
        self._refused: str | None = None
        self._requests = self._events = 0

    def refused(self, reason: str, events: int) -> None:
        """A request with so many events was answered 503."""
        self._refused = reason
        self._requests += 1
        self._events += events

    def look(self, at: float, reason: str | None) -> Began | Ended | None:
        """What there is to say, `reason` being why nothing can be accepted now."""
        reason, self._refused = reason or self._refused, None
        if reason:
            self._healthy_since = None
            if self._reason:
                return None
            self._reason, self._since = reason, at
            return Began(reason)
        if not self._reason:
            return None
        if self._healthy_since is None:
            self._healthy_since = at
        if at - self._healthy_since < HEALED_SECONDS:
            return None
        seconds = self._healthy_since - self._since
        ended = Ended(self._reason, seconds, self._requests, self._events)
        self._reason = self._healthy_since = None
        self._requests = self._events = 0
        return ended
