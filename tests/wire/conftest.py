"""Fixtures of the tests that run real clients against the real gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.wire.running import Gateway, running


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncGenerator[Gateway]:
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with running(folder) as gateway:
        yield gateway
