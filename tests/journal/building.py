"""Clean events and settings for the tests of the journal and what reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from pydantic import ByteSize

from gateway.config.model import JournalSettings as Settings
from gateway.event import CleanEvent, CleanText, Header, Reason
from tests.clean import clean_event

NO_LIMIT = Settings(min_free_bytes=ByteSize(0))


def event(
    name: str,
    *,
    user: str = "u",
    to: tuple[str, ...] = ("local",),
    filtered: Mapping[str, Reason] | None = None,
    size: int = 0,
) -> CleanEvent:
    """The event whose messageId is `name`; `size` adds as many characters to its message."""
    header = Header(
        message_id=CleanText(name),
        source="demo",
        protocol="segment",
        type="track",
        name=CleanText("Signed Up"),
        schema="segment/track",
        telemetry_class="optional",
        received_at=1_795_420_264.317,
        user=CleanText(user),
        pseudonyms=(),
        to=to,
        filtered=dict(filtered or {}),
    )
    return clean_event(header, {"messageId": name, "properties": {"text": "é" * size}})


async def until(holds: Callable[[], object]) -> None:
    """Wait for what happens in another thread; the test's own time limit ends it."""
    while not holds():  # noqa: ASYNC110 (threads set no asyncio.Event)
        await asyncio.sleep(0.005)
