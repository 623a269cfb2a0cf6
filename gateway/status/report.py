"""One look at the gateway: what the status page, the API and the metrics all show.

The numbers of a `Status` come from one read of the journal, so the equation holds within it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.encryption import PLAIN
from gateway.revisions import UNNUMBERED, Revisions
from gateway.samples import Counts, Distribution, Samples
from gateway.timestamps import timestamp


@dataclass(frozen=True, slots=True)
class DestinationStatus:
    """Where one destination stands. accepted = delivered + pending + filtered + dead."""

    name: str
    type: str
    accepted: int  # since the destination exists
    delivered: int
    pending: int
    filtered: Mapping[str, int]
    dead: Mapping[str, int]
    replaying: int  # dead letters that are tried again; they count as pending
    discarded: int  # dead letters that were deleted; they count as dead
    expired: int  # those of the discarded that grew too old
    waiting: str | None  # why nothing can be delivered just now
    requests_at_once: int
    leaks: Mapping[str, int]  # what its guard found since the start, by kind
    left_out: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Parts of events that were not sent since the start, by part and reason."""
    scrubbed_again: int = 0
    """Events from which a later policy removed more before they left, since the start."""
    state: str = "idle"  # stopped, idle, delivering or waiting
    waiting_since: float | None = None  # epoch seconds: the first failure
    next_try: float | None = None

    def as_json(self) -> dict[str, Any]:
        since, next_try = self.waiting_since, self.next_try
        return {
            **asdict(self),
            "left_out": [
                {"part": part, "reason": reason, "count": count}
                for (part, reason), count in self.left_out.items()
            ],
            "waiting_since": None if since is None else timestamp(since),
            "next_try": None if next_try is None else timestamp(next_try),
        }


@dataclass(frozen=True, slots=True)
class Encryption:
    """The ids of the keys that journal and quarantine are encrypted with."""

    key: str | None
    """What new events are encrypted with; None: they are not."""
    also_needed: tuple[str, ...]
    """What events of before are encrypted with; `plain` where some are, or were, not encrypted."""

    @classmethod
    def of(cls, writes: str, needed: frozenset[str]) -> Encryption:
        others = needed - {writes}
        return cls(None if writes == PLAIN else writes, tuple(sorted(others)))


