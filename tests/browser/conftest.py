"""Fixtures of the tests that run analytics.js in Chromium against the real gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.browser.chromium import Browser, Sdk, chromium
from tests.wire.running import Gateway, running


@pytest.fixture
async def gateway(tmp_path: Path, sdk: Sdk) -> AsyncGenerator[Gateway]:
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with running(folder, analytics_js=sdk.scripts) as gateway:
        yield gateway


@pytest.fixture
async def browser() -> AsyncGenerator[Browser]:
    async with chromium() as browser:
        yield browser
