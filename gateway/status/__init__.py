"""One consistent look at everything: what pages, API, metrics and the doctor show."""

from gateway.status.observer import ListenerCounts, Observer
from gateway.status.report import DestinationStatus, Status

__all__ = ["DestinationStatus", "ListenerCounts", "Observer", "Status"]
