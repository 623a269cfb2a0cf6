"""What Mixpanel would refuse or silently drop is known before it is sent.

Facts: docs.mixpanel.com, import events: fewer than 255 properties, and as many members in each
object and list; objects nested three deep; an event below 1 MB; no time before 1971 and none more
than an hour ahead.
"""

from __future__ import annotations

from typing import Any

from gateway.event import Reason
from gateway.translation.operation import Operation

MEMBERS = 255
"""An event, an object or a list has fewer."""
DEPTH = 3
"""Objects below the properties, one in another."""
RECORD_BYTES = 1024**2
"""An event or a profile update is smaller."""
EARLIEST = 31_536_000_000
"""1971, in milliseconds: times must lie behind it."""
AHEAD = 3_600_000
"""How many milliseconds a time may be ahead; Mixpanel's SDKs do not correct their clocks."""

_NESTED = frozenset((dict, list))


def timely(moment: int | None, arrival: int) -> int:
    """The moment where Mixpanel takes it, else the arrival. All in milliseconds."""
    if moment is not None and EARLIEST < moment <= arrival + AHEAD:
        return moment
    return arrival


def refusal(operation: Operation, size: int) -> Reason | None:
    """Why Mixpanel would not take an operation that is `size` long as JSON, or would drop it."""
    if operation.reason:
        return operation.reason
    if size >= RECORD_BYTES:
        return Reason.OVER_VENDOR_LIMIT
    if operation.kind != "event":
        return None
    properties = operation.record["properties"]
    if len(properties) - 1 >= MEMBERS:  # the token is ours
        return Reason.OVER_VENDOR_LIMIT
    if _NESTED.isdisjoint(map(type, properties.values())):
        return None
    is_over = any(_is_over(value, 1) for value in properties.values())
    return Reason.OVER_VENDOR_LIMIT if is_over else None


def _is_over(value: Any, depth: int) -> bool:
    """`depth`: how deep an object would be that stands here."""
    if type(value) is dict:
        if depth > DEPTH or len(value) >= MEMBERS:
            return True
        return any(_is_over(inner, depth + 1) for inner in value.values())
    if type(value) is list:
        return len(value) >= MEMBERS or any(_is_over(inner, depth) for inner in value)
    return False
