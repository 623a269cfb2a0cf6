from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.cloud_services import CloudServices
from tests.fakes.vendor import running


@pytest.fixture
async def cloud() -> AsyncIterator[CloudServices]:
    """Appsmith's cloud services."""
    async with running(CloudServices()) as vendor:
        yield vendor
