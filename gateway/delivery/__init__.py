"""Everything the journal holds reaches each of its consumers in order, or is accounted for."""

from gateway.delivery.backoff import Backoff
from gateway.delivery.delivery import Delivery, DeliveryStatus, Sink, VendorCare
from gateway.delivery.egress import Egress
from gateway.delivery.feed import (
    AUDIT,
    QUARANTINE,
    Feed,
    audit_feed,
    destination_feed,
    passed_over,
    quarantine_feed,
)
from gateway.delivery.replay import Replay
from gateway.delivery.session import DeliveryOptions
from gateway.delivery.waiting import Wait

__all__ = [
    "AUDIT",
    "QUARANTINE",
    "Backoff",
    "Delivery",
    "DeliveryOptions",
    "DeliveryStatus",
    "Egress",
    "Feed",
    "Replay",
    "Sink",
    "VendorCare",
    "Wait",
    "audit_feed",
    "destination_feed",
    "passed_over",
    "quarantine_feed",
]
