"""Whatever an event holds, it is rendered into requests or filtered with a reason, never both."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qs

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations import Destination, Rendered, Request, finished
from gateway.destinations.mixpanel.client import MixpanelDestination
from gateway.destinations.mixpanel.settings import MixpanelSettings
from gateway.destinations.segment.client import SegmentDestination
from gateway.destinations.segment.settings import SegmentSettings
from gateway.event import StoredEvent
from gateway.translation.table import EVENT, GROUP_TRAITS, PAGE, TRAITS
from tests.destinations.events import Journal, made

HOST = "https://api.example.com"
SEGMENT: Destination = SegmentDestination(
    "segment", SegmentSettings(type="segment", write_key="w", host=HOST)
)
PROJECTS: tuple[tuple[Literal["simplified", "original"], str], ...] = (
    ("simplified", "$mp_web_page_view"),
    ("original", "{category} {name}"),
)
MIXPANELS: list[Destination] = [
    MixpanelDestination(
        "mixpanel",
        MixpanelSettings(
            type="mixpanel",
            token="t",
            host=HOST,
            identity=identity,
            page_event=page,
            increments=True,
        ),
    )
    for identity, page in PROJECTS
]

ROWS = (*EVENT.rows, *PAGE.rows, *TRAITS.rows, *GROUP_TRAITS.rows)
SEGMENT_KEYS = sorted(
    {key for row in ROWS for key in row.segment}
    | {"userId", "previousId", "groupId", "event", "traits", "products", "increment", "direct"}
)
MIXPANEL_KEYS = sorted(
    {name for row in ROWS for name in (*row.mixpanel, *row.also)}
    | {"distinct_id", "$user_id", "$device_id", "alias", "$distinct_ids", "$ignore", "properties"}
    | {"$distinct_id", "$group_key", "$group_id", "$set", "$add", "$time", "$ip", "$source"}
)
NAMES = ("Bought", "Order Completed", "$identify", "$create_alias", "$merge", "$mp_web_page_view")


def objects(keys: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(codec="utf-8"), max_size=8)
        | st.sampled_from(["$device:d1", "anonymous", "2026-11-23T07:51:04Z", *NAMES])
    )
    inner = st.recursive(
        scalars,
        lambda deeper: (
            st.lists(deeper, max_size=3)
            | st.dictionaries(st.sampled_from(keys), deeper, max_size=6)
        ),
        max_leaves=12,
    )
    return st.dictionaries(st.sampled_from(keys), inner, max_size=12)


KINDS = st.sampled_from(["track", "page", "screen", "identify", "group", "alias", "odd"])
from_segment = st.builds(
    lambda kind, message: Journal().segment(kind, **message),
    KINDS,
    objects(SEGMENT_KEYS),
)
from_mixpanel = st.builds(
    lambda kind, record, name: Journal().mixpanel(kind, {"event": name, **record}),
    st.sampled_from(["event", "people", "groups", "odd"]),
    objects(MIXPANEL_KEYS),
    st.sampled_from(NAMES),
)


def values(request: Request) -> Any:
    if request.body.startswith(b"data="):
        return orjson.loads(parse_qs(request.body.decode(), strict_parsing=True)["data"][0])
    return orjson.loads(request.body)["batch"]


def check(rendered: Rendered, event: StoredEvent) -> None:
    sent = [sequence for request in rendered.requests for sequence in request.events]
    assert bool(sent) != bool(rendered.filtered)
    assert set(sent) | set(rendered.filtered) == {event.sequence}
    for request in map(finished, rendered.requests):
        assert values(request)


@pytest.mark.parametrize("destination", [SEGMENT, *MIXPANELS])
@given(event=from_segment | from_mixpanel)
def test_it_is_sent_or_filtered(destination: Destination, event: StoredEvent) -> None:
    body = event.body
    rendered = destination.render([event])
    check(rendered, event)
    again = destination.render([event])
    assert again.filtered == rendered.filtered
    assert [*map(values, made(destination, [event]))] == [
        values(finished(request)) for request in rendered.requests
    ]
    assert event.body == body
