"""One look at the gateway: what the status page, the API and the metrics all show.

The numbers of a `Status` come from one read of the journal, so the equation holds within it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gateway.admin.metrics import Samples


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
    waiting: str | None  # why nothing can be delivered just now


@dataclass(frozen=True, slots=True)
class Status:
    """Everything a person asks first. received = accepted + rejected."""

    version: str
    ready: bool
    refusal: str | None  # why nothing can be accepted just now
    received: Mapping[str, int]  # by source
    accepted: int
    rejected: Mapping[str, int]  # by reason
    destinations: tuple[DestinationStatus, ...]
    journal_bytes: int
    changes: Mapping[tuple[str, str], int]  # by rule and action, since the start
    refused_requests: Mapping[tuple[str, str], int]  # by protocol and code, since the start

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "destinations": [asdict(destination) for destination in self.destinations],
            "changes": [
                {"rule": rule, "action": action, "count": count}
                for (rule, action), count in self.changes.items()
            ],
            "refused_requests": [
                {"protocol": protocol, "code": code, "count": count}
                for (protocol, code), count in self.refused_requests.items()
            ],
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
            "gateway_destination_dead_total": {
                (d.name, reason): n for d in each for reason, n in d.dead.items()
            },
            "gateway_destination_pending_events": {(d.name,): d.pending for d in each},
            "gateway_destination_waiting": {(d.name,): d.waiting is not None for d in each},
            "gateway_fields_changed_total": {
                (rule, action): n for (rule, action), n in self.changes.items()
            },
            "gateway_requests_refused_total": {
                (protocol, code): n for (protocol, code), n in self.refused_requests.items()
            },
            "gateway_journal_bytes": {(): self.journal_bytes},
            "gateway_ready": {(): self.ready},
        }
