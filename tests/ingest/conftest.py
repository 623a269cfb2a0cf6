from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from tests.ingest.backend import RecordingDoor, serving


@pytest.fixture
def door() -> RecordingDoor:
    return RecordingDoor()


@pytest.fixture
async def http(door: RecordingDoor) -> AsyncIterator[ClientSession]:
    """A client of a server that stands before `door`."""
    async with (
        serving(door) as url,
        ClientSession(url, auto_decompress=False, cookie_jar=None) as session,
    ):
        yield session
