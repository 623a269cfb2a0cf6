"""Everything the journal holds reaches each of its consumers in order, or is accounted for."""

from gateway.delivery.backoff import Backoff
from gateway.delivery.delivery import Delivery, Sink, Status, Wait
from gateway.delivery.feed import (
    AUDIT,
    QUARANTINE,
    Feed,
    audit_feed,
    destination_feed,
    quarantine_feed,
)
from gateway.delivery.session import Pace

__all__ = [
    "AUDIT",
    "QUARANTINE",
    "Backoff",
    "Delivery",
    "Feed",
    "Pace",
    "Sink",
    "Status",
    "Wait",
    "audit_feed",
    "destination_feed",
    "quarantine_feed",
]
