"""An event on one line: the clean message in Segment's shape, whatever protocol it came by."""

from __future__ import annotations

from typing import assert_never

import orjson

from gateway.event import Reason, StoredEvent
from gateway.protocols import PROTOCOLS
from gateway.translation import to_segment
from gateway.translation.project import Project

_GROUP_KEY = Project().group_key


def segment_line(event: StoredEvent) -> bytes:
    """The event on one line as a Segment message.

    A Mixpanel record that has none of the same meaning stays as it came; its `type` begins with
    `mixpanel_`.
    """
    match PROTOCOLS[event.header.protocol].form:
        case "segment" | "own":
            return event.body
        case "mixpanel":
            record = event.message
            message = to_segment.translate(record, event.header, _GROUP_KEY)
            is_none = isinstance(message, Reason)
            return orjson.dumps(to_segment.as_it_came(record, event.header) if is_none else message)
        case unknown:
            assert_never(unknown)


def same_event(line: bytes, other: bytes) -> bool:
    """Whether two lines are of one event: its `messageId` tells, whatever became of the rest."""
    if line == other:
        return True
    try:
        found, given = (orjson.loads(each).get("messageId") for each in (line, other))
    except (orjson.JSONDecodeError, AttributeError):
        return False
    return bool(found) and found == given