@dataclass(frozen=True, slots=True)
class Status:
    """Everything a person asks first. received = accepted + rejected."""

    version: str
    data_dir: str
    ready: bool
    refusal: str | None  # why nothing can be accepted just now
    remedy: str | None  # what to do about it
    received: Mapping[str, int]  # by source
    accepted: int
    rejected: Mapping[str, int]  # by reason
    destinations: tuple[DestinationStatus, ...]
    journal_bytes: int
    journal_full_in: float | None  # seconds, at the rate of the last minutes
    warning: str | None  # what should be done before nothing can be accepted
    disk_free_bytes: int | None  # on the disk of the journal
    data_bytes: Mapping[str, int]  # on disk, by part
    data_growth: Mapping[str, float]  # bytes an hour, by part
    changes: Mapping[tuple[str, str], int]  # by rule and action, since the start
    refused_requests: Mapping[tuple[str, str], int]  # by protocol and code, since the start
    forwarded: Mapping[str, int]  # connections to the forward proxy, by fate, since the start
    event_loop: Distribution  # how late it was, since the start
    log_lines_dropped: int  # since the start
    retention: Mapping[str, float | str] = field(default_factory=dict)
    """How long what is kept is kept, in seconds or `forever`."""
    expired: Mapping[str, int] = field(default_factory=dict)
    """What grew too old: files that were deleted since the start, by part, and dead letters."""
    connections: Mapping[str, int] = field(default_factory=dict)  # open ones, by listener
    refused_paths: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """The same requests by the shape of their path, method and code."""
    ended_connections: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Connections that the gateway ended or refused since the start, by listener and cause."""
    revisions: Revisions = UNNUMBERED
    """Of the policy and the schemas that are in force."""
    encryption: Encryption = Encryption(None, ())
    more: Counts = field(default_factory=Counts)
    """What extensions add."""

    def as_json(self) -> dict[str, Any]:
        own = {key: value for key, value in asdict(self).items() if key != "more"}
        return {
            **own,
            "destinations": [destination.as_json() for destination in self.destinations],
            "changes": [
                {"rule": rule, "action": action, "count": count}
                for (rule, action), count in self.changes.items()
            ],
            "refused_requests": [
                {"protocol": protocol, "code": code, "count": count}
                for (protocol, code), count in self.refused_requests.items()
            ],
            "refused_paths": [
                {"path": path, "method": method, "code": code, "count": count}
                for (path, method, code), count in self.refused_paths.items()
            ],
            "ended_connections": [
                {"listener": listener, "cause": cause, "count": count}
                for (listener, cause), count in self.ended_connections.items()
            ],
            **self.more.status,
        }

    def samples(self) -> Samples:
        """The same numbers under the names of the metrics."""
        each = self.destinations
        return {
            "gateway_events_received_total": {(name,): n for name, n in self.received.items()},
            "gateway_events_accepted_total": {(): self.accepted},
            "gateway_events_rejected_total": {(name,): n for name, n in self.rejected.items()},
            "gateway_destination_delivered_total": {(d.name,): d.delivered for d in each},
            "gateway_destination_filtered_total": {
                (d.name, reason): n for d in each for reason, n in d.filtered.items()
            },
            "gateway_destination_dead_events": {
                (d.name, reason): n for d in each for reason, n in d.dead.items()
            },
            "gateway_destination_pending_events": {(d.name,): d.pending for d in each},
            "gateway_destination_waiting": {(d.name,): d.waiting is not None for d in each},
            "gateway_destination_waiting_since_seconds": {
                (d.name,): d.waiting_since for d in each if d.waiting_since is not None
            },
            "gateway_destination_next_try_seconds": {
                (d.name,): d.next_try for d in each if d.next_try is not None
            },
            "gateway_fields_changed_total": {
                (rule, action): n for (rule, action), n in self.changes.items()
            },
            "gateway_requests_refused_total": {
                (protocol, code): n for (protocol, code), n in self.refused_requests.items()
            },
            "gateway_paths_refused_total": {
                (path, method, code): n for (path, method, code), n in self.refused_paths.items()
            },
            "gateway_destination_replaying_events": {(d.name,): d.replaying for d in each},
            "gateway_destination_discarded_total": {(d.name,): d.discarded for d in each},
            "gateway_destination_expired_total": {(d.name,): d.expired for d in each},
            "gateway_files_expired_total": {
                (part,): n for part, n in self.expired.items() if part != "dead_letters"
            },
            "gateway_destination_requests": {(d.name,): d.requests_at_once for d in each},
            "gateway_egress_leaks_total": {
                (d.name, kind): n for d in each for kind, n in d.leaks.items()
            },
            "gateway_destination_scrubbed_again_total": {(d.name,): d.scrubbed_again for d in each},
            "gateway_destination_left_out_total": {
                (d.name, part, reason): n for d in each for (part, reason), n in d.left_out.items()
            },
            "gateway_forward_proxy_connections_total": {
                (fate,): n for fate, n in self.forwarded.items()
            },
            "gateway_connections": {(name,): n for name, n in self.connections.items()},
            "gateway_connections_ended_total": {
                (name, cause): n for (name, cause), n in self.ended_connections.items()
            },
            "gateway_journal_bytes": {(): self.journal_bytes},
            "gateway_journal_full_seconds": (
                {} if self.journal_full_in is None else {(): self.journal_full_in}
            ),
            "gateway_disk_free_bytes": (
                {} if self.disk_free_bytes is None else {(): self.disk_free_bytes}
            ),
            "gateway_data_bytes": {(part,): n for part, n in self.data_bytes.items()},
            "gateway_ready": {(): self.ready},
            "gateway_policy_revision": {(): self.revisions.policy.number},
            "gateway_schema_revision": {(): self.revisions.schema.number},
            "gateway_event_loop_stall_seconds": {(): self.event_loop},
            "gateway_log_lines_dropped_total": {(): self.log_lines_dropped},
            **self.more.samples,
        }
