"""The words between delivery and destinations; each destination is a folder beside this file."""

from gateway.destinations.contract import (
    BodyFormat,
    Deletion,
    Delivered,
    Destination,
    DestinationType,
    Draft,
    Example,
    Opening,
    Probe,
    Rejected,
    Rendered,
    Request,
    RetryLater,
    Service,
    Verdict,
    finished,
)

__all__ = [
    "BodyFormat",
    "Deletion",
    "Delivered",
    "Destination",
    "DestinationType",
    "Draft",
    "Example",
    "Opening",
    "Probe",
    "Rejected",
    "Rendered",
    "Request",
    "RetryLater",
    "Service",
    "Verdict",
    "finished",
]
