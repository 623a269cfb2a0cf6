"""Fixtures of the tests that run real clients against the real gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.wire.running import Gateway, running


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncGenerator[Gateway]:
    """For a test that stops or breaks it."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with running(folder) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Gateway]:
    """One for all tests of a module, which say `pytest.mark.asyncio(loop_scope="module")`."""
    async with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway
